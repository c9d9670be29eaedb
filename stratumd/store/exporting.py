"""Rows for other programs: signals, changed quotes and consensus in the order of time, a few held at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, select

from stratumd.plugin import Micros, iso
from stratumd.store.conditions import equal, within
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import changes, consensus, events, series, signals

KINDS = ("signals", "changes", "consensus")
_AT_ONCE = 2000
_JSON = ("outcomes", "probabilities", "prices", "contributors")


def rows(
    connection: Connection, kind: str, pipeline: str | None, since: Micros | None, until: Micros | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a kind, one of `KINDS`, as JSON values; times are ISO 8601 in UTC, prices decimal odds."""
    query = _QUERIES[kind](pipeline, since, until).execution_options(yield_per=_AT_ONCE)
    with connection.execute(query) as found:  # closed also where the caller has seen enough
        for row in found:
            yield restored_signal(row).public() if kind == "signals" else _public(row._mapping)


def _signals(pipeline: str | None, since: Micros | None, until: Micros | None) -> Select[Any]:
    mine = (*within(signals.c.observed_at, since, until), *equal((signals.c.pipeline, pipeline)))
    return select(*COLUMNS).where(*mine).order_by(signals.c.observed_at, signals.c.id)


def _changes(pipeline: str | None, since: Micros | None, until: Micros | None) -> Select[Any]:
    same = and_(changes.c.event_id == series.c.event_id, changes.c.series_id == series.c.series_id)
    named = (series.c.pipeline, events.c.event, events.c.sport, series.c.book, series.c.market, series.c.player)
    facts = (series.c.outcome, changes.c.line, changes.c.price, changes.c.last_update)
    mine = (*within(changes.c.observed_at, since, until), *equal((series.c.pipeline, pipeline)))
    return (
        select(changes.c.observed_at, *named, *facts)
        .join(series, same)
        .join(events, events.c.event_id == changes.c.event_id)
        .where(*mine)
        .order_by(changes.c.observed_at, changes.c.event_id, changes.c.series_id)
    )


def _consensus(pipeline: str | None, since: Micros | None, until: Micros | None) -> Select[Any]:
    facts = [column for column in consensus.columns if column.name not in ("event_id", "observed_at", "pipeline")]
    mine = (*within(consensus.c.observed_at, since, until), *equal((consensus.c.pipeline, pipeline)))
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


_QUERIES = {"signals": _signals, "changes": _changes, "consensus": _consensus}


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
