"""A clock that stands still until it is told to go on."""

from __future__ import annotations

from datetime import timedelta

from stratumd.plugin import Micros, micros


class VirtualClock:
    """A `Clock` for tests and simulations. It is moved by hand, forward only."""

    def __init__(self, now: Micros) -> None:
        self._now = now

    def now(self) -> Micros:
        """Return the time it was set to, microseconds UTC."""
        return self._now

    def advance(self, by: timedelta | Micros) -> Micros:
        """Go on by `by` (microseconds where it is a number) and return the new time.

        `ValueError` where it goes back.
        """
        step = micros(by) if isinstance(by, timedelta) else by
        if step < 0:
            raise ValueError("a clock does not go back")
        self._now += step
        return self._now
