"""Sinks that stay off across restarts: their receiver said that it is gone. A row is there for as long."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from stratumd.plugin import Micros
from stratumd.store import breakers
from stratumd.store.tables import disabled_sinks
from stratumd.store.text import clean


class Disabled(NamedTuple):
    """Why a sink is off, since when, and a fingerprint of the options that it had."""

    reason: str
    since: Micros
    options: str


def disable(connection: Connection, sink: str, found: Disabled) -> bool:
    """Note that `sink` is off. What was noted of it before is replaced. Returns False where it was off before."""
    was = connection.execute(delete(disabled_sinks).where(disabled_sinks.c.sink == sink)).rowcount > 0
    row = {"sink": sink, "reason": clean(found.reason), "since": found.since, "options": found.options}
    connection.execute(insert(disabled_sinks).values(row))
    return not was


def enable(connection: Connection, sink: str) -> bool:
    """Forget that `sink` is off, and the outage that led to it. Returns False where it was not off."""
    breakers.mend(connection, "sink", sink)
    return connection.execute(delete(disabled_sinks).where(disabled_sinks.c.sink == sink)).rowcount > 0


def disabled(connection: Connection) -> dict[str, Disabled]:
    """Return the sinks that are off, by name."""
    query = select(disabled_sinks).order_by(disabled_sinks.c.sink)
    return {row.sink: Disabled(row.reason, row.since, row.options) for row in connection.execute(query)}
