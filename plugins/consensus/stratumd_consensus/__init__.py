"""The consensus of the books, at every observation: fair line, probability, price and dispersion per market."""

from stratumd import hookimpl
from stratumd.plugin import Detector
from stratumd_consensus.detector import Consensus

__all__ = ["Consensus", "register_detectors"]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Provide the consensus."""
    return [Consensus]
