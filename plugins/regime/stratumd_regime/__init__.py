"""The regime of a market, stable or unstable, added to the signals about it."""

from stratumd import hookimpl
from stratumd.plugin import Detector, Report
from stratumd_regime.detector import Regime
from stratumd_regime.fit import Fit

__all__ = ["Fit", "Regime", "register_detectors", "register_reports"]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Provide the regime."""
    return [Regime]


@hookimpl
def register_reports() -> list[type[Report]]:
    """Provide what `stratumd regime fit` writes."""
    return [Fit]
