"""Due instants of schedules: whoever inserts the row runs it, and nobody else ever does."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, text

from stratumd.plugin import DAY, Micros
from stratumd.store.clock import now
from stratumd.store.tables import instants, schedules

_KEPT = 7 * DAY
"""How long the rows stay: long enough to look back at, and far above any grace."""
# One row a schedule: its lock lets one daemon after the other look at the instants.
_TOUCH = text(
    "INSERT INTO schedules (schedule, newest) VALUES (:schedule, -1)"
    " ON CONFLICT (schedule) DO UPDATE SET newest = schedules.newest"
)
_RAISE = text("UPDATE schedules SET newest = :instant WHERE schedule = :schedule AND newest < :instant")


class Newest(NamedTuple):
    """Where a schedule stands."""

    instant: Micros | None
    """The newest instant that was taken; None where none ever was."""
    now: Micros
    """The database's time."""


class Taken(NamedTuple):
    """What came of an attempt to take an instant."""

    mine: bool
    at: Micros
    """The instant that was asked for, or the one in its way."""
    newest: Micros
    """The newest instant that is taken now, by whomever."""
    before: Micros | None
    """The one that was taken before the one that was asked for."""
    now: Micros
    """The database's time."""


def newest(connection: Connection, schedule: str) -> Newest:
    """Return where `schedule` stands."""
    taken = (schedules.c.schedule == schedule, schedules.c.newest >= 0)
    found = connection.scalar(select(schedules.c.newest).where(*taken))
    return Newest(found, now(connection))


def held(connection: Connection, schedule: str) -> Newest:
    """Return where `schedule` stands; nobody else takes an instant of it before this transaction ends."""
    connection.execute(_TOUCH, {"schedule": schedule})
    return newest(connection, schedule)


def take(connection: Connection, schedule: str, instant: Micros, gap: Micros, owner: str) -> Taken:
    """Take `instant` for `owner`, unless it is taken; asked for again by its owner, it is still the owner's.

    With a `gap` it is taken too where another one is that lies less than that before or after it.
    """
    mine = instants.c.schedule == schedule
    near = instants.c.instant.between(instant - max(gap - 1, 0), instant + max(gap - 1, 0))
    connection.execute(_TOUCH, {"schedule": schedule})
    there = connection.execute(select(instants.c.instant, instants.c.owner).where(mine, near)).first()
    if there is None:
        connection.execute(_RAISE, {"schedule": schedule, "instant": instant})
        connection.execute(delete(instants).where(mine, instants.c.instant < instant - _KEPT))
        row = {"schedule": schedule, "instant": instant, "taken_at": now(connection), "owner": owner}
        connection.execute(insert(instants).values(row))
    before = select(func.max(instants.c.instant)).where(mine, instants.c.instant < instant)
    found = newest(connection, schedule)
    taken = there is None or (there.instant, there.owner) == (instant, owner)
    at = instant if there is None else there.instant
    return Taken(taken, at, max(found.instant or at, at), connection.scalar(before), found.now)
