"""The sink of a dry run: it says what would be sent instead of sending it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stratumd.plugin import Delivery, Signal, Sink, one_line


class PrintingSink(Sink):
    """Stands in for a sink: takes what that one wants, writes a line for each, and sends nothing."""

    def __init__(self, sink: Sink, name: str, write: Callable[[str], None]) -> None:
        """`name` is the sink's name in the configuration."""
        super().__init__(sink.options, sink.context)
        self._sink = sink
        self._name = name
        self._write = write

    def wants(self, signal: Signal) -> bool:
        """Say what the sink itself says."""
        return self._sink.wants(signal)

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Write what would be sent."""
        for delivery in deliveries:
            self._write(f"would send to {self._name}: {one_line(delivery.signal)}")
