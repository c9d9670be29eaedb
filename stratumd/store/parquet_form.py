"""Exports as Parquet, by pyarrow: times are timestamps in UTC with microseconds, prices doubles, as they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from stratumd.errors import ConfigError, StartupError
from stratumd.store.columns import Cells, Field, Kind

suffix = "parquet"
GROUP = 64 * 1024
"""Rows of one row group at most: what is held in memory at once."""
GROUP_BYTES = 8 << 20
"""Bytes of its texts and bytes at most, roughly."""


@cache
def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise StartupError("Parquet needs pyarrow: install it with pip install 'stratumd[parquet]'") from None
    return pyarrow


def _types() -> dict[Kind, Any]:
    arrow = _arrow()
    return {
        Kind.TEXT: arrow.string(),
        Kind.WHOLE: arrow.int64(),
        Kind.REAL: arrow.float64(),
        Kind.TIME: arrow.timestamp("us", tz="UTC"),
        Kind.BYTES: arrow.binary(),
        Kind.TEXTS: arrow.list_(arrow.string()),
        Kind.REALS: arrow.list_(arrow.float64()),
    }


def _schema(fields: Sequence[Field]) -> Any:
    types = _types()
    return _arrow().schema([(field.name, types[field.kind]) for field in fields])


class ParquetWriter:
    """Writes rows in groups of some megabytes."""

    def __init__(self, path: Path, fields: Sequence[Field]) -> None:
        arrow = _arrow()
        self._schema = _schema(fields)
        self._heavy = [number for number, field in enumerate(fields) if field.kind in (Kind.TEXT, Kind.BYTES)]
        self._writer = arrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Cells] = []
        self._bytes = 0

    def write(self, rows: Sequence[Cells]) -> None:
        """Write some rows, or keep them for the next group."""
        for row in rows:
            self._rows.append(row)
            self._bytes += sum([len(row[number] or "") for number in self._heavy])
            if len(self._rows) >= GROUP or self._bytes >= GROUP_BYTES:
                self._flush()

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        arrow = _arrow()
        columns = [
            arrow.array(values, type=type)
            for values, type in zip(zip(*self._rows, strict=True), self._schema.types, strict=True)
        ]
        self._writer.write_batch(arrow.record_batch(columns, schema=self._schema))
        self._rows, self._bytes = [], 0


def writer(path: Path, fields: Sequence[Field]) -> ParquetWriter:
    """Begin a file. `StartupError` where pyarrow is not installed."""
    return ParquetWriter(path, fields)


def read(path: Path, fields: Sequence[Field], at_once: int) -> Iterator[list[Cells]]:
    """Yield the rows of a file, some at a time."""
    arrow = _arrow()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            if file.schema_arrow.names != [field.name for field in fields]:
                raise ConfigError(f"{path}: expected the columns {', '.join(field.name for field in fields)}")
            wanted = _schema(fields)
            for batch in file.iter_batches(batch_size=at_once):
                yield _rows(batch.cast(wanted), fields)
    except arrow.ArrowException as error:
        raise ConfigError(f"{path}: {error}") from None


def _rows(batch: Any, fields: Sequence[Field]) -> list[Cells]:
    whole = _arrow().int64()
    columns = [
        (column.cast(whole) if field.kind is Kind.TIME else column).to_pylist()
        for column, field in zip(batch.columns, fields, strict=True)
    ]
    return [list(row) for row in zip(*columns, strict=True)]
