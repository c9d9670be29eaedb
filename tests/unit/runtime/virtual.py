"""Clocks that move when somebody waits."""

from __future__ import annotations

from collections.abc import Callable

import anyio.lowlevel

from stratumd.plugin import Micros, parse_iso


class VirtualTimer:
    """Both clocks of a `Timer`; waiting moves them at once. The wall clock can be set, the monotonic one cannot."""

    def __init__(self, start: str = "2026-01-10T12:00:00Z") -> None:
        self.wall = parse_iso(start)
        self.running: Micros = 5_000_000
        self.sleeps: list[Micros] = []
        self.while_asleep: Callable[[], None] | None = None
        """Called once, at the next wait: what happens meanwhile."""

    def now(self) -> Micros:
        return self.wall

    def monotonic(self) -> Micros:
        return self.running

    async def sleep(self, length: Micros) -> None:
        self.sleeps.append(length)
        self.pass_by(max(0, length))
        happening, self.while_asleep = self.while_asleep, None
        if happening is not None:
            happening()
        await anyio.lowlevel.checkpoint()

    def pass_by(self, length: Micros) -> None:
        """Let time pass."""
        self.wall += length
        self.running += length
