"""Rows for other programs: signals, changed quotes and consensus in the order of time, a few held at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, select

from stratumd.plugin import iso
from stratumd.store import parquet_form
from stratumd.store.columns import Field, Kind, field_of
from stratumd.store.conditions import equal, within
from stratumd.store.lookup import find_event
from stratumd.store.moving import Part
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import changes, consensus, events, series, signals

KINDS = ("signals", "changes", "consensus")
_AT_ONCE = 2000
_JSON = ("outcomes", "probabilities", "prices", "contributors")


def rows(connection: Connection, kind: str, part: Part) -> Iterator[dict[str, Any]]:
    """Yield the rows of a kind, one of `KINDS`, as JSON values; times are ISO 8601 in UTC, prices decimal odds."""
    with _found(connection, kind, part) as found:  # closed also where the caller has seen enough
        for row in found:
            yield restored_signal(row).public() if kind == "signals" else _public(row._mapping)


def write_parquet(connection: Connection, kind: str, part: Part, path: Path) -> int:
    """Write the rows of a kind into a file: times as timestamps, lists as lists, mappings as JSON. Returns how many.

    `StartupError` where pyarrow is not installed.
    """
    query, number = _QUERIES[kind](part), 0
    lists = _LISTS.get(kind, {})
    plain = [field_of(column) for column in query.selected_columns]
    fields = [Field(field.name, lists.get(field.name, field.kind)) for field in plain]
    writer = parquet_form.writer(path, fields)
    try:
        with _found(connection, kind, part) as found:
            for some in found.partitions():
                writer.write([_cells(row, fields) for row in some])
                number += len(some)
    finally:
        writer.close()
    return number


_LISTS = {
    "signals": {"books": Kind.TEXTS},
    "consensus": {"outcomes": Kind.TEXTS, "probabilities": Kind.REALS, "prices": Kind.REALS},
}


def _cells(row: Any, fields: list[Field]) -> list[Any]:
    return [_cell(value, field) for value, field in zip(row, fields, strict=True)]


def _cell(value: Any, field: Field) -> Any:
    if field.kind in (Kind.TEXTS, Kind.REALS):
        return msgspec.json.decode(value)
    return value or None if field.name == "player" else value


def _found(connection: Connection, kind: str, part: Part) -> Any:
    if part.event is not None:
        part = part._replace(event=find_event(connection, part.event))
    return connection.execute(_QUERIES[kind](part).execution_options(yield_per=_AT_ONCE))


def _signals(part: Part) -> Select[Any]:
    wanted = equal((signals.c.pipeline, part.pipeline), (signals.c.event, part.event), (signals.c.market, part.market))
    mine = (*within(signals.c.observed_at, part.since, part.until), *wanted)
    return select(*COLUMNS).where(*mine).order_by(signals.c.observed_at, signals.c.id)


def _changes(part: Part) -> Select[Any]:
    same = and_(changes.c.event_id == series.c.event_id, changes.c.series_id == series.c.series_id)
    named = (series.c.pipeline, events.c.event, events.c.sport, series.c.book, series.c.market, series.c.player)
    facts = (series.c.outcome, changes.c.line, changes.c.price, changes.c.last_update)
    wanted = equal((series.c.pipeline, part.pipeline), (events.c.event, part.event), (series.c.market, part.market))
    mine = (*within(changes.c.observed_at, part.since, part.until), *wanted)
    return (
        select(changes.c.observed_at, *named, *facts)
        .join(series, same)
        .join(events, events.c.event_id == changes.c.event_id)
        .where(*mine)
        .order_by(changes.c.observed_at, changes.c.event_id, changes.c.series_id)
    )


def _consensus(part: Part) -> Select[Any]:
    facts = [column for column in consensus.columns if column.name not in ("event_id", "observed_at", "pipeline")]
    names = (consensus.c.pipeline, part.pipeline), (events.c.event, part.event), (consensus.c.market, part.market)
    mine = (*within(consensus.c.observed_at, part.since, part.until), *equal(*names))
    order = (
        consensus.c.observed_at,
        consensus.c.event_id,
        consensus.c.market,
        consensus.c.player,
        consensus.c.pipeline,
    )
    return (
        select(consensus.c.observed_at, consensus.c.pipeline, events.c.event, events.c.sport, *facts)
        .join(events, events.c.event_id == consensus.c.event_id)
        .where(*mine)
        .order_by(*order)
    )


_QUERIES: dict[str, Callable[[Part], Select[Any]]] = {"signals": _signals, "changes": _changes, "consensus": _consensus}


def _public(row: Any) -> dict[str, Any]:
    found = dict(row)
    for name in ("observed_at", "last_update"):
        if found.get(name) is not None:
            found[name] = iso(found[name])
    for name in _JSON:
        if name in found:
            found[name] = msgspec.json.decode(found[name])
    if "player" in found:
        found["player"] = found["player"] or None
    return {str(name): value for name, value in found.items()}
