"""What alerts are judged by: facts of the last while, each read over an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from stratumd.plugin import Micros, Severity
from stratumd.plugin.views import BreakerRow, LeftOutRow
from stratumd.store import overview
from stratumd.store.tables import charges, deliveries, disabled_sinks, issues, polls, processed


class Question(NamedTuple):
    """What is to be known."""

    sources: Sequence[str]
    pipelines: Sequence[str]
    sinks: Sequence[str]
    polls_since: Micros
    quotes_since: Micros
    letters_since: Micros
    day: Micros
    """When the present day began, UTC."""
    month: Mapping[str, Micros]
    """When the present month began, for the sources whose month is limited."""

    def of(self, kind: str) -> Sequence[str]:
        """Return the sources or sinks of the file: what is stored of others is nobody's trouble any more."""
        return self.sources if kind == "source" else self.sinks


class Polled(NamedTuple):
    """Exchanges of one source."""

    source: str
    number: int
    failed: int
    error: str
    """Of the newest that failed."""


class Told(NamedTuple):
    """A provider's newest word on its quota."""

    remaining: int
    used: int | None


class Spent(NamedTuple):
    """Credits that a source has spent."""

    today: Mapping[str, int]
    """By feature."""
    month: int
    """0 where nobody asked."""


class GivenUp(NamedTuple):
    """Dead letters of one sink."""

    sink: str
    number: int
    error: str
    """Of the newest."""
    newest: Micros


class Flawed(NamedTuple):
    """What was wrong with the quotes of one pipeline, but for what is only worth a note."""

    pipeline: str
    quotes: int
    rules: Mapping[str, int]


class Facts(NamedTuple):
    """The answer."""

    breakers: Sequence[BreakerRow] = ()
    left_out: Sequence[LeftOutRow] = ()
    disabled: frozenset[str] = frozenset()
    polled: Sequence[Polled] = ()
    told: Mapping[str, Told] = {}
    spent: Mapping[str, Spent] = {}
    given_up: Sequence[GivenUp] = ()
    flawed: Sequence[Flawed] = ()


def gather(connection: Connection, question: Question) -> Facts:
    """Return the facts at one moment."""
    return Facts(
        breakers=[row for row in overview.open_breakers(connection) if row.name in question.of(row.kind)],
        left_out=[row for row in overview.left_out(connection) if row.pipeline in question.pipelines],
        disabled=frozenset(connection.scalars(select(disabled_sinks.c.sink))),
        polled=[_polled(connection, source, question.polls_since) for source in question.sources],
        told=dict(_told(connection, question.sources)),
        spent={source: _spent(connection, source, question) for source in question.sources},
        given_up=_given_up(connection, question.sinks, question.letters_since),
        flawed=[_flawed(connection, pipeline, question.quotes_since) for pipeline in question.pipelines],
    )


def _polled(connection: Connection, source: str, since: Micros) -> Polled:
    mine = (polls.c.source == source, polls.c.started_at >= since)
    number, failed = connection.execute(select(func.count(), func.count(polls.c.error)).where(*mine)).one()
    newest = select(polls.c.error, polls.c.detail).where(*mine, polls.c.error.is_not(None))
    row = connection.execute(newest.order_by(polls.c.started_at.desc(), polls.c.id.desc()).limit(1)).first()
    return Polled(source, number, failed, ": ".join(filter(None, row or ())))


def _told(connection: Connection, sources: Sequence[str]) -> Iterator[tuple[str, Told]]:
    for source in sources:
        mine = (polls.c.source == source, polls.c.credits_remaining.is_not(None))
        query = select(polls.c.credits_remaining, polls.c.credits_used).where(*mine)
        row = connection.execute(query.order_by(polls.c.started_at.desc(), polls.c.id.desc()).limit(1)).first()
        if row is not None:
            yield source, Told(*row)


def _spent(connection: Connection, source: str, question: Question) -> Spent:
    mine, month = charges.c.source == source, question.month.get(source)
    amount = func.sum(charges.c.credits)
    by_feature = select(charges.c.feature, amount).where(mine, charges.c.charged_at >= question.day)
    today = {feature: int(credits) for feature, credits in connection.execute(by_feature.group_by(charges.c.feature))}
    if month is None:
        return Spent(today, 0)
    return Spent(today, int(connection.scalar(select(amount).where(mine, charges.c.charged_at >= month)) or 0))


def _given_up(connection: Connection, sinks: Sequence[str], since: Micros) -> list[GivenUp]:
    dead = (deliveries.c.sink.in_(sinks), deliveries.c.state == "dead", deliveries.c.ended_at >= since)
    counted = select(deliveries.c.sink, func.count(), func.max(deliveries.c.ended_at)).where(*dead)
    found = connection.execute(counted.group_by(deliveries.c.sink).order_by(deliveries.c.sink)).all()
    return [GivenUp(sink, number, _error(connection, sink, newest), newest) for sink, number, newest in found]


def _error(connection: Connection, sink: str, at: Micros) -> str:
    mine = (deliveries.c.sink == sink, deliveries.c.state == "dead", deliveries.c.ended_at == at)
    return connection.scalar(select(deliveries.c.error).where(*mine).order_by(deliveries.c.id).limit(1)) or ""


def _flawed(connection: Connection, pipeline: str, since: Micros) -> Flawed:
    mine = (processed.c.pipeline == pipeline, processed.c.received_at >= since)
    quotes = connection.scalar(select(func.coalesce(func.sum(processed.c.quotes), 0)).where(*mine)) or 0
    matters = issues.c.severity != str(Severity.INFO)
    counted = select(issues.c.rule, func.count()).where(issues.c.observed_at >= since, issues.c.pipeline == pipeline)
    rules = connection.execute(counted.where(matters).group_by(issues.c.rule))
    return Flawed(pipeline, int(quotes), {rule: int(number) for rule, number in rules})
