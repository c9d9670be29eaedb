"""Exports as CSV: times in ISO 8601 UTC, bytes in base64, lists as JSON, and `\\N` where there is nothing."""

from __future__ import annotations

import base64
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from stratumd.errors import ConfigError
from stratumd.plugin import iso, parse_iso
from stratumd.store.columns import Cells, Field, Kind

suffix = "csv"
NOTHING = "\\N"
"""What stands for NULL: an empty text is a text."""

_LONGEST = 1 << 30  # characters of a cell: an answer in base64


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_WRITTEN: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: lambda text: f"\\{text}" if text.startswith("\\") else text,
    Kind.WHOLE: str,
    Kind.REAL: repr,
    Kind.TIME: iso,
    Kind.BYTES: lambda value: base64.b64encode(value).decode(),
    Kind.TEXTS: _json,
    Kind.REALS: _json,
}
_READ: Mapping[Kind, Callable[[str], Any]] = {
    Kind.TEXT: lambda text: text[1:] if text.startswith("\\") else text,
    Kind.WHOLE: int,
    Kind.REAL: float,
    Kind.TIME: parse_iso,
    Kind.BYTES: lambda text: base64.b64decode(text, validate=True),
    Kind.TEXTS: msgspec.json.decode,
    Kind.REALS: msgspec.json.decode,
}


class CsvWriter:
    """Writes rows as they come."""

    def __init__(self, path: Path, fields: Sequence[Field]) -> None:
        self._cells = [_WRITTEN[field.kind] for field in fields]
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)  # with its own line ends: texts with a bare one of either are quoted
        self._writer.writerow([field.name for field in fields])

    def write(self, rows: Sequence[Cells]) -> None:
        """Write some rows."""
        for row in rows:
            cells = [NOTHING if value is None else cell(value) for cell, value in zip(self._cells, row, strict=True)]
            self._writer.writerow(cells)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def writer(path: Path, fields: Sequence[Field]) -> CsvWriter:
    """Begin a file."""
    return CsvWriter(path, fields)


def read(path: Path, fields: Sequence[Field], at_once: int) -> Iterator[list[Cells]]:
    """Yield the rows of a file, some at a time."""
    cells = [_READ[field.kind] for field in fields]
    csv.field_size_limit(_LONGEST)
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, strict=True)
        try:
            if next(lines, []) != [field.name for field in fields]:
                raise ConfigError(f"{path}: expected the columns {', '.join(field.name for field in fields)}")
            while some := list(islice(lines, at_once)):
                yield [_row(cells, line) for line in some]
        except (csv.Error, ValueError, msgspec.DecodeError) as error:  # UnicodeDecodeError is a ValueError
            raise ConfigError(f"{path}, line {lines.line_num}: {error}") from None


def _row(cells: Sequence[Callable[[str], Any]], line: list[str]) -> Cells:
    return [None if text == NOTHING else cell(text) for cell, text in zip(cells, line, strict=True)]
