"""Hidden Markov models: filter, smoother and expectation-maximisation over log-emissions of any kind.

A chain of T points and K states is its distribution at the first point, T − 1 transition matrices (row: from,
column: to; they may differ, as where time passes unevenly), and for every point the log-density of what was
observed there in each state. Only the filter may speak of the present: the smoother looks ahead, and serves
to fit. Recursions as in Rabiner (1989) and, backwards over filtered states, Kim (1994).
"""

from collections.abc import Callable, Sequence
from math import exp, inf, log
from typing import Generic, NamedTuple, TypeVar

Distribution = Sequence[float]
"""Probabilities of the states, which sum to one."""

Matrix = Sequence[Distribution]
"""Transition probabilities: one distribution over the next states for each state."""


class Chain(NamedTuple):
    """What a model says about one sequence: start, a matrix for each step, log-emissions of each point by state."""

    start: Distribution
    transitions: Sequence[Matrix]
    log_emissions: Sequence[Sequence[float]]


class Filtered(NamedTuple):
    """For each point the states given all before it (`predicted`) and up to it (`states`); the log-likelihood."""

    states: list[list[float]]
    predicted: list[list[float]]
    log_likelihood: float


class Smoothed(NamedTuple):
    """For each point the states, and for each step the pairs of states, given the whole sequence.

    `pairs[t][i][j]` is the probability of state `i` at point `t` and `j` at `t + 1`.
    """

    states: list[list[float]]
    pairs: list[list[list[float]]]
    log_likelihood: float


def advance(states: Distribution, matrix: Matrix) -> list[float]:
    """Return the distribution one step later, `states · matrix`."""
    return [sum([p * row[j] for p, row in zip(states, matrix, strict=True)]) for j in range(len(states))]


def observe(predicted: Distribution, log_emission: Sequence[float]) -> tuple[list[float], float]:
    """Return the states given an observation too, and the log-likelihood of it.

    Densities are shifted to the largest, so that none that matters underflows. Raises ValueError where no state
    can emit what was observed.
    """
    joint = [log(p) + emission if p > 0.0 else -inf for p, emission in zip(predicted, log_emission, strict=True)]
    top = max(joint)
    if top == -inf:
        raise ValueError("no state can emit what was observed")
    weights = [exp(value - top) for value in joint]
    total = sum(weights)
    return [weight / total for weight in weights], top + log(total)


def markov_filter(chain: Chain) -> Filtered:
    """Return the causal pass over a chain: nothing at a point depends on a later one.

    Raises ValueError like `observe`, and for lengths that differ.
    """
    _check(chain)
    predicted = [list(chain.start)]
    states: list[list[float]] = []
    log_likelihood = 0.0
    for point, log_emission in enumerate(chain.log_emissions):
        if point:
            predicted.append(advance(states[-1], chain.transitions[point - 1]))
        state, gained = observe(predicted[-1], log_emission)
        states.append(state)
        log_likelihood += gained
    return Filtered(states, predicted, log_likelihood)


def markov_smoother(chain: Chain) -> Smoothed:
    """Return the pass over a chain that looks ahead: for fitting only. Raises like `markov_filter`."""
    states, predicted, log_likelihood = markov_filter(chain)
    later = states[-1]
    backwards, pairs = [later], []
    for point in range(len(states) - 2, -1, -1):
        pair = _pair(states[point], chain.transitions[point], predicted[point + 1], later)
        later = [sum(row) for row in pair]
        backwards.append(later)
        pairs.append(pair)
    return Smoothed(backwards[::-1], pairs[::-1], log_likelihood)


S = TypeVar("S")
M = TypeVar("M")


class Fit(NamedTuple, Generic[M]):
    """A fitted model, and the log-likelihood of all sequences before the first and after each iteration."""

    model: M
    log_likelihoods: list[float]


def expectation_maximisation(
    model: M,
    sequences: Sequence[S],
    chain: Callable[[M, S], Chain],
    refit: Callable[[M, Sequence[S], Sequence[Smoothed]], M],
    *,
    iterations: int,
    tolerance: float,
) -> Fit[M]:
    """Return the model that expectation-maximisation reaches from `model` over independent sequences.

    `chain` says what a model makes of a sequence; `refit` is the M step, from the smoothed sequences to the model
    that makes the expected log-likelihood larger. Then the likelihood never falls (Dempster, Laird & Rubin
    1977). Ends where an iteration gains less than `tolerance`, after `iterations` at most. It finds a maximum
    near its start, not the highest. Raises like `markov_filter`.
    """
    posteriors = [markov_smoother(chain(model, sequence)) for sequence in sequences]
    course = [_total(posteriors)]
    for _ in range(iterations):
        model = refit(model, sequences, posteriors)
        posteriors = [markov_smoother(chain(model, sequence)) for sequence in sequences]
        course.append(_total(posteriors))
        if course[-1] - course[-2] < tolerance:
            break
    return Fit(model, course)


def _total(posteriors: Sequence[Smoothed]) -> float:
    return sum([posterior.log_likelihood for posterior in posteriors])


def _pair(state: Distribution, matrix: Matrix, predicted: Distribution, later: Distribution) -> list[list[float]]:
    ahead = [after / before if before > 0.0 else 0.0 for after, before in zip(later, predicted, strict=True)]
    rows = zip(state, matrix, strict=True)
    return [[p * move * factor for move, factor in zip(row, ahead, strict=True)] for p, row in rows]


def _check(chain: Chain) -> None:
    if len(chain.log_emissions) != len(chain.transitions) + 1:
        raise ValueError("a chain of T points has T − 1 transitions")
