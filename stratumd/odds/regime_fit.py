"""Fitting the regime model to history: expectation-maximisation over many markets of a sport.

Offline only: it looks ahead. Every M step raises the expected log-likelihood, so the likelihood never falls (but for
switching rates held at their floor).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain as joined
from math import expm1, sqrt
from typing import NamedTuple

from .markov import Chain, Fit, Smoothed, expectation_maximisation
from .regime import RegimeParameters, log_emission, ordered_parameters
from .switching import Course, expected_course, fitted_rates, resting, switching_matrix

_LOWEST_RATE = 1e-6  # per hour: less than one change or switch in a hundred years is none


class RegimeStep(NamedTuple):
    """What an observation of a market brought: hours since the one before, and the change (0 for none)."""

    hours: float
    change: float


Steps = Sequence[RegimeStep]
"""One market of one event, from its first observation on."""


def regime_guess(sequences: Sequence[Steps], floor: float) -> RegimeParameters:
    """Return parameters to start a fit from: one quiet and one lively state around the averages of all steps.

    The quiet state changes half as often and half as far as on average, the lively one four times as often and twice
    as far; it comes on every ten hours and stays for one. Raises ValueError where nothing ever changed.
    """
    steps = list(joined.from_iterable(sequences))
    changes = [step.change for step in steps if step.change != 0.0]
    if not changes:
        raise ValueError("nothing ever changed in these markets: there is no regime to fit")
    rate = len(changes) / sum([step.hours for step in steps])
    scale = sqrt(sum([change * change for change in changes]) / len(changes))
    return RegimeParameters(0.1, 1.0, (rate / 2.0, rate * 4.0), (max(floor, scale / 2.0), max(floor, scale * 2.0)))


def fit_regime(
    sequences: Sequence[Steps], start: RegimeParameters, *, floor: float, iterations: int, tolerance: float
) -> Fit[RegimeParameters]:
    """Return the parameters that make the sequences likeliest, near `start`, and the course of the log-likelihood.

    `floor` is the smallest scale a state may have, in the unit of the changes: without it a state can shrink onto one
    size that many changes share (half a point). Ends as `expectation_maximisation` does. Raises ValueError for
    no step, a floor that is not above zero, or steps that `log_emission` refuses.
    """
    told = [sequence for sequence in sequences if sequence]
    if not told or not floor > 0.0:
        raise ValueError("a fit needs at least one step and a floor above zero")
    return expectation_maximisation(
        start, told, regime_chain, partial(_refit, floor), iterations=iterations, tolerance=tolerance
    )


def regime_chain(parameters: RegimeParameters, sequence: Steps) -> Chain:
    """Return the chain of a market: one point more than steps, the first at rest with nothing observed."""
    a, b = parameters.a, parameters.b
    matrices = [switching_matrix(a, b, step.hours) for step in sequence]
    return Chain(resting(a, b), matrices, [(0.0, 0.0), *[log_emission(parameters, *step) for step in sequence]])


def _refit(
    floor: float, old: RegimeParameters, sequences: Sequence[Steps], posteriors: Sequence[Smoothed]
) -> RegimeParameters:
    a, b = _switching_rates(old, sequences, posteriors)
    (quiet, small), (lively, large) = (_activity(old, state, floor, sequences, posteriors) for state in (0, 1))
    return ordered_parameters(a, b, (quiet, lively), (small, large))


def _switching_rates(
    old: RegimeParameters, sequences: Sequence[Steps], posteriors: Sequence[Smoothed]
) -> tuple[float, float]:
    courses = [
        expected_course(old.a, old.b, step.hours, pairs)
        for sequence, posterior in zip(sequences, posteriors, strict=True)
        for step, pairs in zip(sequence, posterior.pairs, strict=True)
    ]
    hours, switches = ((sum(p[0] for p in part), sum(p[1] for p in part)) for part in zip(*courses, strict=True))
    first = sum([p.states[0][0] for p in posteriors]), sum([p.states[0][1] for p in posteriors])
    a, b = fitted_rates(Course(hours, switches), first) or (old.a, old.b)
    return max(_LOWEST_RATE, a), max(_LOWEST_RATE, b)


def _activity(
    old: RegimeParameters, state: int, floor: float, sequences: Sequence[Steps], posteriors: Sequence[Smoothed]
) -> tuple[float, float]:
    """Return the rate and scale of one state.

    Changes in a step are a Poisson number of which only "any" was seen: given any, `λΔt / (1 − e^(−λΔt))` are
    expected. The scale of a half-normal is its root mean square.
    """
    rate, scale = old.rates[state], old.scales[state]
    weight = squares = due = spent = 0.0
    for (hours, change), w in _weighted(state, sequences, posteriors):
        spent += w * hours
        if change != 0.0:
            weight += w
            squares += w * change * change
            due += w * rate * hours / -expm1(-rate * hours)
    new_rate = due / spent if spent > 0.0 else rate
    new_scale = sqrt(squares / weight) if weight > 0.0 else scale
    return max(_LOWEST_RATE, new_rate), max(floor, new_scale)


def _weighted(
    state: int, sequences: Sequence[Steps], posteriors: Sequence[Smoothed]
) -> Iterator[tuple[RegimeStep, float]]:
    """Yield every step with the probability of the state at its end."""
    for sequence, posterior in zip(sequences, posteriors, strict=True):
        for step, states in zip(sequence, posterior.states[1:], strict=True):
            yield step, states[state]
