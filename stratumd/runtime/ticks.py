"""Waiting for the due instants of a schedule, and taking them: each is run by one daemon, once.

The instants and the time that they are due at are the database's, so that several daemons find the same ones. Between
two looks at its clock the monotonic one counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from math import inf
from typing import NamedTuple, Protocol

from stratumd.config.schedules import Schedule
from stratumd.plugin import DAY, HOUR, SECOND, Micros, micros
from stratumd.runtime.cadence import cadence_of
from stratumd.runtime.clock import Timer
from stratumd.runtime.schedule import next_after, spread
from stratumd.store import Newest, Taken

LONGEST_NAP = 30 * SECOND
"""How long to wait before looking at the clock again, which may have been set."""
MOST_COUNTED = 1_000
"""Instants that were not run are counted up to this, so that a clock put forward by years stops nothing."""
_WINDOWS = (HOUR, DAY, 32 * DAY, 366 * DAY)
"""How far back the newest instant of a cron expression is looked for, one after the other."""


class Instants(Protocol):
    """The stored instants of one schedule. While the store does not answer, the calls wait for it."""

    async def newest(self) -> Newest:
        """Return where the schedule stands."""

    async def take(self, instant: Micros, gap: Micros) -> Taken:
        """Take an instant, as `Sharing.take` does."""


class Due(NamedTuple):
    """An instant that is this daemon's to run."""

    instant: Micros
    skipped: int = 0
    """Instants right before it that passed while this daemon was polling."""
    missed: int = 0
    """Other instants right before it that no daemon ran."""


class Ticks(ABC):
    """The due instants of one schedule, of which each is taken by one daemon.

    A wait that is cancelled loses nothing: the next one waits for the same instant. So a source can be replaced
    without missing any.
    """

    _gap: Micros = 0
    """An instant is taken for another one where they are less than this apart."""

    def __init__(self, schedule: Schedule, name: str, timer: Timer, instants: Instants) -> None:
        self._schedule = schedule
        self._timer = timer
        self._instants = instants
        self._shift = spread(schedule, name)
        self._grace = inf if schedule.misfire_grace is None else micros(schedule.misfire_grace)
        self._ahead: Micros | None = None
        """What the schedule's time (the database's, less the jitter) is ahead of the monotonic clock."""
        self._next: Micros = 0
        self._began: Micros = 0
        """When the last run began."""
        self._waiting = True
        """False while a run is under way."""
        self._skipped = 0

    @property
    def due(self) -> Micros:
        """When the next instant is due, by the wall clock."""
        return self._timer.now() + (0 if self._ahead is None else self._next - self._now())

    async def begin(self) -> None:
        """Find out where the schedule stands; only the first call asks."""
        if self._ahead is not None:
            return
        newest = await self._instants.newest()
        self._set(newest.now)
        self._next = self._first(newest.instant)
        if self._schedule.catch_up == "none" and newest.instant is not None and self._next < self._now():
            self._next = self._after(self._last())

    async def wait(self, ready: Callable[[], Awaitable[None]] | None = None) -> Due | None:
        """Wait for the next instant and take it; None where another daemon has it, or it is too late to run it.

        `ready` is awaited when it is due and not taken yet: what may be broken off belongs there.
        """
        await self.begin()
        if not self._waiting:
            self.rest()
        while (left := self._next - self._now()) > 0:
            await self._nap(left)
        self._choose()
        if self._next > self._now():
            return None
        if ready is not None:
            await ready()
        taken = await self._instants.take(self._next, self._gap)
        if not taken.mine:
            self._leave(taken)
            return None
        self._waiting = False
        return self._run(taken)

    def rest(self) -> None:
        """Say that nothing is run any more: what became due meanwhile is passed over, or one of it made up for.

        Where it is not said, the next wait says it. What becomes due from now on is only late.
        """
        self._skip_overlapped()
        self._waiting = True

    def _run(self, taken: Taken) -> Due:
        passed = 0 if taken.before is None else self._between(taken.before, self._next)
        skipped, self._skipped = min(self._skipped, passed), 0
        due = Due(self._next, skipped, passed - skipped)
        if taken.newest > self._next:
            self._set(taken.now)  # another daemon is ahead: the database's clock was put forward
        self._began, self._next = self._now(), self._after(self._next)
        return due

    def _skip_overlapped(self) -> None:
        """Go past what became due while this daemon was polling; what was due before that is still to be run."""
        if self._schedule.catch_up == "all" or not self._began < self._next < self._now():
            return
        last = self._last()
        kept = last if self._schedule.overlap == "queue" else self._after(last)
        self._skipped = self._between(self._next, kept) + 1 if kept > self._next else 0
        self._next = kept

    def _choose(self) -> None:
        """Of the instants that are due by now, choose the one that is to be run."""
        policy, late = self._schedule.catch_up, self._after(self._next) <= self._now()
        if late and policy != "all":
            self._next = self._last() if policy == "last" else self._after(self._last())
        if self._now() - self._next > self._grace:
            self._next = self._after(self._now() - round(self._grace) - 1)

    def _now(self) -> Micros:
        assert self._ahead is not None, "it has begun"
        return self._timer.monotonic() + self._ahead

    def _set(self, now: Micros) -> None:
        self._ahead = now - self._shift - self._timer.monotonic()

    @abstractmethod
    def _first(self, newest: Micros | None) -> Micros:
        """Return the first instant to wait for, after the newest one that was taken."""

    @abstractmethod
    def _after(self, instant: Micros) -> Micros:
        """Return the first instant after `instant`."""

    @abstractmethod
    def _last(self) -> Micros:
        """Return the newest instant that has passed; the next one has."""

    @abstractmethod
    def _between(self, before: Micros, instant: Micros) -> int:
        """Return how many instants lie between the two."""

    @abstractmethod
    async def _nap(self, left: Micros) -> None:
        """Wait, at most as long as is `left`."""

    @abstractmethod
    def _leave(self, taken: Taken) -> None:
        """Go on after an instant that another daemon took."""


def ticks(schedule: Schedule, name: str, timer: Timer, instants: Instants) -> Ticks:
    """Return the due instants of `name`; those of an interval begin at once where there never was one."""
    kind = IntervalTicks if schedule.every is not None else CronTicks if schedule.cron is not None else CadenceTicks
    return kind(schedule, name, timer, instants)


class IntervalTicks(Ticks):
    """A fixed interval on the monotonic clock, counted from its newest instant: setting a clock moves nothing."""

    def __init__(self, schedule: Schedule, name: str, timer: Timer, instants: Instants) -> None:
        super().__init__(schedule, name, timer, instants)
        assert schedule.every is not None, "it is an interval"
        self._period = micros(schedule.every)
        self._gap = self._period

    def _first(self, newest: Micros | None) -> Micros:
        if newest is None:
            return self._now() + self._shift
        following = newest + self._period
        if following - self._now() > self._period:
            self._set(following + self._shift)  # the database's clock was put back: nobody waits until it has caught up
        return following

    def _after(self, instant: Micros) -> Micros:
        return self._next + ((instant - self._next) // self._period + 1) * self._period

    def _last(self) -> Micros:
        return self._after(self._now()) - self._period

    def _between(self, before: Micros, instant: Micros) -> int:
        return max(0, (instant - before) // self._period - 1)

    async def _nap(self, left: Micros) -> None:
        await self._timer.sleep(left)

    def _leave(self, taken: Taken) -> None:
        self._set(taken.now)
        self._next = taken.at + self._period
        if taken.at > self._now():
            self._set(taken.at + self._shift)


class CronTicks(Ticks):
    """The instants of a cron expression on the database's clock, each at most once, however it is set."""

    def _first(self, newest: Micros | None) -> Micros:
        now = self._now()
        return self._after(now if newest is None else min(newest, now))

    def _after(self, instant: Micros) -> Micros:
        return next_after(self._schedule, instant)

    def _last(self) -> Micros:
        now = self._now()
        for window in _WINDOWS:
            found, following = None, max(self._next, self._after(now - window))
            while following <= now:
                found, following = following, self._after(following)
            if found is not None:
                return found
        return self._next

    def _between(self, before: Micros, instant: Micros) -> int:
        passed = 0
        while (before := self._after(before)) < instant and passed < MOST_COUNTED:
            passed += 1
        return passed

    async def _nap(self, left: Micros) -> None:
        await self._timer.sleep(min(left, LONGEST_NAP))
        self._set((await self._instants.newest()).now)

    def _leave(self, taken: Taken) -> None:
        self._set(taken.now)
        self._next = self._after(self._next)


class CadenceTicks(CronTicks):
    """The instants at which it is looked what a cadence makes due: the multiples of its rhythm since 1970."""

    def __init__(self, schedule: Schedule, name: str, timer: Timer, instants: Instants) -> None:
        super().__init__(schedule, name, timer, instants)
        cadence = cadence_of(schedule)
        assert cadence is not None, "it has a cadence"
        self._rhythm = cadence.rhythm

    def _first(self, newest: Micros | None) -> Micros:
        """Look at once after a start: what is due was not asked for meanwhile."""
        return self._after(max(newest or 0, self._now() - self._rhythm))

    def _after(self, instant: Micros) -> Micros:
        return (instant // self._rhythm + 1) * self._rhythm

    def _last(self) -> Micros:
        return self._now() // self._rhythm * self._rhythm

    def _between(self, before: Micros, instant: Micros) -> int:
        return max(0, (instant - before - 1) // self._rhythm)
