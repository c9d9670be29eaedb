"""Signals as lines of the log, readable on a terminal."""

from stratumd import hookimpl
from stratumd.plugin import Sink
from stratumd_log.sink import LogSink


@hookimpl
def register_sinks() -> list[type[Sink]]:
    """Provide the sink `log`."""
    return [LogSink]
