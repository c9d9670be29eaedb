"""Signals as they are read back: equal to those that were stored."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row

from stratumd.plugin import Signal
from stratumd.store.tables import signals

COLUMNS = tuple(signals.columns)
"""What `restored_signal` reads."""

_BOOKS = msgspec.json.Decoder(tuple[str, ...])
_METADATA = msgspec.json.Decoder(dict[str, Any])
_PLAIN = [name for name in Signal.__struct_fields__ if name not in ("books", "metadata")]


def restored_signal(row: Row[Any]) -> Signal:
    """Return the signal of a row that has all of `COLUMNS`."""
    found = row._mapping
    fields = {name: found[name] for name in _PLAIN}
    return Signal(**fields, books=_BOOKS.decode(row.books), metadata=_METADATA.decode(found["metadata"]))
