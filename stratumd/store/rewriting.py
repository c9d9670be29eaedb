"""Everything that follows from one pipeline's steps, written anew in one transaction: all of it, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, Table, and_, delete, select, tuple_

from stratumd.engine.outcome import Step
from stratumd.store import feed
from stratumd.store.batch import Batch, Known
from stratumd.store.errors import StoreBroken, StoreRefused, mapped
from stratumd.store.packed import Packed, as_stored, unpacked
from stratumd.store.tables import (
    changes,
    consensus,
    coverage,
    failures,
    issues,
    latest,
    processed,
    records,
    series,
    signals,
    states,
)
from stratumd.store.writes import Bulk

_GROUP = 64  # steps whose rows are held at once
_AT_ONCE = 2000
_OF_SERIES = (changes, latest)
_OF_STEPS = (processed, series, coverage, issues, consensus, records, signals, states, failures)
_ENCODE = msgspec.msgpack.Encoder().encode


class Rewritten(NamedTuple):
    """One table before and after."""

    table: str
    before: int
    after: int
    equal: bool
    """Whether every row is the same."""


class Checked(Exception):
    """Ends the transaction of a check, so that nothing of it is written."""


def rewrite(
    connection: Connection, bulk: Bulk, pipeline: str, steps: Iterable[tuple[int, Step]], kept: Collection[str]
) -> list[Rewritten]:
    """Replace what is stored of the pipeline's steps, but for the observations `kept`, and compare.

    `steps` come with their positions. `StoreRefused` where a step of the past is missing: its answer is not stored any
    more, and what followed from it would be lost.
    """
    before = {str(table.name): _digest(connection, table, pipeline) for table in (*_OF_STEPS, *_OF_SERIES)}
    _clear(connection, pipeline, kept)
    known, rest, number = Known(), iter(steps), len(kept)
    while group := list(islice(rest, _GROUP)):
        number += len(group)
        _write(bulk, known, group)
    if number < before["processed"][0]:
        missing = before["processed"][0] - number
        raise StoreRefused(f"{missing} answers that {pipeline!r} took are not stored any more: nothing was rebuilt")
    feed.mend(connection, bulk, pipeline)
    after = {str(table.name): _digest(connection, table, pipeline) for table in (*_OF_STEPS, *_OF_SERIES)}
    return [Rewritten(name, rows, after[name][0], (rows, sha) == after[name]) for name, (rows, sha) in before.items()]


def _write(bulk: Bulk, known: Known, group: Iterable[tuple[int, Step]]) -> None:
    batch = Batch(known)
    for position, step in group:
        batch.add(step, position)
    with bulk.together():
        for statement, rows in batch.tables():
            bulk(statement, rows)
    known.learn(batch)


def _clear(connection: Connection, pipeline: str, kept: Collection[str]) -> None:
    mine = select(series.c.event_id, series.c.series_id).where(series.c.pipeline == pipeline)
    for table in _OF_SERIES:
        connection.execute(delete(table).where(tuple_(table.c.event_id, table.c.series_id).in_(mine)))
    for table in _OF_STEPS:
        gone = delete(table).where(table.c.pipeline == pipeline)
        if kept and table in (processed, failures):
            gone = gone.where(table.c.observation.not_in(kept))
        connection.execute(gone)


def _digest(connection: Connection, table: Table, pipeline: str) -> tuple[int, str]:
    """Return how many rows of the pipeline a table has, and a hash of them in the order of their key."""
    packed = [place for place, column in enumerate(table.columns) if isinstance(column.type, Packed)]
    columns = [as_stored(column) if isinstance(column.type, Packed) else column for column in table.columns]
    query: Select[Any] = select(*columns).order_by(*table.primary_key.columns)
    if table in _OF_SERIES:
        same = and_(series.c.event_id == table.c.event_id, series.c.series_id == table.c.series_id)
        query = query.join(series, same).where(series.c.pipeline == pipeline)
    else:
        query = query.where(table.c.pipeline == pipeline)
    digest, rows = hashlib.sha256(), 0
    for row in _rows(connection, query):
        values = list(row)
        for place in packed:
            values[place] = _text(values[place])
        digest.update(_ENCODE(values))
        rows += 1
    return rows, digest.hexdigest()


def _text(stored: bytes) -> str | bytes:
    """Return a packed text; the bytes where it cannot be read, which what is written anew replaces."""
    try:
        with mapped():
            return unpacked(stored)
    except StoreBroken:
        return stored


def _rows(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    yield from connection.execute(query.execution_options(yield_per=_AT_ONCE))
