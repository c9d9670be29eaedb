"""The sink `heartbeat`."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.plugin import MINUTE, Context, Delivery, Micros, Signal, Sink, micros
from stratumd_heartbeat.options import Options
from stratumd_heartbeat.ping import Ping

FRESH: Micros = 5 * MINUTE
"""Quotes that are older when they are processed come from catching up: they say nothing about the sources now."""


class HeartbeatSink(Sink):
    """Pings a monitor after cycles that brought quotes. It takes no signals."""

    name, config = "heartbeat", Options
    options: Options

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self._ping: Ping | None = None
        self._last: Micros | None = None

    async def open(self) -> None:
        """Get ready. Nothing is sent: starting is no sign of life."""
        self._ping = Ping(self.options.url)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._ping is not None:
            await self._ping.close()

    def wants(self, signal: Signal) -> bool:
        """Want none: a quiet market is no failure."""
        return False

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Ping, whatever it is. Only `stratumd sinks test` delivers here."""
        await self._send()

    async def beat(self, at: Micros) -> None:
        """Ping, unless the last one is too recent or the quotes are old."""
        now = self.context.clock.now()
        is_due = self._last is None or not 0 <= now - self._last < micros(self.options.every)
        if is_due and now - at <= FRESH:
            await self._send()
            self._last = now

    async def _send(self) -> None:
        assert self._ping is not None, "core opens a sink before it delivers"
        await self._ping.send()
