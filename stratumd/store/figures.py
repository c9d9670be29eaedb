"""The figures of a report to the operator: what was polled, kept, found, sent and spent in a range of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, func, select

from stratumd.plugin import MINUTE, Micros, Signal
from stratumd.store import overview
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import alerts, charges, coverage, deliveries, events, issues, polls, signals

CLOSE: Micros = 15 * MINUTE
"""An event counts as watched to its start where it was observed so long before it, or later."""
_STATES = ("delivered", "dead", "expired")
_AT_ONCE = 500


class SourceFigures(msgspec.Struct, frozen=True):
    """What became of the polls of one source."""

    source: str
    polls: int
    failed: int
    credits: int
    """Spent."""
    credits_remaining: int | None
    """By the provider's newest word."""
    longest_pause: Micros
    """Between two answers."""


class Figures(msgspec.Struct, frozen=True):
    """A report's figures, without the closing-line value, which is a plugin's."""

    since: Micros
    until: Micros
    sources: tuple[SourceFigures, ...]
    events: int
    """Observed."""
    started: int
    """Of the events that are known, those whose start lay in the range."""
    watched: int
    """Of these, those that were observed within 15 minutes of the start, or later."""
    signals: Mapping[str, int]
    """By type."""
    deliveries: Mapping[str, int]
    """`delivered`, `dead` and `expired` in the range, `failed` attempts of these, and those `waiting` now."""
    issues: Mapping[str, int]
    """What was wrong with quotes, by rule."""
    alerts: tuple[str, ...]
    """What is wrong now: titles."""
    database_bytes: int


def gather(connection: Connection, since: Micros, until: Micros) -> Figures:
    """Return the figures of [since, until)."""
    return Figures(
        since=since,
        until=until,
        sources=tuple(_sources(connection, since, until)),
        events=_number(connection, events.c.observed_at >= since, events.c.first_seen < until),
        started=_number(connection, *_within(events.c.commence_at, since, until)),
        watched=_watched(connection, since, until),
        signals=_counted(connection, signals.c.type, signals.c.observed_at, since, until),
        deliveries=_deliveries(connection, since, until),
        issues=_counted(connection, issues.c.rule, issues.c.observed_at, since, until),
        alerts=tuple(connection.scalars(select(alerts.c.title).order_by(alerts.c.since, alerts.c.key))),
        database_bytes=overview.size(connection),
    )


def signals_of(connection: Connection, pipeline: str, since: Micros, until: Micros) -> Iterator[Signal]:
    """Yield the signals of a pipeline that were observed in [since, until), by time and id."""
    mine = signals.c.pipeline == pipeline, *_within(signals.c.observed_at, since, until)
    query = select(*COLUMNS).where(*mine).order_by(signals.c.observed_at, signals.c.id)
    yield from map(restored_signal, connection.execute(query.execution_options(yield_per=_AT_ONCE)))


def _sources(connection: Connection, since: Micros, until: Micros) -> list[SourceFigures]:
    mine = _within(polls.c.started_at, since, until)
    counted = select(polls.c.source, func.count(), func.count(polls.c.error)).where(*mine)
    spent = select(charges.c.source, func.sum(charges.c.credits)).where(*_within(charges.c.charged_at, since, until))
    credits = {source: int(number) for source, number in connection.execute(spent.group_by(charges.c.source))}
    pauses = _pauses(connection, since, until)
    return [
        SourceFigures(source, number, failed, credits.get(source, 0), _left(connection, source), pauses.get(source, 0))
        for source, number, failed in connection.execute(counted.group_by(polls.c.source).order_by(polls.c.source))
    ]


def _left(connection: Connection, source: str) -> int | None:
    mine = (polls.c.source == source, polls.c.credits_remaining.is_not(None))
    newest = select(polls.c.credits_remaining).where(*mine).order_by(polls.c.started_at.desc(), polls.c.id.desc())
    return connection.scalar(newest.limit(1))


def _pauses(connection: Connection, since: Micros, until: Micros) -> dict[str, Micros]:
    before = func.lag(polls.c.started_at).over(partition_by=polls.c.source, order_by=polls.c.started_at)
    answered = and_(polls.c.error.is_(None), *_within(polls.c.started_at, since, until))
    each = select(polls.c.source, (polls.c.started_at - before).label("pause")).where(answered).subquery()
    longest = select(each.c.source, func.max(each.c.pause)).group_by(each.c.source)
    return {source: int(pause or 0) for source, pause in connection.execute(longest)}


def _watched(connection: Connection, since: Micros, until: Micros) -> int:
    newest = select(coverage.c.event_id, func.max(coverage.c.observed_at).label("at")).group_by(coverage.c.event_id)
    seen = newest.subquery()
    late = and_(seen.c.event_id == events.c.event_id, seen.c.at >= events.c.commence_at - CLOSE)
    query = select(func.count()).select_from(events).join(seen, late)
    return int(connection.scalar(query.where(*_within(events.c.commence_at, since, until))) or 0)


def _deliveries(connection: Connection, since: Micros, until: Micros) -> dict[str, int]:
    ended = and_(deliveries.c.state.in_(_STATES), *_within(deliveries.c.ended_at, since, until))
    counted = select(deliveries.c.state, func.count(), func.sum(deliveries.c.attempts)).where(ended)
    found = {state: (n, int(tries)) for state, n, tries in connection.execute(counted.group_by(deliveries.c.state))}
    numbers = {state: found.get(state, (0, 0))[0] for state in _STATES}
    tries = sum(tries for _, tries in found.values())
    waits = select(func.count()).where(deliveries.c.state.in_(("pending", "in_flight")))
    return {**numbers, "failed": tries - numbers["delivered"], "waiting": int(connection.scalar(waits) or 0)}


def _counted(connection: Connection, column: Any, at: Any, since: Micros, until: Micros) -> dict[str, int]:
    """Count by `column`, the most frequent first."""
    query = select(column, func.count()).where(*_within(at, since, until)).group_by(column)
    found = connection.execute(query.order_by(func.count().desc(), column))
    return {name: int(number) for name, number in found}


def _number(connection: Connection, *which: Any) -> int:
    return int(connection.scalar(select(func.count()).select_from(events).where(*which)) or 0)


def _within(at: Any, since: Micros, until: Micros) -> tuple[Any, Any]:
    return at >= since, at < until
