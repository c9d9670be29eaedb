"""POSITIVE_EV, ARBITRAGE, LOW_HOLD and MIDDLE: what prices are worth held against each other."""

from stratumd import hookimpl
from stratumd.plugin import Detector
from stratumd_value.detector import Value

__all__ = ["Value", "register_detectors"]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Provide the signals of value."""
    return [Value]
