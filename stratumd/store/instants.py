"""Due instants of schedules: whoever inserts the row runs it, and nobody else ever does."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, text

from stratumd.plugin import DAY, Micros
from stratumd.store.clock import now
from stratumd.store.tables import instants, schedules

_KEPT = 7 * DAY
"""How long the rows stay: long enough to look back at, and far above any grace."""
# One row a schedule: whoever raises it comes first, also where two daemons begin it at different moments.
_RAISE = text(
    "INSERT INTO schedules (schedule, newest) VALUES (:schedule, :instant)"
    " ON CONFLICT (schedule) DO UPDATE SET newest = excluded.newest"
    " WHERE CAST(:gap AS BIGINT) = 0 OR schedules.newest + CAST(:gap AS BIGINT) <= excluded.newest RETURNING newest"
)


class Newest(NamedTuple):
    """Where a schedule stands."""

    instant: Micros | None
    """The newest instant that was taken; None where none ever was."""
    now: Micros
    """The database's time."""


class Taken(NamedTuple):
    """What came of an attempt to take an instant."""

    mine: bool
    newest: Micros
    """The newest instant that is taken now, by whomever."""
    before: Micros | None
    """The one that was taken before the one that was asked for."""
    now: Micros
    """The database's time."""


def newest(connection: Connection, schedule: str) -> Newest:
    """Return where `schedule` stands."""
    found = connection.scalar(select(schedules.c.newest).where(schedules.c.schedule == schedule))
    return Newest(found, now(connection))


def take(connection: Connection, schedule: str, instant: Micros, gap: Micros, owner: str) -> Taken:
    """Take `instant` for `owner`, unless it is taken; asked for again by its owner, it is still the owner's.

    With a `gap` it is taken too where another less than that before it is, or any after it.
    """
    raised = connection.execute(_RAISE, {"schedule": schedule, "instant": instant, "gap": gap}).first()
    mine = _holder(connection, schedule, instant) == owner
    if raised is not None and not mine:
        mine = _insert(connection, schedule, instant, owner)
    before = select(func.max(instants.c.instant)).where(instants.c.schedule == schedule, instants.c.instant < instant)
    found = newest(connection, schedule)
    return Taken(mine, found.instant or instant, connection.scalar(before), found.now)


def _insert(connection: Connection, schedule: str, instant: Micros, owner: str) -> bool:
    if _holder(connection, schedule, instant) is not None:
        return False
    old = (instants.c.schedule == schedule, instants.c.instant < instant - _KEPT)
    connection.execute(delete(instants).where(*old))
    row = {"schedule": schedule, "instant": instant, "taken_at": now(connection), "owner": owner}
    connection.execute(insert(instants).values(row))
    return True


def _holder(connection: Connection, schedule: str, instant: Micros) -> str | None:
    mine = (instants.c.schedule == schedule, instants.c.instant == instant)
    return connection.scalar(select(instants.c.owner).where(*mine))
