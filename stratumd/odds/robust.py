"""Robust statistics over a handful of books: weighted median and MAD, and the median of the others.

A weight of zero takes a value out. Where half of the weight lies on either side exactly, the median is the
midpoint.
"""

from collections.abc import Sequence
from math import inf

NORMAL_CONSISTENCY = 1.4826
"""A median absolute deviation times this estimates the standard deviation of a normal sample."""

_HALF_TOLERANCE = 1e-12  # of the total weight: cumulative weights such as 0.1 + 0.2 + 0.3 do not hit a half exactly


def weighted_median(values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Return the median of `values`, each counted with its weight (1 where none are given).

    Raises ValueError for no value, no weight above zero, a negative or non-finite weight, or lengths that
    differ.
    """
    if weights is not None:
        return _median_of_pairs(sorted(_pairs(values, weights)))
    ranked = sorted(values)
    if not ranked:
        raise ValueError("no value to take a median of")
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2.0


def weighted_mad(values: Sequence[float], center: float, weights: Sequence[float] | None = None) -> float:
    """Return the median absolute deviation from `center`, unscaled (times NORMAL_CONSISTENCY for an sd).
    Raises like `weighted_median`.
    """
    return weighted_median([abs(value - center) for value in values], weights)


def median_of_others(values: Sequence[float], index: int, weights: Sequence[float] | None = None) -> float:
    """Return the weighted median of all values but the one at `index`, so that none is held against itself.

    Raises ValueError where there are no others, and like `weighted_median` for these.
    """
    others = [*values[:index], *values[index + 1 :]]
    return weighted_median(others, None if weights is None else [*weights[:index], *weights[index + 1 :]])


def leave_one_out_medians(values: Sequence[float]) -> list[float]:
    """Return `median_of_others` for each index, all at once: the values are ranked one time only.

    Raises ValueError for fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("the median of the others needs at least two values")
    order = sorted(range(len(values)), key=values.__getitem__)
    ranked = [values[i] for i in order]
    upper = len(ranked) // 2
    medians = [0.0] * len(ranked)
    if len(ranked) % 2 == 0:  # an odd number of others: one of the two middle values
        for rank, i in enumerate(order):
            medians[i] = ranked[upper] if rank < upper else ranked[upper - 1]
        return medians
    below, middle, above = ranked[upper - 1], ranked[upper], ranked[upper + 1]
    without_lower, without_middle = (middle + above) / 2.0, (below + above) / 2.0
    without_upper = (below + middle) / 2.0
    for rank, i in enumerate(order):
        medians[i] = without_lower if rank < upper else without_middle if rank == upper else without_upper
    return medians


def _pairs(values: Sequence[float], weights: Sequence[float]) -> list[tuple[float, float]]:
    pairs = list(zip(values, weights, strict=True))
    if not all(0.0 <= weight < inf for weight in weights):
        raise ValueError("weights are finite and not negative")
    return [pair for pair in pairs if pair[1]]


def _median_of_pairs(ranked: list[tuple[float, float]]) -> float:
    if not ranked:
        raise ValueError("no weight above zero to take a median of")
    total = sum([weight for _, weight in ranked])
    half, slack, below = total / 2.0, total * _HALF_TOLERANCE, 0.0
    for index, (value, weight) in enumerate(ranked[:-1]):
        below += weight
        if below > half + slack:
            return value
        if below >= half - slack:
            return (value + ranked[index + 1][0]) / 2.0
    return ranked[-1][0]
