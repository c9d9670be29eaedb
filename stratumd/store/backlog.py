"""Which observations a pipeline still has to process, and which it needs again to rebuild its board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from stratumd.plugin import DAY, HOUR, Micros
from stratumd.store.tables import cursors, observations, processed

_LATELY = HOUR
"""Questions answered within this before the horizon are taken to be asked still."""
_ABANDONED = 7 * DAY
"""A question that was not answered for so long is asked no more: what it said is no part of the present."""


def floors(connection: Connection, pipeline: str) -> dict[str, int]:
    """Return, by source, the position up to which the pipeline has processed everything."""
    query = select(cursors.c.source, cursors.c.floor).where(cursors.c.pipeline == pipeline)
    return {row.source: row.floor for row in connection.execute(query)}


def pending(
    connection: Connection, pipeline: str, source_floors: Mapping[str, int], limit: int
) -> tuple[list[str], dict[str, int]]:
    """Return the first `limit` unprocessed observations in order, and the floors that follow from the answer.

    The newest positions are read first: whatever is stored meanwhile lies above the floors.
    """
    newest = _newest(connection, source_floors)
    found: list[tuple[Micros, str, str, int]] = []
    for source, floor in source_floors.items():
        query = (
            select(observations.c.received_at, observations.c.id, observations.c.source, observations.c.position)
            .outerjoin(
                processed,
                and_(processed.c.pipeline == pipeline, processed.c.observation == observations.c.id),
            )
            .where(
                observations.c.source == source,
                observations.c.position > floor,
                processed.c.observation.is_(None),
            )
            .order_by(observations.c.received_at, observations.c.id)
            .limit(limit)
        )
        rows = [tuple(row) for row in connection.execute(query)]
        found += rows
        if len(rows) < limit:
            newest[source] = min([newest[source], *(row[3] - 1 for row in rows)])
        else:
            newest[source] = floor
    return [id for _, id, _, _ in sorted(found)[:limit]], newest


def rebuilding(
    connection: Connection, pipeline: str, sources: Sequence[str], lookback: Micros
) -> list[tuple[str, Micros]]:
    """Return the processed observations that the board is made of, with when they were taken, in that order.

    All that were taken within `lookback` of the last one; and of everything that is asked for in the same words, the
    newest answer before that which was understood wholly, and all after it. An error page or a torn answer says
    nothing, or not all, of what is on offer. Where several questions were answered lately, all their answers since the
    oldest of these: a book may have gone over from one to another.
    """
    mine = and_(processed.c.pipeline == pipeline, processed.c.source.in_(sources))
    last = connection.scalar(select(func.max(processed.c.observed_at)).where(mine))
    if last is None:
        return []
    horizon = last - lookback
    newest = {row[0]: row[1] for row in connection.execute(_newest_whole(mine, horizon))}
    lately = [at for at in newest.values() if at > horizon - _LATELY]
    columns = (processed.c.position, processed.c.observation, processed.c.observed_at)
    everything = select(*columns).where(mine, _since(min(lately, default=horizon)))
    rows = {(row[0], row[1], row[2]) for row in connection.execute(everything)}
    for request, at in newest.items():
        if horizon - _LATELY >= at > horizon - _ABANDONED:
            asked = processed.c.request_key == request
            answers = select(*columns).where(mine, asked, _since(at))
            rows |= {(row[0], row[1], row[2]) for row in connection.execute(answers)}
    return [(id, at) for _, id, at in sorted(rows)]


def _newest_whole(mine: ColumnElement[bool], horizon: Micros) -> Select[int, Micros]:
    at = func.max(processed.c.observed_at)
    before = and_(processed.c.observed_at <= horizon, processed.c.whole == 1)
    return select(processed.c.request_key, at).where(mine, before).group_by(processed.c.request_key)


def _since(at: Micros) -> ColumnElement[bool]:
    return processed.c.observed_at >= at


def _newest(connection: Connection, sources: Mapping[str, int]) -> dict[str, int]:
    """Return the newest position of each source. One by one: a query of them all would read every position."""
    newest = select(func.max(observations.c.position))
    found = {each: connection.scalar(newest.where(observations.c.source == each)) for each in sources}
    return {each: floor if found[each] is None else found[each] for each, floor in sources.items()}
