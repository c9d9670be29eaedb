"""Sinks that stay off across restarts: their receiver said that it is gone. A row is there for as long."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from stratumd.plugin import Micros
from stratumd.store.tables import disabled_sinks
from stratumd.store.text import clean


class Disabled(NamedTuple):
    """Why a sink is off, since when, and a fingerprint of the options that it had."""

    reason: str
    since: Micros
    options: str


def disable(connection: Connection, sink: str, found: Disabled) -> None:
    """Note that `sink` is off. What was noted of it before is replaced."""
    enable(connection, sink)
    row = {"sink": sink, "reason": clean(found.reason), "since": found.since, "options": found.options}
    connection.execute(insert(disabled_sinks).values(row))


def enable(connection: Connection, sink: str) -> bool:
    """Forget that `sink` is off. Returns False where it was not."""
    return connection.execute(delete(disabled_sinks).where(disabled_sinks.c.sink == sink)).rowcount > 0


def disabled(connection: Connection) -> dict[str, Disabled]:
    """Return the sinks that are off, by name."""
    query = select(disabled_sinks).order_by(disabled_sinks.c.sink)
    return {row.sink: Disabled(row.reason, row.since, row.options) for row in connection.execute(query)}
