"""STEAM: many operators move the same way within a short window, and who was left behind."""

from stratumd import hookimpl
from stratumd.plugin import Detector
from stratumd_steam.detector import Steam

__all__ = ["Steam", "register_detectors"]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Provide the steam signal."""
    return [Steam]
