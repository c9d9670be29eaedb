"""A dead man's switch: a monitor of yours is pinged only while quotes arrive."""

from stratumd import hookimpl
from stratumd.plugin import Sink
from stratumd_heartbeat.sink import HeartbeatSink


@hookimpl
def register_sinks() -> list[type[Sink]]:
    """Provide the sink `heartbeat`."""
    return [HeartbeatSink]
