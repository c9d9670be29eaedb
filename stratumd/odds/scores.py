"""Scores: what a cell of a scorecard shows, and which of many cells may be believed.

With forty cells at a level of 5 %, two look good by chance. Cells are therefore judged together, by the rate of
false discoveries among those picked.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from .clusters import CONFIDENCE, Estimate, clustered_mean, clustered_rate
from .robust import weighted_median


class Score(NamedTuple):
    """A cell of a scorecard: closing-line value (`clv_ev`, a share of the stake) over records of events."""

    mean: Estimate
    median: float
    beat_close: Estimate


def score(values: Sequence[float], events: Sequence[Hashable], confidence: float = CONFIDENCE) -> Score:
    """Return the score of `clv_ev` values, with intervals clustered by the event that `events` names for each.

    A value above zero beat the close. Raises ValueError for no value, or lengths that differ.
    """
    beat = [value > 0.0 for value in values]
    mean = clustered_mean(values, events, confidence)
    return Score(mean, weighted_median(values), clustered_rate(beat, events, confidence))


def adjusted_p_values(p_values: Sequence[float]) -> list[float]:
    """Return for each p-value the lowest false discovery rate at which it is a discovery, in their order.

    Benjamini & Hochberg (1995): `min over j ≥ i of p_(j)·m/j`, at most 1. Raises ValueError for a value outside
    0..1.
    """
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise ValueError("a p-value is from 0 to 1")
    m, lowest = len(p_values), 1.0
    adjusted = [1.0] * m
    for rank, index in zip(range(m, 0, -1), sorted(range(m), key=lambda i: p_values[i], reverse=True), strict=True):
        lowest = min(lowest, p_values[index] * (m / rank))
        adjusted[index] = lowest
    return adjusted


def discoveries(p_values: Sequence[float], q: float) -> list[bool]:
    """Return which p-values are discoveries, of which on average at most the share `q` is false.

    `p_values` are those of all cells shown, not of the promising ones alone. Raises like `adjusted_p_values`.
    """
    return [adjusted <= q for adjusted in adjusted_p_values(p_values)]
