"""Signals as rows of CSV: the columns that `stratumd export signals --format csv` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from stratumd.plugin import Signal

COLUMNS = tuple([field.name for field in msgspec.structs.fields(Signal)])


def row(values: Mapping[str, Any]) -> bytes:
    """Return a line with a cell for each of `COLUMNS`, empty where there is nothing; lists and mappings are JSON.

    No cell holds a line break: a row is a line, also for whoever looks for the last whole one.
    """
    return _line([_cell(values.get(name)) for name in COLUMNS])


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return msgspec.json.encode(value).decode()
    return " ".join(value.splitlines()) if isinstance(value, str) else value


def _line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


HEADER = _line(COLUMNS)
