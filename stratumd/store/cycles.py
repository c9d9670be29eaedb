"""The figures of each cycle: one row for the steps that one commit holds, written with them (T2)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Row, and_, func, select, text, tuple_

from stratumd.plugin import Micros
from stratumd.plugin.views import CycleRow
from stratumd.store.tables import cycles, deliveries, processed, signals

_JSON = msgspec.json.Encoder(order="deterministic").encode
_COUNTS = msgspec.json.Decoder(dict[str, int])
_ENDED = ("delivered", "dead")
# The credits are those of the exchanges that brought these answers (T1): the newest step is the last to be asked for.
_APPEND = text(
    "INSERT INTO cycles (pipeline, position, observations, finished_at, latency, requests_used_delta, requests_last,"
    " snapshots_inserted, consensus_points_written, signals_created_by_type)"
    " SELECT :pipeline, :position, :observations, :finished_at, :latency, coalesce(sum(charges.credits), 0),"
    " (SELECT polls.credits_last FROM polls JOIN processed ON processed.observation = polls.observation"
    " WHERE processed.pipeline = :pipeline AND processed.position = :position ORDER BY polls.id LIMIT 1),"
    " :snapshots, :points, :signals"
    " FROM processed JOIN polls ON polls.observation = processed.observation JOIN charges ON charges.poll = polls.id"
    " WHERE processed.pipeline = :pipeline AND processed.position > :position - :observations"
    " AND processed.position <= :position"
)


class Kpi(msgspec.Struct, frozen=True):
    """What a pipeline says of a cycle. The rest is in the store."""

    observations: int
    finished_at: Micros
    latency: Micros
    snapshots: int
    """Changes of quotes."""
    points: int
    """Consensus points."""
    signals: Mapping[str, int]
    """By type."""


def append(connection: Connection, found: Iterable[tuple[str, int, Kpi]]) -> None:
    """Write cycles: the pipeline, its newest position, the figures. The steps are written already."""
    for pipeline, position, kpi in found:
        row = {"pipeline": pipeline, "position": position, **msgspec.structs.asdict(kpi)}
        connection.execute(_APPEND, row | {"signals": _JSON(kpi.signals).decode()})


def newest(
    connection: Connection,
    *,
    pipeline: str | None = None,
    since: Micros | None = None,
    limit: int | None = None,
    before: tuple[Micros, str, int] | None = None,
) -> list[CycleRow]:
    """Return the newest cycles, oldest first; with `before` those before this time, pipeline and position."""
    order = (cycles.c.finished_at, cycles.c.pipeline, cycles.c.position)
    query = select(cycles).order_by(*[column.desc() for column in order]).limit(limit)
    if pipeline is not None:
        query = query.where(cycles.c.pipeline == pipeline)
    if since is not None:
        query = query.where(cycles.c.finished_at >= since)
    if before is not None:
        query = query.where(tuple_(*order) < before)
    rows = connection.execute(query).all()[::-1]
    ended = _ended(connection, rows)
    return [_row(row, *ended.get((row.pipeline, row.position), (0, 0))) for row in rows]


def _row(row: Row[*tuple[object, ...]], sent: int, failed: int) -> CycleRow:
    there = row._mapping
    own = {name: there[name] for name in CycleRow.__struct_fields__ if name in there}
    own["signals_created_by_type"] = _COUNTS.decode(row.signals_created_by_type)
    return CycleRow(**own, alerts_sent=sent, alerts_failed=failed)


def _ended(connection: Connection, rows: Sequence[Row[*tuple[object, ...]]]) -> dict[tuple[str, int], tuple[int, int]]:
    """Count the deliveries that have ended, by the cycle of their signal."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for pipeline in sorted({row.pipeline for row in rows}):
        mine = [row for row in rows if row.pipeline == pipeline]
        last = sorted(row.position for row in mine)
        first = min(row.position - row.observations + 1 for row in mine)
        for position, state, number in _by_step(connection, pipeline, first, last[-1]):
            key = (pipeline, last[bisect_left(last, position)])
            sent, failed = found.get(key, (0, 0))
            found[key] = (sent + number, failed) if state == "delivered" else (sent, failed + number)
    return found


def _by_step(connection: Connection, pipeline: str, first: int, last: int) -> list[tuple[int, str, int]]:
    mine = and_(processed.c.pipeline == pipeline, processed.c.position.between(first, last))
    times = connection.execute(select(func.min(processed.c.observed_at), func.max(processed.c.observed_at)).where(mine))
    start, end = times.one()
    if start is None:
        return []
    query = (
        select(processed.c.position, deliveries.c.state, func.count())
        .join(signals, and_(signals.c.observation == processed.c.observation, signals.c.pipeline == pipeline))
        .join(deliveries, deliveries.c.signal == signals.c.id)
        .where(mine, signals.c.observed_at.between(start, end), deliveries.c.state.in_(_ENDED))
        .group_by(processed.c.position, deliveries.c.state)
    )
    return [(position, state, number) for position, state, number in connection.execute(query)]
