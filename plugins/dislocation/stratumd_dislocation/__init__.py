"""DISLOCATION: one operator stands apart from the consensus of the others."""

from stratumd import hookimpl
from stratumd.plugin import Detector
from stratumd_dislocation.detector import Dislocation

__all__ = ["Dislocation", "register_detectors"]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Provide the dislocation signal."""
    return [Dislocation]
