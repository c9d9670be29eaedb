"""The two-state chain in continuous time: how likely it is to have switched, and what it did in between.

State 0 is left at `a` and state 1 at `b` per hour. Observations come when they come, so every step has its own
matrix `A(Δt)`. What happened inside a step, given its ends, has a closed form too, which makes
expectation-maximisation exact (Hobolth & Jensen 2005).
"""

from math import exp, expm1
from typing import NamedTuple

from .markov import Matrix


class Course(NamedTuple):
    """Expected course of a chain: hours in each state, and switches from 0 to 1 and from 1 to 0."""

    hours: tuple[float, float]
    switches: tuple[float, float]


def resting(a: float, b: float) -> tuple[float, float]:
    """Return the distribution that the chain keeps: `b/(a+b)` and `a/(a+b)`."""
    return b / (a + b), a / (a + b)


def switching_matrix(a: float, b: float, hours: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return `A(Δt)`: with `r = a + b`, 0 becomes 1 with probability `a/r·(1 − e^(−r·Δt))`, and 1 becomes 0 with
    `b/r·(1 − e^(−r·Δt))`.
    """
    turned = -expm1(-(a + b) * hours) / (a + b)
    return (1.0 - a * turned, a * turned), (b * turned, 1.0 - b * turned)


def expected_course(a: float, b: float, hours: float, pairs: Matrix) -> Course:
    """Return the expected course over a step whose ends are `i` and `j` with the probabilities `pairs[i][j]`.

    Given the ends, the time in state k is `∫ P_ik(u)·P_kj(Δt − u) du / P_ij(Δt)`, and the switches from k to l
    are the rate times `∫ P_ik(u)·P_lj(Δt − u) du / P_ij(Δt)`.
    """
    moves, r = switching_matrix(a, b, hours), a + b
    weights = [(i, j, pairs[i][j] / moves[i][j]) for i in (0, 1) for j in (0, 1) if pairs[i][j] > 0.0]
    fading, faded = exp(-r * hours), -expm1(-r * hours) / r
    terms = _terms(a, b)

    def overlap(leave: int, enter: int) -> float:
        total = 0.0
        for i, j, weight in weights:
            c1, d1 = terms[i][leave]
            c2, d2 = terms[enter][j]
            total += weight * ((c1 * c2 + d1 * d2 * fading) * hours + (c1 * d2 + d1 * c2) * faded)
        return max(0.0, total)  # over a short step a difference of nearly equal numbers

    return Course((overlap(0, 0), overlap(1, 1)), (a * overlap(0, 1), b * overlap(1, 0)))


_Term = tuple[float, float]


def _terms(a: float, b: float) -> tuple[tuple[_Term, _Term], tuple[_Term, _Term]]:
    """Return c and d of `P_ij(u) = c + d·e^(−r·u)`."""
    p0, p1 = resting(a, b)
    return ((p0, p1), (p1, -p1)), ((p0, -p0), (p1, p0))


def fitted_rates(course: Course, first: tuple[float, float]) -> tuple[float, float] | None:
    """Return the rates (a, b) under which an expected course is likeliest, or None where nothing switched.

    `first` is how many sequences are expected to begin in each state; each begins at rest, which tells of the rates
    as well: the maximum of `(N01 + g1)·ln a − a·T0 + (N10 + g0)·ln b − b·T1 − G·ln(a + b)`, found by its sum.
    """
    leaving = course.switches[0] + first[1], course.switches[1] + first[0]
    begun = sum(first)
    if sum(course.switches) <= 0.0 or min(leaving) <= 0.0 or min(course.hours) <= 0.0:
        return None

    def rates(total: float) -> tuple[float, float]:
        a, b = (n * total / (hours * total + begun) for n, hours in zip(leaving, course.hours, strict=True))
        return a, b

    low, high = 0.0, sum([n / hours for n, hours in zip(leaving, course.hours, strict=True)])
    for _ in range(100):  # rates(total) add up to more than total below the root, to less above it
        middle = (low + high) / 2.0
        if sum(rates(middle)) > middle:
            low = middle
        else:
            high = middle
    return rates(high)
