"""From the consensus of a market to the steps of its regime: what the online filter and the fit both see."""

from __future__ import annotations

from typing import NamedTuple

from stratumd.odds import RegimeParameters, RegimeState, RegimeStep, regime_update, transition_risk
from stratumd.plugin import HOUR, ConsensusPoint, Micros


class Compared(NamedTuple):
    """The compared value of a consensus: the fair line, or a probability at a line."""

    value: float
    line: float | None
    """None where the value is a fair line or a moneyline's probability; else only equal lines compare."""


def compared(point: ConsensusPoint) -> Compared | None:
    """Return what a market's consensus is compared by; None where there is no consensus."""
    if point.reason is not None:
        return None
    if point.fair_line is not None:
        return Compared(point.fair_line, None)
    return Compared(point.probabilities[0], point.line)


def step(before_at: Micros, before: Compared, at: Micros, now: Compared) -> RegimeStep | None:
    """Return what an observation brought since the one before; None where the two cannot be compared."""
    if before.line != now.line:
        return None
    return RegimeStep((at - before_at) / HOUR, now.value - before.value)


def filtered(parameters: RegimeParameters, state: RegimeState, hours: float, found: RegimeStep | None) -> RegimeState:
    """Return the state after an observation. One that cannot be compared tells nothing but that time went by."""
    if found is None:
        return ahead(parameters, state, hours)
    return regime_update(parameters, state, found.hours, found.change)


def ahead(parameters: RegimeParameters, state: RegimeState, hours: float) -> RegimeState:
    """Return the state `hours` later, with nothing observed meanwhile."""
    return RegimeState(transition_risk(parameters, state, hours), state.label)
