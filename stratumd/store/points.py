"""Consensus points as they are read back: equal to those that were stored."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Subquery, and_, func, select

from stratumd.plugin import DAY, ConsensusPoint, Contributor, MarketKey, Micros, Record
from stratumd.plugin.views import ConsensusRow
from stratumd.store.conditions import equal, first_instants, within
from stratumd.store.keys import event_key
from stratumd.store.tables import consensus, coverage, events

_LATELY = 7 * DAY  # longer than a board keeps an event on which nobody offers anything

_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_NUMBERS = msgspec.json.Decoder(tuple[float, ...])
_CONTRIBUTORS = msgspec.json.Decoder(tuple[Contributor, ...])


def restored_point(row: Row[*tuple[Any, ...]]) -> ConsensusPoint:
    """Return the point of a row that has all columns of `consensus`."""
    return ConsensusPoint(
        key=MarketKey(row.market, row.player or None),
        outcomes=_TEXTS.decode(row.outcomes),
        line=row.line,
        fair_line=row.fair_line,
        probabilities=_NUMBERS.decode(row.probabilities),
        prices=_NUMBERS.decode(row.prices),
        dispersion=row.dispersion,
        books=row.books,
        operators=row.operators,
        contributors=_CONTRIBUTORS.decode(row.contributors),
        reason=row.reason,
    )


def newest_records(connection: Connection, pipeline: str) -> list[tuple[str, Record]]:
    """Return the newest point of each market of the events that were observed within the last week of observations."""
    mine = coverage.c.pipeline == pipeline
    last = select(func.max(coverage.c.observed_at)).where(mine).scalar_subquery()
    lately = select(coverage.c.event_id).where(mine, coverage.c.observed_at >= last - _LATELY)
    newest, same = _newest(pipeline, consensus.c.event_id.in_(lately))
    query = (
        select(events.c.event, consensus)
        .join(newest, same)
        .join(events, events.c.event_id == consensus.c.event_id)
        .where(consensus.c.pipeline == pipeline)
        .order_by(events.c.event, consensus.c.market, consensus.c.player)
    )
    return [(row.event, restored_point(row)) for row in connection.execute(query)]


def last_seen(connection: Connection, pipeline: str) -> dict[str, Micros]:
    """Return when each event was covered last, by event id."""
    query = (
        select(events.c.event, func.max(coverage.c.observed_at))
        .join(events, events.c.event_id == coverage.c.event_id)
        .where(coverage.c.pipeline == pipeline)
        .group_by(events.c.event)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def history(
    connection: Connection,
    event: str,
    pipeline: str,
    *,
    market: str | None = None,
    since: Micros | None = None,
    until: Micros | None = None,
    limit: int | None = None,
) -> list[ConsensusRow]:
    """Return the stored points of an event, by time, market and player.

    With `limit` those of the first instants, until there are more than so many.
    """
    query = (
        select(consensus)
        .where(consensus.c.event_id == event_key(event), consensus.c.pipeline == pipeline)
        .where(*equal((consensus.c.market, market)), *within(consensus.c.observed_at, since, until))
        .order_by(consensus.c.observed_at, consensus.c.market, consensus.c.player)
    )
    if limit is not None:
        query = query.where(*first_instants(connection, query, consensus.c.observed_at, limit))
    rows = connection.execute(query).all()
    return [ConsensusRow(pipeline, event, row.observed_at, restored_point(row)) for row in rows]


def newest(connection: Connection, event: str, pipeline: str) -> list[ConsensusRow]:
    """Return the newest point of each market of an event, by market and player."""
    newest, same = _newest(pipeline, consensus.c.event_id == event_key(event))
    query = (
        select(consensus)
        .join(newest, same)
        .where(consensus.c.pipeline == pipeline)
        .order_by(consensus.c.market, consensus.c.player)
    )
    rows = connection.execute(query).all()
    return [ConsensusRow(pipeline, event, row.observed_at, restored_point(row)) for row in rows]


def _newest(pipeline: str, which: ColumnElement[bool]) -> tuple[Subquery, ColumnElement[bool]]:
    """Return when each market of the events had its newest point, and the condition that joins it to the points."""
    market = (consensus.c.event_id, consensus.c.market, consensus.c.player)
    newest = (
        select(*market, func.max(consensus.c.observed_at).label("observed_at"))
        .where(consensus.c.pipeline == pipeline, which)
        .group_by(*market)
        .subquery()
    )
    same = and_(*(column == newest.c[column.name] for column in (*market, consensus.c.observed_at)))
    return newest, same
