"""The reading side of the store."""

from __future__ import annotations

from sqlalchemy import Engine


class Reader:
    """Reads what is committed; never writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
