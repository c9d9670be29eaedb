"""From the voices of the operators to one consensus point (docs/explanation/numbers.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from math import isnan

from stratumd.odds import NORMAL_CONSISTENCY, weighted_mad, weighted_median
from stratumd.plugin import ConsensusPoint, MarketKey
from stratumd_consensus.panel import Panel, Sheet, Terms, sheet_of

Weights = Sequence[float] | None
"""None where all weigh the same, which the median takes a shorter way for."""


def consensus_point(key: MarketKey, panel: Panel, min_books: int) -> ConsensusPoint:
    """Return the consensus of a panel, or a point that says why there is none."""
    sheet = _compared(panel)
    operators, books = len(sheet.contributors), sum(sheet.books)
    contributors = tuple(sheet.contributors)
    if operators < min_books:
        return ConsensusPoint(
            key, books=books, operators=operators, contributors=contributors, reason="too_few_operators"
        )
    weights = _unless_equal(sheet.weights)
    centres = _medians(sheet.values, weights)
    spread = max([weighted_mad(column, centres[i], weights) for i, column in enumerate(sheet.values)])
    line, fair_line, medians = sheet.lines[0], None, centres
    implied: Sequence[Sequence[float]] = sheet.implied
    if sheet.terms[0] is None:
        fair_line = centres[0]
        line = _posted_line(sheet.lines, weights, fair_line)
        posting = [posted == line for posted in sheet.lines]
        probabilities, implied = _rows(sheet.probabilities, posting), _rows(sheet.implied, posting)
        weights = None if weights is None else _unless_equal(list(compress(weights, posting)))
        medians = _medians(probabilities, weights)
    total = sum(medians)
    return ConsensusPoint(
        key,
        outcomes=sheet.outcomes,
        line=None if isnan(line) else line,
        fair_line=fair_line,
        probabilities=tuple([median / total for median in medians]),
        prices=tuple([1.0 / median for median in _medians(implied, weights)]),
        dispersion=NORMAL_CONSISTENCY * spread,
        books=books,
        operators=operators,
        contributors=contributors,
    )


def _compared(panel: Panel) -> Sheet:
    """Return what can be held against each other. Without a margin model only equal lines can: then it is what post the
    sides and the line of the greatest weight.
    """
    sheet, voices = panel.sheet, panel.speaking
    terms = [each.terms for each in voices] if sheet is None else sheet.terms
    if sheet is not None and terms.count(terms[0] if terms else None) == len(terms):
        return sheet
    weights = [voice.contributor.weight for voice in voices] if sheet is None else sheet.weights
    chosen = _weightiest([each for each in terms if each is not None], weights)
    if sheet is not None:
        return sheet.of(chosen)
    compared = sheet_of([voice for voice in voices if voice.terms == chosen])
    assert compared is not None, "terms name the outcomes"
    return compared


def _weightiest(terms: Sequence[Terms], weights: Sequence[float]) -> Terms:
    """Return the terms of the greatest weight; at a tie the lowest."""
    weight_of: Mapping[Terms, float] = Counter(terms)
    if _unless_equal(weights) is not None:
        sums: dict[Terms, float] = dict.fromkeys(weight_of, 0.0)
        for posted, weight in zip(terms, weights, strict=True):
            sums[posted] += weight
        weight_of = sums
    return min(weight_of, key=lambda each: (-weight_of[each], each))


def _medians(columns: Sequence[Sequence[float]], weights: Weights) -> list[float]:
    return [weighted_median(column, weights) for column in columns]


def _rows(columns: Sequence[Sequence[float]], kept: Sequence[bool]) -> Sequence[Sequence[float]]:
    return columns if all(kept) else [list(compress(column, kept)) for column in columns]


def _unless_equal(weights: Sequence[float]) -> Weights:
    return None if weights.count(weights[0]) == len(weights) else weights


def _posted_line(posted: Sequence[float], weights: Weights, fair_line: float) -> float:
    """Return the weighted median of the posted lines; at a tie the posted one that is nearest the fair line."""
    median = weighted_median(posted, weights)
    if median in posted:
        return median
    below = max([line for line in posted if line < median])
    above = min([line for line in posted if line > median])
    return below if abs(below - fair_line) <= abs(above - fair_line) else above
