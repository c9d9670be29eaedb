"""What an operator is held against: the medians of the others, those of chances made to add up to one."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.odds import median_of_others, weighted_median

Columns = Sequence[Sequence[float]]
"""What is compared: one column of fair lines, or a column of chances for each outcome; a row for each operator."""


def medians_of_others(columns: Columns, index: int, weights: Sequence[float] | None) -> tuple[float, ...]:
    """Return what all say but the operator at `index`; `weights` is None where all weigh the same."""
    return _whole([median_of_others(column, index, weights) for column in columns])


def medians(columns: Columns, weights: Sequence[float]) -> tuple[float, ...]:
    """Return what all say."""
    return _whole([weighted_median(column, weights) for column in columns])


def suspects(columns: Columns, equal: bool, least: float) -> list[int]:
    """Return who may be `least` apart from what the others say, nearly always nobody."""
    ranked = [sorted(column) for column in columns]
    bounds = [_bounds(column, equal) for column in ranked]
    if len(columns) > 2:
        lowest, highest = (sum(each) for each in zip(*bounds, strict=True))
        bounds = [(low / highest, high / lowest) for low, high in bounds]
    found: set[int] = set()
    for column, in_order, (low, high) in zip(columns, ranked, bounds, strict=True):
        if in_order[-1] - low >= least or high - in_order[0] >= least:
            found.update([i for i, value in enumerate(column) if value - low >= least or high - value >= least])
    return sorted(found)


def _bounds(ranked: Sequence[float], equal: bool) -> tuple[float, float]:
    """Return between what the median of all but one lies: near the middle where all weigh the same, or anywhere."""
    if not equal:
        return ranked[0], ranked[-1]
    middle = len(ranked) // 2
    return ranked[middle - 1], ranked[middle + len(ranked) % 2]


def _whole(found: Sequence[float]) -> tuple[float, ...]:
    """Return medians of three chances or more made to add up to one; those of two do, being mirrored."""
    if len(found) <= 2:
        return tuple(found)
    total = sum(found)
    return tuple([median / total for median in found])
