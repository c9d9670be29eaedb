"""Whole tables into files and back: every row as it is stored, so that what is brought back is equal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, MetaData, Select, Table, and_, inspect, select, tuple_

from stratumd.errors import ConfigError
from stratumd.plugin import Micros
from stratumd.store import csv_form, parquet_form
from stratumd.store.columns import Cells, field_of
from stratumd.store.conditions import within
from stratumd.store.frames import compressor
from stratumd.store.keys import event_key
from stratumd.store.lookup import find_event
from stratumd.store.packed import Packed
from stratumd.store.tables import counters, metadata, series
from stratumd.store.writes import Bulk, Insert

FORMS: dict[str, ModuleType] = {"csv": csv_form, "parquet": parquet_form}
_AT_ONCE = 2000
_HEAVY = {"observations": 20}  # rows at once of tables whose rows may be megabytes
_TIMES = ("observed_at", "received_at", "started_at", "charged_at", "finished_at", "changed_at", "commence_at", "at")
"""The column that a range of time is of: the first of these that a table has."""


class Part(NamedTuple):
    """The rows that are wanted; None for all."""

    event: str | None = None
    market: str | None = None
    pipeline: str | None = None
    since: Micros | None = None
    until: Micros | None = None


class Moved(NamedTuple):
    """One table that was written to a file, or read from one."""

    table: str
    rows: int
    file: Path


def export(
    connection: Connection, folder: Path, form: str, names: Sequence[str], part: Part
) -> Iterator[Moved | tuple[str, str]]:
    """Write tables into `folder`, one file each, and yield what was written, or (table, why it is left out).

    Without `names` the core's tables, of these only such as have what `part` asks for; all of one moment. `ConfigError`
    where there is no table of a name, or it does not have that.
    """
    if part.event is not None:
        part = part._replace(event=find_event(connection, part.event))
    for table in _named(connection, names) if names else metadata.sorted_tables:
        try:
            query = _query(table, part)
        except LookupError as error:
            if names:
                raise ConfigError(f"{table.name} {error}") from None
            yield str(table.name), str(error)
            continue
        yield _written(connection, table, query, folder, form)


def restore(connection: Connection, bulk: Bulk, folder: Path) -> Iterator[Moved]:
    """Read every file that an export wrote into `folder` into its table, which must be empty, and yield each."""
    files = sorted(path for path in folder.iterdir() if path.suffix[1:] in FORMS)
    if not files:
        raise ConfigError(f"{folder}: there is no file of an export, such as signals.csv or signals.parquet")
    for path in files:
        (table,) = _named(connection, [path.stem])
        if (
            table is not counters
            and connection.execute(select(*table.primary_key.columns).limit(1)).first() is not None
        ):
            raise ConfigError(f"the table {path.stem} has rows already: import into a database that is new")
        yield Moved(path.stem, _read(bulk, table, path), path)


def _written(connection: Connection, table: Table, query: Select[Any], folder: Path, form: str) -> Moved:
    module, at_once = FORMS[form], _HEAVY.get(str(table.name), _AT_ONCE)
    path, rows = folder / f"{table.name}.{module.suffix}", 0
    writer = module.writer(path, [field_of(column) for column in table.columns])
    try:
        with connection.execute(query.execution_options(yield_per=at_once)) as found:
            for some in found.partitions():
                writer.write(some)
                rows += len(some)
    finally:
        writer.close()
    return Moved(str(table.name), rows, path)


def _read(bulk: Bulk, table: Table, path: Path) -> int:
    # A new database has counters that stand at their beginnings.
    statement, rows = Insert(table, update=("value",) if table is counters else ()), 0
    fields = [field_of(column) for column in table.columns]
    for some in FORMS[path.suffix[1:]].read(path, fields, _HEAVY.get(path.stem, _AT_ONCE)):
        bulk(statement, _as_stored(table, some))
        rows += len(some)
    return rows


def _as_stored(table: Table, rows: Sequence[Cells]) -> list[tuple[Any, ...]]:
    """Return rows as they are written: in a file what is packed is text."""
    if not any(isinstance(column.type, Packed) for column in table.columns):
        return [tuple(row) for row in rows]
    packed, compress = [isinstance(column.type, Packed) for column in table.columns], compressor()

    def stored(cell: Any, pack: bool) -> Any:
        return compress(cell.encode()) if pack and cell is not None else cell

    return [tuple(map(stored, row, packed)) for row in rows]


def _named(connection: Connection, names: Sequence[str]) -> Iterator[Table]:
    """Yield the tables of these names; those of plugins as the database describes them."""
    known = set(inspect(connection).get_table_names())
    for name in names:
        if name not in known or name.endswith("alembic_version"):
            raise ConfigError(f"there is no table {name!r}: `stratumd db stats` lists them")
        yield metadata.tables[name] if name in metadata.tables else Table(name, MetaData(), autoload_with=connection)


def _query(table: Table, part: Part) -> Select[Any]:
    """Select what is wanted of a table, by its key. `LookupError` where it does not have what is asked for."""
    conditions = [*_of_event(table, part.event)]
    for name, value in (("market", part.market), ("pipeline", part.pipeline)):
        if value is not None:
            conditions.append(_of_series(table, name, value))
    if part.since is not None or part.until is not None:
        at = next((name for name in _TIMES if name in table.c), None)
        if at is None:
            raise LookupError("has no time")
        conditions += within(table.c[at], part.since, part.until)
    return select(table).where(*conditions).order_by(*table.primary_key.columns)


def _of_event(table: Table, event: str | None) -> Iterator[ColumnElement[bool]]:
    if event is None:
        return
    if "event_id" in table.c:
        yield table.c.event_id == event_key(event)
    elif "event" in table.c:
        yield table.c.event == event
    else:
        raise LookupError("is about no event")


def _of_series(table: Table, name: str, value: str) -> ColumnElement[bool]:
    if name in table.c:
        return table.c[name] == value
    if "series_id" not in table.c:
        raise LookupError(f"has no {name}")
    mine = select(series.c.event_id, series.c.series_id).where(series.c[name] == value)
    return and_(tuple_(table.c.event_id, table.c.series_id).in_(mine))
