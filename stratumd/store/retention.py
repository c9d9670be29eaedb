"""Forgetting: what is older than it has to be kept is deleted in small transactions, between which others write.

What is to go is looked up beside the writer; a transaction only deletes it by its keys, once what might have changed
meanwhile was looked at again. Never deleted: what a series of quotes is, the newest consensus of a market, the changes
of an event that somebody observed lately, signals that wait for a sink of the file, imported history. A restart needs
nothing of what is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, exists, func, or_, select

from stratumd.plugin import DAY, Micros, delivery_id
from stratumd.store import feed
from stratumd.store.notices import KEPT
from stratumd.store.tables import (
    changes,
    charges,
    consensus,
    coverage,
    cursors,
    cycles,
    deliveries,
    events,
    failures,
    issues,
    latest,
    notice_sinks,
    notices,
    observations,
    polls,
    records,
    signals,
)
from stratumd.store.writes import Bulk, Delete

T = TypeVar("T")
Keys = list[tuple[Any, ...]]

ROWS = 2000
"""Rows that one transaction deletes at most of one table: milliseconds, after which others have their turn."""
LOOKED_AT = 500
"""Events that are looked at until there is a pause, also where nothing of them is to go."""
RESTART = 8 * DAY
"""Answers of a source's last so many days stay: a board is made of them."""
_WAITING = ("pending", "in_flight")
_TOGETHER = 400  # values in one condition


class Keep(NamedTuple):
    """How long each kind of rows is kept after it was observed; None for ever."""

    observations: Micros | None = None
    """Answers as received, once every pipeline that reads their source has processed them."""
    polls: Micros | None = None
    changes: Micros | None = None
    consensus: Micros | None = None
    signals: Micros | None = None
    deliveries: Micros | None = None
    """Those that have ended, and those that wait for a sink that is none of `sinks`."""
    issues: Micros | None = None
    kpi: Micros | None = None
    notices: Micros | None = KEPT
    sinks: frozenset[str] | None = None
    """The sinks of the file; None where they are not known: then whatever waits stays."""
    pipelines: frozenset[str] | None = None
    """The pipelines of the file: what they have not processed stays. None: every one that there ever was."""
    owed: frozenset[tuple[str, str]] = frozenset()
    """Pipelines and events whose signals a job has yet to work over."""


LENGTHS = tuple(name for name in Keep._fields if name not in ("sinks", "pipelines", "owed"))
"""The fields of `Keep` that are lengths of time."""


class Cleaned(NamedTuple):
    """What one transaction deleted."""

    table: str
    rows: int
    """None where it was only looked for a while: whoever waits for a stop has a turn."""


class Write(Protocol):
    """Runs work in a transaction of its own."""

    def __call__(self, work: Callable[[Connection, Bulk], T], /) -> T:
        """Return what `work` returns, when it is committed."""


class Read(Protocol):
    """Runs work in a transaction that writes nothing and holds nobody up."""

    def __call__(self, work: Callable[[Connection], T], /) -> T:
        """Return what `work` returns."""


def clean(read: Read, write: Write, keep: Keep, now: Micros, rows: int = ROWS) -> Iterator[Cleaned]:
    """Delete what is older than `keep` says at `now`, and yield after each transaction."""
    cleaning = _Cleaning(read, write, now, rows)
    if keep.issues is not None:
        yield from cleaning.aged(issues, issues.c.observed_at, keep.issues)
        yield from cleaning.failures(keep.issues)
    if keep.kpi is not None:
        yield from cleaning.aged(cycles, cycles.c.finished_at, keep.kpi)
    if keep.notices is not None:
        yield from cleaning.notices(keep.notices)
    if keep.deliveries is not None:
        yield from cleaning.deliveries(keep.deliveries, keep.sinks)
    if keep.signals is not None:
        yield from cleaning.signals(keep.signals, keep.owed)
    if keep.consensus is not None:
        yield from cleaning.records(keep.consensus)
    if keep.changes is not None:
        yield from cleaning.quotes(keep.changes)
    if keep.polls is not None:
        yield from cleaning.aged(charges, charges.c.charged_at, keep.polls)
        yield from cleaning.aged(polls, polls.c.started_at, keep.polls)
    if keep.observations is not None:
        yield from cleaning.answers(keep.observations, keep.pipelines)


class _Cleaning:
    def __init__(self, read: Read, write: Write, now: Micros, rows: int) -> None:
        self._read = read
        self._write = write
        self._now = now
        self._rows = rows

    def aged(self, table: Table, at: ColumnElement[int], length: Micros) -> Iterator[Cleaned]:
        """Delete what is older than `length` by the column `at`."""
        return self._repeated(table, _keys(table).where(at < self._now - length).order_by(at))

    def failures(self, length: Micros) -> Iterator[Cleaned]:
        """Delete where components failed, once the answer is gone: so long as it can be replayed, replay obeys them."""
        at, old = failures.c.observed_at, failures.c.observed_at < self._now - length
        there = exists().where(observations.c.id == failures.c.observation)
        return self._repeated(failures, _keys(failures).where(old, ~there).order_by(at))

    def notices(self, length: Micros) -> Iterator[Cleaned]:
        """Delete old notices with what became of them, wherever they may wait still."""
        old = select(notices.c.id).where(notices.c.at < self._now - length)
        yield from self._repeated(notice_sinks, _keys(notice_sinks).where(notice_sinks.c.notice.in_(old)))
        yield from self.aged(notices, notices.c.at, length)

    def deliveries(self, length: Micros, sinks: frozenset[str] | None) -> Iterator[Cleaned]:
        """Delete what ended, and what waits for sinks that there are no more."""
        before = self._now - length
        ended = and_(deliveries.c.state.not_in(_WAITING), deliveries.c.ended_at < before)
        yield from self._repeated(deliveries, _keys(deliveries).where(ended), still=ended)
        known = self._sinks() if sinks is not None else ()
        for sink in [each for each in known if each not in (sinks or ())]:
            gone = and_(deliveries.c.sink == sink, deliveries.c.observed_at < before)
            yield from self._repeated(deliveries, _keys(deliveries).where(gone, deliveries.c.state.in_(_WAITING)))

    def signals(self, length: Micros, owed: frozenset[tuple[str, str]]) -> Iterator[Cleaned]:
        """Delete signals with their deliveries, but for those that wait, and those that a job has yet to work over."""
        at, id = signals.c.observed_at, signals.c.id
        sinks, last = self._sinks(), (0, "")
        waiting = select(deliveries.c.signal).where(deliveries.c.state.in_(_WAITING))
        while True:
            after = or_(at > last[0], and_(at == last[0], id > last[1]))
            old = select(at, id, signals.c.pipeline, signals.c.event).where(at < self._now - length, after)
            found = self._fetch(old.where(id.not_in(waiting)).order_by(at, id).limit(self._rows))
            if not found:
                return
            last = found[-1][0], found[-1][1]
            ids = [row[1] for row in found if (row[2], row[3]) not in owed]
            if ids and (deleted := self._write(partial(_drop_signals, ids, sinks))):
                yield Cleaned("signals", deleted)

    def records(self, length: Micros) -> Iterator[Cleaned]:
        """Delete consensus and other records that a newer one of their market replaced."""
        before = self._now - length
        for number, event in enumerate(self._events(events.c.first_seen < before), 1):
            for table in (consensus, records):
                yield from self._repeated(table, _superseded(table, event, before))
            if number % LOOKED_AT == 0:
                yield Cleaned(str(consensus.name), 0)

    def quotes(self, length: Micros) -> Iterator[Cleaned]:
        """Delete all that is kept of the quotes of events that nobody observed any more."""
        since = self._now - length
        lately = self._read(lambda connection: {*connection.scalars(_covered().where(coverage.c.observed_at >= since))})
        pipelines = [*self._read(lambda connection: connection.scalars(select(coverage.c.pipeline).distinct()).all())]
        tables = (changes, consensus, records, latest)
        left = or_(*[exists().where(table.c.event_id == events.c.event_id) for table in tables])
        for event in self._events(and_(events.c.observed_at < since, left)):
            if event in lately:
                continue
            mine = and_(coverage.c.pipeline.in_(pipelines), coverage.c.event_id == event)
            back = select(coverage.c.event_id).where(mine, coverage.c.observed_at >= since).limit(1)
            # What a series is stays: whoever writes knows that it is there.
            for table in tables:
                yield from self._repeated(table, _keys(table).where(table.c.event_id == event), unless=back)
            yield from self._repeated(coverage, _keys(coverage).where(mine), unless=back)

    def answers(self, length: Micros, pipelines: frozenset[str] | None) -> Iterator[Cleaned]:
        """Delete answers that every pipeline has processed, but for the newest days of each source."""
        received = observations.c.received_at
        floors = select(cursors.c.source, func.min(cursors.c.floor)).group_by(cursors.c.source)
        if pipelines is not None:
            floors = floors.where(cursors.c.pipeline.in_(pipelines))
        newest = select(observations.c.source, func.max(received)).group_by(observations.c.source)
        done: dict[str, int] = dict(self._fetch(floors))
        for source, last in self._fetch(newest):
            old = and_(observations.c.source == source, received < min(self._now - length, last - RESTART))
            mine = and_(old, observations.c.origin != "historical", observations.c.position <= done.get(source, 0))
            yield from self._repeated(observations, _keys(observations).where(mine).order_by(observations.c.position))

    def _sinks(self) -> list[str]:
        return [row[0] for row in self._fetch(select(deliveries.c.sink).distinct().order_by(deliveries.c.sink))]

    def _events(self, which: ColumnElement[bool]) -> list[int]:
        return [row[0] for row in self._fetch(select(events.c.event_id).where(which).order_by(events.c.event_id))]

    def _fetch(self, query: Select[Any]) -> Keys:
        return self._read(lambda connection: [tuple(row) for row in connection.execute(query)])

    def _repeated(
        self,
        table: Table,
        keys: Select[Any],
        *,
        still: ColumnElement[bool] | None = None,
        unless: Select[Any] | None = None,
    ) -> Iterator[Cleaned]:
        """Delete the rows with these keys, some at a time, until there are none.

        `still` must hold of a row when it is deleted; where `unless` finds anything by then, no row is.
        """
        statement = Delete(table)

        def some(found: Keys) -> Callable[[Connection, Bulk], int]:
            def work(connection: Connection, bulk: Bulk) -> int:
                if unless is not None and connection.execute(unless).first() is not None:
                    return 0
                left = found if still is None else _those(connection, table, found, still)
                if left:
                    bulk(statement, left)
                return len(left)

            return work

        while found := self._fetch(keys.limit(self._rows)):
            number = self._write(some(found))
            if number:
                yield Cleaned(str(table.name), number)
            if number < self._rows:
                return


def _keys(table: Table) -> Select[Any]:
    return select(*table.primary_key.columns)


def _covered() -> Select[int]:
    return select(coverage.c.event_id).distinct()


def _superseded(table: Table, event: int, before: Micros) -> Select[Any]:
    """Select what is old and not the newest of its market."""
    newer = table.alias()
    same = [newer.c[name] == table.c[name] for name in table.primary_key.columns.keys() if name != "observed_at"]  # noqa: SIM118  # without keys() these are columns, not names
    replaced = exists().where(*same, newer.c.observed_at > table.c.observed_at)
    return _keys(table).where(table.c.event_id == event, table.c.observed_at < before, replaced)


def _those(connection: Connection, table: Table, keys: Keys, still: ColumnElement[bool]) -> Keys:
    """Return those of the `keys`, which have one column, of whose rows `still` holds."""
    (column,) = table.primary_key.columns
    found: Keys = []
    for first in range(0, len(keys), _TOGETHER):
        some = column.in_([key[0] for key in keys[first : first + _TOGETHER]])
        found += [tuple(row) for row in connection.execute(_keys(table).where(some, still))]
    return found


def _drop_signals(ids: list[str], sinks: list[str], connection: Connection, bulk: Bulk) -> int:
    """Delete signals and their deliveries, but for those that wait to be delivered. Returns how many."""
    sent = [(delivery_id(id, sink),) for id in ids for sink in sinks]
    waiting = deliveries.c.state.in_(_WAITING)
    still = {row[0] for row in _those(connection, deliveries, sent, waiting)}
    gone = [id for id in ids if not any(delivery_id(id, sink) in still for sink in sinks)]
    settled = [(delivery_id(id, sink),) for id in gone for sink in sinks]
    if settled:
        bulk(Delete(deliveries), settled)
    if gone:
        feed.forget(connection, gone)
        bulk(Delete(signals), [(id,) for id in gone])
    return len(gone)
