"""Recordings as a source: the same pipeline, fed from files, in the time of the recording."""

from stratumd import hookimpl
from stratumd.plugin import Source
from stratumd_replay.source import Replay

__all__ = ["Replay", "register_sources"]


@hookimpl
def register_sources() -> list[type[Source]]:
    """Provide the recordings."""
    return [Replay]
