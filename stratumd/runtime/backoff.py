"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from stratumd.plugin import MINUTE, SECOND, Micros

_MOST_DOUBLINGS = 32


def seconds(asked: Any) -> float | None:
    """Return how long a plugin says that is to be waited; None where it is no number, or none that can be waited."""
    try:
        length = float(asked)
    except (TypeError, ValueError, OverflowError):
        return None
    return length if isfinite(length) and length >= 0 else None


@dataclass(slots=True)
class Backoff:
    """Waits that double with every failure in a row, with full jitter so that nobody returns in step."""

    first: Micros = SECOND
    longest: Micros = 5 * MINUTE
    chance: Callable[[], float] = random.random
    failures: int = 0
    """In a row."""

    def failed(self) -> Micros:
        """Count a failure and return how long to wait."""
        self.failures += 1
        ceiling = min(self.longest, self.first << min(self.failures - 1, _MOST_DOUBLINGS))
        return round(self.chance() * ceiling)

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0
