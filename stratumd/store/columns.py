"""What the columns of an export hold, whatever the form: CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Float, Integer, LargeBinary, Numeric

Cells = Sequence[Any]
"""The values of one row, in the order of the columns."""


class Kind(StrEnum):
    """What a column holds. None may stand in any."""

    TEXT = "text"
    WHOLE = "whole"
    REAL = "real"
    TIME = "time"
    """Microseconds since 1970 UTC."""
    BYTES = "bytes"
    TEXTS = "texts"
    """A list of texts."""
    REALS = "reals"
    """A list of numbers."""


class Field(NamedTuple):
    """A column of an export."""

    name: str
    kind: Kind


class Writer(Protocol):
    """Writes rows into a file."""

    def write(self, rows: Sequence[Cells]) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Finish the file."""


# Columns of whole numbers that are no `…_at` and hold a time all the same. A test names every one that is neither.
_TIMES = frozenset(
    (
        *("at", "since", "until", "lease_until", "last_update", "newest", "instant", "first_seen", "clear_since"),
        "observed_until",  # of `clv_events`
    )
)


def field_of(column: ColumnElement[Any]) -> Field:
    """Return what a stored column holds."""
    name, type = str(column.key), column.type
    if isinstance(type, LargeBinary):
        return Field(name, Kind.BYTES)
    if isinstance(type, (Float, Numeric)):
        return Field(name, Kind.REAL)
    if isinstance(type, Integer):
        return Field(name, Kind.TIME if name.endswith("_at") or name in _TIMES else Kind.WHOLE)
    return Field(name, Kind.TEXT)
