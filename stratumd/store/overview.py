"""How everything is: polls, sources, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, func, select, text, tuple_
from sqlalchemy.exc import DatabaseError

from stratumd.engine import quarantine
from stratumd.plugin import DAY, Micros
from stratumd.plugin.views import (
    AlertRow,
    BreakerRow,
    DisabledRow,
    LeftOutRow,
    PollRow,
    SourceRow,
    Status,
    TableRow,
    WaitingRow,
)
from stratumd.store import deliveries, notices, pauses, sinks
from stratumd.store.tables import (
    alerts,
    breakers,
    events,
    latest,
    metadata,
    observations,
    polls,
    processed,
    signals,
    states,
)

_PARAMS = msgspec.json.Decoder(dict[str, str])
_SQLITE_BYTES = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
_POSTGRES_BYTES = text("SELECT pg_database_size(current_database())")
# `dbstat` counts the pages of each table and index; not every build of SQLite has it.
_SQLITE_SIZES = text(
    "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name"
    " WHERE s.aggregate = TRUE GROUP BY m.tbl_name"
)
_POSTGRES_SIZES = text(
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
)


def list_polls(
    connection: Connection,
    *,
    source: str | None,
    since: Micros | None,
    limit: int | None,
    before: tuple[Micros, str] | None = None,
) -> list[PollRow]:
    """Return the newest polls, oldest first; with `before` of those that began before this time and id."""
    query = select(polls).order_by(polls.c.started_at.desc(), polls.c.id.desc()).limit(limit)
    if source is not None:
        query = query.where(polls.c.source == source)
    if since is not None:
        query = query.where(polls.c.started_at >= since)
    if before is not None:
        query = query.where(tuple_(polls.c.started_at, polls.c.id) < before)
    return _polls(connection, query)[::-1]


def status(connection: Connection, now: Micros) -> Status:
    """Return how everything is at `now`."""
    recent = signals.c.observed_at > now - DAY
    return Status(
        at=now,
        sources=tuple(_sources(connection, now)),
        deliveries=tuple(
            WaitingRow(sink, state, waiting.number, waiting.oldest)
            for (sink, state), waiting in sorted(deliveries.counts(connection).items())
        ),
        disabled_sinks=tuple(disabled_sinks(connection)),
        breakers=tuple(open_breakers(connection)),
        left_out=tuple(left_out(connection)),
        notices=tuple(notices.unsent(connection)),
        observations=_number(connection, select(func.count()).select_from(observations)),
        events=_number(connection, select(func.count()).select_from(events)),
        events_upcoming=_number(connection, select(func.count()).select_from(events).where(events.c.commence_at > now)),
        quotes=_number(connection, select(func.count()).select_from(latest).where(latest.c.price.is_not(None))),
        signals=_number(connection, select(func.count()).select_from(signals)),
        signals_24h=_number(connection, select(func.count()).select_from(signals).where(recent)),
        last_signal_at=connection.scalar(select(func.max(signals.c.observed_at))),
        database_bytes=size(connection),
        alerts=tuple(open_alerts(connection)),
        paused=tuple(pauses.paused(connection, now)),
    )


def disabled_sinks(connection: Connection) -> list[DisabledRow]:
    """Return the sinks that are off, by name."""
    return [DisabledRow(sink, found.reason, found.since) for sink, found in sinks.disabled(connection).items()]


def open_breakers(connection: Connection) -> list[BreakerRow]:
    """Return what is left alone after failures, by kind and name."""
    query = select(breakers).order_by(breakers.c.kind, breakers.c.name)
    return [
        BreakerRow(row.kind, row.name, row.reason, row.failures, row.since, row.retry_at)
        for row in connection.execute(query)
    ]


def left_out(connection: Connection) -> list[LeftOutRow]:
    """Return the components in quarantine, by pipeline and name."""
    kept = select(states).where(states.c.component == quarantine.COMPONENT, states.c.event == "")
    return [
        LeftOutRow(row.pipeline, name, found.error, found.where, found.since, found.until)
        for row in connection.execute(kept.order_by(states.c.pipeline))
        for name, found in sorted(quarantine.sentences(row.body.encode()).items())
    ]


def open_alerts(connection: Connection) -> list[AlertRow]:
    """Return what is wrong now, the oldest first."""
    names = ("kind", "subject", "severity", "title", "text", "since", "said_at", "clear_since")
    query = select(*[alerts.c[name] for name in names]).order_by(alerts.c.since, alerts.c.key)
    return [AlertRow(*row) for row in connection.execute(query)]


def table_sizes(connection: Connection) -> list[TableRow]:
    """Return rows and bytes of every table, by name."""
    sizes = _sizes(connection)
    return [
        TableRow(str(table.name), _number(connection, select(func.count()).select_from(table)), sizes.get(table.name))
        for table in sorted(metadata.tables.values(), key=lambda table: table.name)
    ]


def _sources(connection: Connection, now: Micros) -> list[SourceRow]:
    names = connection.scalars(select(polls.c.source).distinct().order_by(polls.c.source)).all()
    return [_source(connection, name, now) for name in names]


def _source(connection: Connection, source: str, now: Micros) -> SourceRow:
    mine = polls.c.source == source
    newest = (polls.c.started_at.desc(), polls.c.id.desc())
    (last,) = _polls(connection, select(polls).where(mine).order_by(*newest).limit(1))
    day = select(func.count(), func.count(polls.c.error)).where(mine, polls.c.started_at > now - DAY)
    number, failed = connection.execute(day).one()
    credits = (
        select(polls.c.credits_remaining).where(mine, polls.c.credits_remaining.is_not(None)).order_by(*newest).limit(1)
    )
    rate = (number - failed) / number if number else None
    return SourceRow(source, last, number, rate, connection.scalar(credits))


def _polls(connection: Connection, query: Select[*tuple[Any, ...]]) -> list[PollRow]:
    rows = connection.execute(query).all()
    outcomes = _outcomes(connection, [row.observation for row in rows if row.observation is not None])
    return [_poll(row, outcomes) for row in rows]


def _poll(row: Row[*tuple[Any, ...]], outcomes: dict[str, tuple[int, int]]) -> PollRow:
    covered, quotes = outcomes.get(row.observation, (None, None))
    fields = {name: row._mapping[name] for name in PollRow.__struct_fields__ if name in row._mapping}
    return PollRow(**{**fields, "params": _PARAMS.decode(row.params)}, events=covered, quotes=quotes)


def _outcomes(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    pipelines = select(processed.c.pipeline).distinct()
    figures = (func.max(processed.c.events), func.max(processed.c.quotes))
    found = {}
    for start in range(0, len(ids), 1000):
        # With the pipelines named the primary key is used.
        mine = and_(processed.c.pipeline.in_(pipelines), processed.c.observation.in_(ids[start : start + 1000]))
        query = select(processed.c.observation, *figures).where(mine).group_by(processed.c.observation)
        found.update({id: (covered, quotes) for id, covered, quotes in connection.execute(query)})
    return found


def _number(connection: Connection, query: Select[int]) -> int:
    return connection.scalars(query).one()


def size(connection: Connection) -> int:
    """Return the bytes of the whole database."""
    query = _SQLITE_BYTES if connection.dialect.name == "sqlite" else _POSTGRES_BYTES
    return int(connection.execute(query).scalar_one())


def _sizes(connection: Connection) -> dict[str, int]:
    if connection.dialect.name == "postgresql":
        return {name: int(size) for name, size in connection.execute(_POSTGRES_SIZES)}
    try:
        return {name: int(size) for name, size in connection.execute(_SQLITE_SIZES)}
    except DatabaseError as error:
        if "dbstat" in str(error.orig):
            return {}
        raise
