"""Texts that are kept compressed: a column of bytes in the database, text for whoever selects it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Dialect, LargeBinary, type_coerce
from sqlalchemy.types import TypeDecorator

from stratumd.store.frames import MAGIC, compressor, decompressed


def unpacked(stored: bytes) -> str:
    """Return a text that was packed, or written before texts were.

    `ZstdError` or `UnicodeDecodeError` where it is not what was written.
    """
    return (decompressed(stored) if stored.startswith(MAGIC) else stored).decode()


def as_stored(column: ColumnElement[str]) -> ColumnElement[bytes]:
    """Return what selects the bytes of a packed column: the query does not fail for one that cannot be read."""
    return type_coerce(column, LargeBinary).label(column.key)


class Packed(TypeDecorator[str]):
    """The type of such a column. `writes` goes past the types: there rows hold what `compressor` makes of the text."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Return what is stored."""
        return None if value is None else compressor()(value.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Return what is read."""
        return None if value is None else unpacked(value)
