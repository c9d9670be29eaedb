"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from stratumd.plugin import MINUTE, SECOND, Micros

_MOST_DOUBLINGS = 32
FOR_STORE: Micros = 30 * SECOND
"""The longest wait of who waits for the store: it is our own, and everything stands still for as long as it is down."""


def seconds(asked: Any) -> float | None:
    """Return how long a plugin says that is to be waited; None where it is no number, or none that can be waited."""
    try:
        length = float(asked)
    except (TypeError, ValueError, OverflowError):
        return None
    return length if isfinite(length) and length >= 0 else None


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed delivery is tried again, in seconds; the defaults keep trying for about 75 hours."""

    first: float = 1.0
    longest: float = 1_800.0
    attempts: int = 300
    """After so many failures a delivery becomes a dead letter."""
    faults: int = 10
    """The same for failures of the sink's own code."""

    def pause(self, failures: int, chance: float) -> float:
        """Return the wait after `failures` in a row: exponential, with full jitter by `chance` (0 to 1)."""
        return chance * min(self.longest, self.first * 2.0 ** min(failures - 1, 64))


USUAL = Retry()


@dataclass(slots=True)
class Backoff:
    """Waits that double with every failure in a row, with full jitter so that nobody returns in step."""

    first: Micros = SECOND
    longest: Micros = 5 * MINUTE
    chance: Callable[[], float] = random.random
    failures: int = 0
    """In a row."""

    def failed(self, longest: Micros | None = None) -> Micros:
        """Count a failure and return how long to wait; this time no longer than `longest`."""
        self.failures += 1
        most = self.longest if longest is None else min(longest, self.longest)
        ceiling = min(most, self.first << min(self.failures - 1, _MOST_DOUBLINGS))
        return round(self.chance() * ceiling)

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0
