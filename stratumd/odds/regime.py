"""The regime of a market: stable or unstable, by how often and how far its compared value moves.

Most observations bring no change at all, so changes themselves are no bell curve: a change comes at a rate, and only
then has a size. Two hidden states differ in both, and the market switches between them at constant rates. Time is in
hours, sizes are in the unit of the compared value (points or probability).
"""

from dataclasses import dataclass
from functools import cached_property
from math import expm1, inf, log, pi
from typing import Literal, NamedTuple

from .markov import advance, observe
from .switching import resting, switching_matrix

RISK_HOURS = 10.0 / 60.0
"""How far ahead `transition_risk` looks."""

UNSTABLE_FROM, STABLE_FROM = 0.8, 0.5
"""Hysteresis: unstable once its probability reaches the first, stable again once it falls to the second."""

RegimeLabel = Literal["stable", "unstable"]
"""The regime of a market in a word."""

_HALF_NORMAL = log(2.0 / pi) / 2.0


@dataclass(frozen=True)
class RegimeParameters:
    """The parameters of a regime model, of a sport and market.

    `a` and `b` are the rates per hour at which stable turns unstable, and unstable stable. `rates` are changes per
    hour and `scales` the root mean square size of a change, of the stable and the unstable state: the unstable one
    is that with the larger product. Raises ValueError where one is not finite and above zero, or the order is wrong.
    """

    a: float
    b: float
    rates: tuple[float, float]
    scales: tuple[float, float]

    def __post_init__(self) -> None:
        if not all(0.0 < value < inf for value in (self.a, self.b, *self.rates, *self.scales)):
            raise ValueError("rates and scales of a regime are finite and above zero")
        if self.rates[0] * self.scales[0] > self.rates[1] * self.scales[1]:
            raise ValueError("the unstable state has the larger product of rate and scale, and comes second")

    @cached_property
    def version(self) -> str:
        """A hash of the parameters, 16 hex digits: equal for equal parameters, on every machine."""
        return _fnv1a(repr([float(value) for value in (self.a, self.b, *self.rates, *self.scales)]))


class RegimeState(NamedTuple):
    """What is known of a market's regime now: all that the next observation needs.

    `unstable` is the filtered probability of the unstable state; `label` has the hysteresis.
    """

    unstable: float
    label: RegimeLabel


class RegimeReading(NamedTuple):
    """A regime as it is shown. `stability_score` is one minus `transition_risk`, the probability of the unstable
    state in ten minutes.
    """

    regime_label: RegimeLabel
    regime_probability: float
    transition_risk: float
    stability_score: float
    model_version: str


def ordered_parameters(a: float, b: float, rates: tuple[float, float], scales: tuple[float, float]) -> RegimeParameters:
    """Return the parameters with the states in order, swapped where the first is the unstable one."""
    if rates[0] * scales[0] > rates[1] * scales[1]:
        return RegimeParameters(b, a, (rates[1], rates[0]), (scales[1], scales[0]))
    return RegimeParameters(a, b, rates, scales)


def log_emission(parameters: RegimeParameters, hours: float, change: float) -> tuple[float, float]:
    """Return the log-density of a change (0 for none) within `hours` in the stable and the unstable state.

    No change with probability `exp(−λ·Δt)`, else one whose size is half-normal with scale `s`. Raises ValueError
    unless `hours` is above zero and both are finite.
    """
    if not (0.0 < hours < inf and -inf < change < inf):
        raise ValueError(f"a change of {change!r} in {hours!r} hours cannot be")
    (r0, r1), (s0, s1) = parameters.rates, parameters.scales
    if change == 0.0:
        return -r0 * hours, -r1 * hours
    return _log_change(r0 * hours, change / s0) - log(s0), _log_change(r1 * hours, change / s1) - log(s1)


def regime_start(parameters: RegimeParameters) -> RegimeState:
    """Return the state at the first observation of a market: the chain at rest, `a/(a + b)` unstable."""
    unstable = resting(parameters.a, parameters.b)[1]
    return RegimeState(unstable, regime_label(unstable, "stable"))


def regime_update(parameters: RegimeParameters, state: RegimeState, hours: float, change: float) -> RegimeState:
    """Return the state after an observation `hours` after the one before, which changed the compared value by
    `change`: `f_t ∝ (f_{t−1}·A(Δt))·b_t`. It knows nothing of what comes later.

    Raises ValueError like `log_emission`.
    """
    emission = log_emission(parameters, hours, change)
    (_, unstable), _ = observe(_ahead(parameters, state, hours), emission)
    return RegimeState(unstable, regime_label(unstable, state.label))


def regime_label(unstable: float, before: RegimeLabel) -> RegimeLabel:
    """Return the label for a probability of the unstable state, given the label before."""
    if before == "stable":
        return "unstable" if unstable >= UNSTABLE_FROM else "stable"
    return "stable" if unstable <= STABLE_FROM else "unstable"


def transition_risk(parameters: RegimeParameters, state: RegimeState, hours: float = RISK_HOURS) -> float:
    """Return the probability that the market is unstable `hours` from now: `(f_T·A(Δt))(unstable)`."""
    return _ahead(parameters, state, hours)[1]


def regime_reading(parameters: RegimeParameters, state: RegimeState) -> RegimeReading:
    """Return the five figures that are shown of a state."""
    risk = transition_risk(parameters, state)
    return RegimeReading(state.label, state.unstable, risk, 1.0 - risk, parameters.version)


def _ahead(parameters: RegimeParameters, state: RegimeState, hours: float) -> list[float]:
    matrix = switching_matrix(parameters.a, parameters.b, hours)
    return advance((1.0 - state.unstable, state.unstable), matrix)


def _log_change(expected: float, z: float) -> float:
    """Return the log-density, times the scale, of a change of `z` scales where `expected` changes are due."""
    return log(-expm1(-expected)) + _HALF_NORMAL - z * z / 2.0


def _fnv1a(text: str) -> str:
    """Return the 64-bit FNV-1a hash of a text. It names parameters; it protects nothing."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{value:016x}"
