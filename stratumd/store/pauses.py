"""Sources and jobs that a person paused: for all daemons, and over restarts, until resumed or until the time is over.

A job's name has a dot, a source's has none: so both are in one table, and which it is need not be stored.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, or_, select

from stratumd.plugin import Micros
from stratumd.plugin.views import PauseRow
from stratumd.store.tables import pauses
from stratumd.store.text import clean


def pause(connection: Connection, wanted: PauseRow) -> None:
    """Note that a source or a job is paused. What was noted of it before is replaced."""
    resume(connection, wanted.source)
    row = {"source": wanted.source, "reason": clean(wanted.reason), "since": wanted.since_at, "until": wanted.until_at}
    connection.execute(insert(pauses).values(row))


def resume(connection: Connection, name: str) -> bool:
    """Forget that a source or a job is paused. Returns False where it was not."""
    return connection.execute(delete(pauses).where(pauses.c.source == name)).rowcount > 0


def paused(connection: Connection, now: Micros) -> list[PauseRow]:
    """Return what is paused at `now`, by name."""
    holds = or_(pauses.c.until.is_(None), pauses.c.until > now)
    query = select(pauses).where(holds).order_by(pauses.c.source)
    return [
        PauseRow(row.source, row.reason, row.since, row.until, "job" if "." in row.source else "source")
        for row in connection.execute(query)
    ]
