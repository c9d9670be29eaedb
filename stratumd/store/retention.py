"""Forgetting: what is older than it has to be kept is deleted in small transactions, between which others write.

Never deleted: answers as received, what a series of quotes is, the newest consensus of a market, the changes of an
event that somebody observed lately, and signals that wait to be delivered. A restart needs nothing of what is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection, Select, Table, and_, exists, select

from stratumd.plugin import Micros, delivery_id
from stratumd.store import feed
from stratumd.store.tables import (
    changes,
    consensus,
    coverage,
    deliveries,
    events,
    issues,
    latest,
    records,
    signals,
)
from stratumd.store.writes import Bulk, Delete

T = TypeVar("T")

ROWS = 2000
"""Rows that one transaction deletes at most of one table: milliseconds, after which others have their turn."""
_WAITING = ("pending", "in_flight")


class Keep(NamedTuple):
    """How long each kind of rows is kept after it was observed; None for ever."""

    changes: Micros | None = None
    consensus: Micros | None = None
    signals: Micros | None = None
    issues: Micros | None = None


class Cleaned(NamedTuple):
    """What one transaction deleted."""

    table: str
    rows: int


class Write(Protocol):
    """Runs work in a transaction of its own."""

    def __call__(self, work: Callable[[Connection, Bulk], T], /) -> T:
        """Return what `work` returns, when it is committed."""


def clean(write: Write, keep: Keep, now: Micros, rows: int = ROWS) -> Iterator[Cleaned]:
    """Delete what is older than `keep` says at `now`, and yield after each transaction."""
    if keep.issues is not None:
        yield from _repeated(write, _old(issues, now - keep.issues), Delete(issues), rows)
    if keep.signals is not None:
        yield from _signals(write, now - keep.signals, rows)
    if keep.consensus is not None:
        for table in (consensus, records):
            for event in _events(write, events.c.first_seen < now - keep.consensus):
                yield from _repeated(write, _superseded(table, event, now - keep.consensus), Delete(table), rows)
    if keep.changes is not None:
        since = now - keep.changes
        seen = exists().where(coverage.c.event_id == events.c.event_id, coverage.c.observed_at >= since)
        for event in _events(write, and_(events.c.observed_at < since, ~seen)):
            # What a series is stays: whoever writes knows that it is there.
            for table in (changes, consensus, records, latest, coverage):
                query = select(*table.primary_key.columns).where(table.c.event_id == event)
                yield from _repeated(write, query, Delete(table), rows)


def _events(write: Write, which: Any) -> list[int]:
    query = select(events.c.event_id).where(which).order_by(events.c.event_id)
    return write(lambda connection, _: [*connection.scalars(query)])


def _repeated(write: Write, keys: Select[Any], statement: Delete, rows: int) -> Iterator[Cleaned]:
    """Delete the rows with these keys, some at a time, until there are none."""

    def some(connection: Connection, bulk: Bulk) -> int:
        found = [tuple(row) for row in connection.execute(keys.limit(rows))]
        if found:
            bulk(statement, found)
        return len(found)

    while number := write(some):
        yield Cleaned(str(statement.table.name), number)
        if number < rows:
            return


def _old(table: Table, before: Micros) -> Select[Any]:
    return select(*table.primary_key.columns).where(table.c.observed_at < before).order_by(table.c.observed_at)


def _superseded(table: Table, event: int, before: Micros) -> Select[Any]:
    """Select what is old and not the newest of its market."""
    newer = table.alias()
    same = [newer.c[name] == table.c[name] for name in table.primary_key.columns.keys() if name != "observed_at"]  # noqa: SIM118
    replaced = exists().where(*same, newer.c.observed_at > table.c.observed_at)
    return select(*table.primary_key.columns).where(table.c.event_id == event, table.c.observed_at < before, replaced)


def _signals(write: Write, before: Micros, rows: int) -> Iterator[Cleaned]:
    """Delete signals with their deliveries, but for those that wait."""
    waiting = select(deliveries.c.signal).where(deliveries.c.state.in_(_WAITING)).scalar_subquery()
    keys = _old(signals, before).where(signals.c.id.not_in(waiting))

    def some(connection: Connection, bulk: Bulk) -> int:
        ids = [*connection.scalars(keys.limit(rows))]
        sinks = [*connection.scalars(select(deliveries.c.sink).distinct())] if ids else []
        settled = [(delivery_id(id, sink),) for id in ids for sink in sinks]
        if settled:
            bulk(Delete(deliveries), settled)
        if ids:
            feed.forget(connection, ids)
            bulk(Delete(signals), [(id,) for id in ids])
        return len(ids)

    while number := write(some):
        yield Cleaned("signals", number)
        if number < rows:
            return
