"""Simulated time: what happens next, in order, however large the steps in which time is advanced."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from stratumd.plugin import Micros

Action = Callable[[], None]


class Timeline:
    """A queue of actions by time; at the same time, in the order in which they were asked for."""

    def __init__(self, now: Micros) -> None:
        self.now = now
        self._queue: list[tuple[Micros, int, Action]] = []
        self._asked = 0

    def at(self, when: Micros, action: Action) -> None:
        """Do `action` at `when`; what is past is done next."""
        heapq.heappush(self._queue, (max(when, self.now), self._asked, action))
        self._asked += 1

    def after(self, delay: Micros, action: Action) -> None:
        """Do `action` when `delay` has passed."""
        self.at(self.now + delay, action)

    def run(self, to: Micros) -> None:
        """Do everything that is due up to and including `to`. Going back is a `ValueError`."""
        if to < self.now:
            raise ValueError("simulated time does not go back")
        while self._queue and self._queue[0][0] <= to:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = to


class Tempo(NamedTuple):
    """How fast the market lives: at pace 60 an hour's events take a minute. Fixtures keep their own time."""

    pace: float = 1.0

    def span(self, length: float) -> Micros:
        """Return how long `length` microseconds of a real market take here."""
        return round(length / self.pace)

    def wait(self, random: Random, mean: float) -> Micros:
        """Draw the time to the next of events that come independently, `mean` microseconds apart."""
        return self.span(random.expovariate(1.0) * mean)
