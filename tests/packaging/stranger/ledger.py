"""Append each signal to a text file, once."""

from pathlib import Path

from stratumd import hookimpl
from stratumd.plugin import PluginConfig, Sink, iso


class Config(PluginConfig):
    path: Path
    """Where the ledger is."""


class Ledger(Sink):
    name, config = "ledger", Config

    async def deliver(self, deliveries):
        written = self.options.path.read_text() if self.options.path.exists() else ""
        with self.options.path.open("a") as ledger:
            for delivery in deliveries:
                if delivery.id not in written:
                    signal = delivery.signal
                    ledger.write(f"{delivery.id} {iso(signal.observed_at)} {signal.type} {' '.join(signal.books)}\n")


@hookimpl
def register_sinks():
    return [Ledger]
