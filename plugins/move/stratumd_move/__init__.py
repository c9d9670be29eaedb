"""Moves of single books (MOVE), of the consensus over key numbers (KEY_CROSS), and of several books together."""

from stratumd import hookimpl
from stratumd.plugin import Detector
from stratumd_move.detector import Moves

__all__ = ["Moves", "register_detectors"]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Provide the move signals."""
    return [Moves]
