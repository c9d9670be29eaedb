"""Waiting for the due instants of a schedule, one after another."""

from __future__ import annotations

from typing import Protocol

from stratumd.config.models import Schedule
from stratumd.plugin import SECOND, Micros, micros
from stratumd.runtime.clock import Timer
from stratumd.runtime.schedule import next_after, spread

LONGEST_NAP = 30 * SECOND
"""How long to wait before looking at the wall clock again, which may have been set."""
MOST_COUNTED = 1_000
"""Skipped instants are counted up to this, so that a clock put forward by years stops nothing."""


class Ticks(Protocol):
    """The due instants of one schedule. One that passes while nobody waits is skipped and counted.

    A wait that is cancelled loses nothing: the next one waits for the same instant, and returns at once where it has
    passed meanwhile. So a source can be replaced without missing any.
    """

    @property
    def due(self) -> Micros:
        """When the next one is due, by the wall clock."""

    async def wait(self) -> int:
        """Wait for the next one and return how many were skipped before it."""


def ticks(schedule: Schedule, name: str, timer: Timer) -> Ticks:
    """Return the due instants of `name` from now on; those of an interval begin at once."""
    shift = spread(schedule, name)
    if schedule.every is None:
        return CronTicks(schedule, shift, timer)
    return IntervalTicks(schedule, micros(schedule.every), shift, timer)


class IntervalTicks:
    """A fixed interval on the monotonic clock, counted from the first wait: setting the clock moves nothing."""

    def __init__(self, schedule: Schedule, period: Micros, shift: Micros, timer: Timer) -> None:
        self._schedule = schedule
        self._period = period
        self._timer = timer
        self._shift = shift
        self._next: Micros | None = None
        self._waiting = False
        self._skipped = 0

    @property
    def due(self) -> Micros:
        """When the next one is due, by the wall clock."""
        now = self._timer.monotonic()
        return self._timer.now() + (now + self._shift if self._next is None else self._next) - now

    async def wait(self) -> int:
        """Wait for the next one and return how many were skipped before it."""
        now = self._timer.monotonic()
        expected = now + self._shift if self._next is None else self._next
        in_time = now - expected < self._period if self._waiting else now <= expected
        due = expected if in_time else next_after(self._schedule, now - 1, anchor=expected)
        self._skipped += (due - expected) // self._period
        self._next, self._waiting = due, True
        await self._timer.sleep(due - now)
        skipped, self._skipped = self._skipped, 0
        self._next, self._waiting = due + self._period, False
        return skipped


class CronTicks:
    """The instants of a cron expression on the wall clock, each at most once, however the clock is set."""

    def __init__(self, schedule: Schedule, shift: Micros, timer: Timer) -> None:
        self._schedule = schedule
        self._shift = shift
        self._timer = timer
        self._next = next_after(schedule, timer.now() - shift)
        self._waiting = False
        self._skipped = 0

    @property
    def due(self) -> Micros:
        """When the next one is due, by the wall clock."""
        return self._next + self._shift

    async def wait(self) -> int:
        """Wait for the next one and return how many were skipped before it."""
        now = self._timer.now() - self._shift
        if not (self._waiting and now < next_after(self._schedule, self._next)):
            self._skipped += self._skip(now)
        self._waiting = True
        while (left := self.due - self._timer.now()) > 0:
            await self._timer.sleep(min(left, LONGEST_NAP))
        skipped, self._skipped = self._skipped, 0
        self._next, self._waiting = next_after(self._schedule, self._next), False
        return skipped

    def _skip(self, now: Micros) -> int:
        skipped = 0
        while self._next < now and skipped < MOST_COUNTED:
            self._next = next_after(self._schedule, self._next)
            skipped += 1
        if self._next < now:
            self._next = next_after(self._schedule, now - 1)
        return skipped
