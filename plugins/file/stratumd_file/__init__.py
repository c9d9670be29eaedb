"""Signals as JSON Lines or CSV in a file."""

from stratumd import hookimpl
from stratumd.plugin import Sink
from stratumd_file.sink import FileSink


@hookimpl
def register_sinks() -> list[type[Sink]]:
    """Provide the sink `file`."""
    return [FileSink]
