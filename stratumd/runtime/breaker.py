"""A receiver that fails is left alone for a while, and one attempt finds out whether it is back.

What is known of the outage is stored with each failure: a restart goes on waiting where the process before it was, and
an outage is as long as it is, whoever watched it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stratumd.plugin import SECOND, Micros
from stratumd.store import Outage

PROBING = 1.0
"""Seconds after which a lane looks again that waits for another one's probe."""


class Breaker:
    """The breaker of one receiver. Nothing here blocks or is stored; its owner stores `outage`."""

    def __init__(self) -> None:
        self.outage: Outage | None = None
        """None while it is closed."""
        self._pause = 0.0
        self._probing = False

    def load(self, outage: Outage | None, now: Micros, longest: float) -> None:
        """Go on with what was stored; what is left to wait is at most `longest` seconds."""
        self.outage = outage
        self._pause = 0.0 if outage is None else min(longest, max(0, outage.retry_at - now) / SECOND)

    def trip(self, reason: str, failures: int, now: Micros, seconds: float, options: str) -> Outage:
        """Open for so many seconds, and return what is to be stored."""
        since = now if self.outage is None else self.outage.since
        self._pause = seconds
        self.outage = Outage(reason, failures, since, now + round(seconds * SECOND), options)
        return self.outage

    def mend(self) -> bool:
        """Close. Returns False where it was closed."""
        was, self.outage = self.outage, None
        return was is not None

    def lasts(self, now: Micros) -> Micros:
        """Return how long nothing has succeeded."""
        return 0 if self.outage is None else now - self.outage.since

    def wait(self, now: Micros) -> float:
        """Return the seconds until the caller may try; 0 where it may now."""
        if self.outage is None:
            return 0.0
        # Never longer than it was asked for: a wall clock may be set back.
        left = min(self._pause, (self.outage.retry_at - now) / SECOND)
        return left if left > 0 else self._probing * PROBING

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Mark an attempt: while it is open, there is one at a time."""
        if self.outage is None:
            yield
            return
        self._probing = True
        try:
            yield
        finally:
            self._probing = False


class Pace:
    """At most so many calls a second, evenly spread."""

    def __init__(self, per_second: float | None) -> None:
        self._gap = round(SECOND / per_second) if per_second else 0
        self._next: Micros = 0

    def wait(self, now: Micros) -> float:
        """Return the seconds until the next call may be made."""
        return min(self._gap, max(0, self._next - now)) / SECOND

    def took(self, now: Micros) -> None:
        """Count a call."""
        self._next = max(now, self._next) + self._gap if self._next - now <= self._gap else now + self._gap
