"""The daemon's clocks: the wall clock for what is recorded, the monotonic clock for lengths of time."""

from __future__ import annotations

import time
from typing import Protocol

import anyio

from stratumd.plugin import SECOND, Micros


class Timer(Protocol):
    """Both clocks and the way to wait on them; tests bring one that moves by itself."""

    def now(self) -> Micros:
        """Return the wall clock's time, UTC."""

    def monotonic(self) -> Micros:
        """Return a time that never jumps, counted from an arbitrary start."""

    async def sleep(self, length: Micros) -> None:
        """Wait that long by the monotonic clock."""


class SystemTimer:
    """The machine's own clocks."""

    def now(self) -> Micros:
        """Return the wall clock's time, UTC."""
        return time.time_ns() // 1_000

    def monotonic(self) -> Micros:
        """Return a time that never jumps, counted from an arbitrary start."""
        return time.monotonic_ns() // 1_000

    async def sleep(self, length: Micros) -> None:
        """Wait that long by the monotonic clock."""
        await anyio.sleep(max(0, length) / SECOND)
