"""Which observations a pipeline still has to process, and which it needs again to rebuild its board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, func, select

from stratumd.plugin import Micros
from stratumd.store.tables import cursors, observations, processed


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


def rebuilding(connection: Connection, pipeline: str, sources: Sequence[str], lookback: Micros) -> list[str]:
    """Return the processed observations that the board is made of, in the order in which they were processed.

    All that were received within `lookback` of the last one; and of everything that is asked for in the same words, the
    newest answer before that which was understood wholly, and all after it. An error page or a torn answer says
    nothing, or not all, of what is on offer.
    """
    mine = and_(processed.c.pipeline == pipeline, processed.c.source.in_(sources))
    last = connection.scalar(select(func.max(processed.c.received_at)).where(mine))
    if last is None:
        return []
    columns = (processed.c.position, processed.c.observation)
    recent = select(*columns).where(mine, processed.c.received_at > last - lookback)
    newest = (
        select(processed.c.request_key, func.max(processed.c.received_at).label("received_at"))
        .where(mine, processed.c.received_at <= last - lookback, processed.c.whole == 1)
        .group_by(processed.c.request_key)
        .subquery()
    )
    since = and_(processed.c.request_key == newest.c.request_key, processed.c.received_at >= newest.c.received_at)
    before = select(*columns).join(newest, since).where(mine)
    rows = {tuple(row) for query in (recent, before) for row in connection.execute(query)}
    return [id for _, id in sorted(rows)]


def _newest(connection: Connection, sources: Mapping[str, int]) -> dict[str, int]:
    query = (
        select(observations.c.source, func.max(observations.c.position))
        .where(observations.c.source.in_(sources))
        .group_by(observations.c.source)
    )
    return {**sources, **{row[0]: row[1] for row in connection.execute(query)}}
