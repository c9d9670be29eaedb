"""Signals by mail."""

from stratumd import hookimpl
from stratumd.plugin import Sink
from stratumd_email.sink import EmailSink


@hookimpl
def register_sinks() -> list[type[Sink]]:
    """Provide the sink `email`."""
    return [EmailSink]
