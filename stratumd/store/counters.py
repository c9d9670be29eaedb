"""Positions without gaps: a counter is raised inside the transaction that uses its numbers."""

from __future__ import annotations

from sqlalchemy import Connection, select, text

from stratumd.store.tables import counters

# An insert or an update, whichever it takes, that says where the counter stands now.
_RAISE = text(
    "INSERT INTO counters (name, value) VALUES (:name, :by)"
    " ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value"
)


def advance(connection: Connection, name: str, by: int = 1) -> int:
    """Raise a counter and return where it stands. Other transactions that raise it wait for the end of this one."""
    value: int = connection.execute(_RAISE, {"name": name, "by": by}).scalar_one()
    return value


def value(connection: Connection, name: str) -> int:
    """Return where a counter stands; 0 where it was never raised."""
    found: int | None = connection.scalar(select(counters.c.value).where(counters.c.name == name))
    return found or 0
