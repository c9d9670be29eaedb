"""The feed: signals in the order of their commits, and what each step changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, and_, delete, func, select

from stratumd.plugin import DAY, Micros
from stratumd.plugin.history import Changed, Entry
from stratumd.plugin.views import PathPoint
from stratumd.store import counters, writes
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import changes, coverage, events, feed, processed, series, signals
from stratumd.store.writes import Bulk

NAME = "feed"
"""The counter of its sequence numbers."""
_LONGEST = 10 * DAY
"""Changes of an event that started longer ago are not told: it bounds where they are looked for."""
_AT_ONCE = 500


def append(connection: Connection, bulk: Bulk, ids: Collection[str]) -> None:
    """Give signals their place in the feed, in this order. One that has a place keeps it."""
    if ids:
        first = counters.advance(connection, NAME, len(ids)) - len(ids) + 1
        bulk(writes.FEED, [(first + number, id) for number, id in enumerate(ids)])


def forget(connection: Connection, ids: Collection[str]) -> None:
    """Take deleted signals out of the feed."""
    connection.execute(delete(feed).where(feed.c.signal.in_(ids)))


def mend(connection: Connection, bulk: Bulk, pipeline: str) -> None:
    """Give what a rebuild found anew its place, and take out what it did not find any more."""
    connection.execute(delete(feed).where(feed.c.signal.not_in(select(signals.c.id))))
    new = signals.c.id.not_in(select(feed.c.signal))
    query = select(signals.c.id).where(signals.c.pipeline == pipeline, new)
    append(connection, bulk, [*connection.scalars(query.order_by(signals.c.observed_at, signals.c.id))])


def entries(connection: Connection, after: int, limit: int) -> list[Entry]:
    """Return the first signals after a sequence number."""
    query = (
        select(feed.c.sequence, *COLUMNS)
        .join(signals, signals.c.id == feed.c.signal)
        .where(feed.c.sequence > after)
        .order_by(feed.c.sequence)
        .limit(limit)
    )
    return [Entry(row.sequence, restored_signal(row)) for row in connection.execute(query)]


def types(connection: Connection, after: int | None) -> set[str]:
    """Return the types of the signals after a sequence number; without one of all, which reads them all."""
    query = select(signals.c.type).distinct()
    if after is not None:
        query = query.join(feed, feed.c.signal == signals.c.id).where(feed.c.sequence > after)
    return set(connection.scalars(query))


def ends(connection: Connection) -> tuple[int, int]:
    """Return the first sequence number that is still there, and the newest that was ever given."""
    newest = counters.value(connection, NAME)
    first = connection.scalar(select(func.min(feed.c.sequence)))
    return (newest + 1 if first is None else first), newest


def newest_step(connection: Connection, pipeline: str) -> int:
    """Return the position of the pipeline's newest step; 0 where there is none."""
    query = select(func.max(processed.c.position)).where(processed.c.pipeline == pipeline)
    return connection.scalar(query) or 0


def changed(connection: Connection, pipeline: str, after: int, limit: int) -> Iterator[Changed]:
    """Yield what the first steps after a position changed."""
    query = (
        select(processed.c.position, processed.c.observed_at, processed.c.changes)
        .where(processed.c.pipeline == pipeline, processed.c.position > after)
        .order_by(processed.c.position)
        .limit(limit)
    )
    steps = connection.execute(query).all()
    told = set[Micros]()
    for step in steps:
        # Two steps may be of one instant; what changed then is told with the first of them that changed anything.
        if not step.changes or step.observed_at in told:
            yield Changed(step.position, step.observed_at, (), ())
            continue
        told.add(step.observed_at)
        yield _changed(connection, pipeline, step.position, step.observed_at)


def _changed(connection: Connection, pipeline: str, position: int, at: Micros) -> Changed:
    """Look under the events that were observed before and after: `changes` is clustered by event."""
    seen = (
        select(coverage.c.event_id)
        .join(events, events.c.event_id == coverage.c.event_id)
        .where(coverage.c.pipeline == pipeline, coverage.c.first_seen <= at, coverage.c.observed_at >= at)
        .where(events.c.commence_at >= at - _LONGEST)
        .distinct()
    )
    ids = [*connection.scalars(seen)]
    points: list[PathPoint] = []
    names: list[str] = []
    for start in range(0, len(ids), _AT_ONCE):
        same = and_(series.c.event_id == changes.c.event_id, series.c.series_id == changes.c.series_id)
        query = (
            select(events.c.event, series, changes.c.line, changes.c.price, changes.c.last_update)
            .select_from(changes)
            .join(series, same)
            .join(events, events.c.event_id == changes.c.event_id)
            .where(changes.c.event_id.in_(ids[start : start + _AT_ONCE]), changes.c.observed_at == at)
            .where(series.c.pipeline == pipeline)
            .order_by(events.c.event, series.c.market, series.c.player, series.c.book, series.c.outcome, series.c.rung)
        )
        for row in connection.execute(query):
            place = (at, pipeline, row.book, row.market, row.player, row.outcome)
            points.append(PathPoint(*place, row.line, row.price, row.last_update))
            names.append(row.event)
    return Changed(position, at, points, names)
