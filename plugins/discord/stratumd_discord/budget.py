"""What all webhooks of this process have in common: Discord counts by address, not by webhook.

10,000 invalid answers (401, 403, 429) within ten minutes get an address banned for a day. stratumd stops far below.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 600.0
"""Seconds that an invalid answer counts."""
MOST = 100
"""Invalid answers within the window, after which nothing is sent until the oldest of them counts no more."""
INVALID = frozenset({401, 403, 429})


class Budget:
    """The invalid answers of the last ten minutes, and a limit that Discord put on the whole address."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is in seconds, from any start."""
        self._now = now
        self._invalid: deque[float] = deque()
        self._closed_until = 0.0

    def wait(self) -> float:
        """Return the seconds until anything may be sent; 0 where it may now."""
        now = self._now()
        while self._invalid and self._invalid[0] <= now - WINDOW:
            self._invalid.popleft()
        spent = self._invalid[0] + WINDOW if len(self._invalid) >= MOST else now
        return max(0.0, spent - now, self._closed_until - now)

    def count(self, status: int, *, shared: bool) -> None:
        """Count an answer. A 429 whose limit is `shared` with others is no fault of ours, and Discord counts it not."""
        if status in INVALID and not (status == 429 and shared):
            self._invalid.append(self._now())

    def close(self, seconds: float) -> None:
        """Send nothing for so long: the limit is global."""
        self._closed_until = max(self._closed_until, self._now() + seconds)


OURS = Budget()
"""This process's."""
