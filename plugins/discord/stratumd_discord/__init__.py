"""Signals in a Discord channel, by its webhook."""

from stratumd import hookimpl
from stratumd.plugin import Sink
from stratumd_discord.sink import DiscordSink


@hookimpl
def register_sinks() -> list[type[Sink]]:
    """Provide the sink `discord`."""
    return [DiscordSink]
