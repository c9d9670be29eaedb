"""A keyless first run: a simulated market that a source polls like the real provider."""

from stratumd import hookimpl
from stratumd.plugin import Source
from stratumd_demo.source import DemoSource

__all__ = ["DemoSource", "register_sources"]


@hookimpl
def register_sources() -> list[type[Source]]:
    """Provide the simulated market."""
    return [DemoSource]
