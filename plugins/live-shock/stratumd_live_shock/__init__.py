"""LIVE_SHOCK: an in-play market jumps within a short window."""

from stratumd import hookimpl
from stratumd.plugin import Detector
from stratumd_live_shock.detector import LiveShock

__all__ = ["LiveShock", "register_detectors"]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Provide the in-play signal."""
    return [LiveShock]
