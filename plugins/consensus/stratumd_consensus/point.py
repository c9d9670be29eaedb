"""From the voices of the operators to one consensus point (docs/explanation/numbers.md)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from stratumd.odds import NORMAL_CONSISTENCY, weighted_mad, weighted_median
from stratumd.plugin import ConsensusPoint, Contributor, MarketKey
from stratumd_consensus.panel import Panel, Sheet, Terms, sheet_of

Weights = list[float] | None
"""None where all weigh the same, which the median takes a shorter way for."""


def consensus_point(key: MarketKey, panel: Panel, min_books: int) -> ConsensusPoint:
    """Return the consensus of a panel, or a point that says why there is none."""
    sheet = _compared(panel)
    contributors = tuple(sheet.contributors)
    books = sum([len(contributor.books) for contributor in contributors])
    if len(contributors) < min_books:
        return ConsensusPoint(
            key,
            books=books,
            operators=len(contributors),
            contributors=contributors,
            reason="too_few_operators",
        )
    weights = _weights(contributors)
    centres = _medians(sheet.values, weights)
    spread = max([weighted_mad(column, centres[i], weights) for i, column in enumerate(sheet.values)])
    line, fair_line, medians = sheet.lines[0], None, centres
    if sheet.terms[0] is None:
        fair_line = centres[0]
        line = _posted_line(sheet.lines, weights, fair_line)
        sheet = sheet.where([posted == line for posted in sheet.lines])
        weights = None if weights is None else _weights(sheet.contributors)
        medians = _medians(sheet.probabilities, weights)
    total = sum(medians)
    return ConsensusPoint(
        key,
        outcomes=sheet.outcomes,
        line=line,
        fair_line=fair_line,
        probabilities=tuple([median / total for median in medians]),
        prices=tuple([1.0 / median for median in _medians(sheet.implied, weights)]),
        dispersion=NORMAL_CONSISTENCY * spread,
        books=books,
        operators=len(contributors),
        contributors=contributors,
    )


def _compared(panel: Panel) -> Sheet:
    """Return what can be held against each other. Without a margin model only equal lines can: then it is what post the
    sides and the line of the greatest weight.
    """
    terms = [each.terms for each in panel.speaking]
    if panel.sheet is not None and terms.count(terms[0] if terms else None) == len(terms):
        return panel.sheet
    weight_of: dict[Terms, float] = {}
    for posted, voice in zip(terms, panel.speaking, strict=True):
        assert posted is not None, "there is no margin model"
        weight_of[posted] = weight_of.get(posted, 0.0) + voice.contributor.weight
    chosen = min(weight_of, key=lambda terms: (-weight_of[terms], terms))
    kept = [posted == chosen for posted in terms]
    if panel.sheet is not None:
        return panel.sheet.where(kept)
    sheet = sheet_of(list(compress(panel.speaking, kept)))
    assert sheet is not None, "terms name the outcomes"
    return sheet


def _medians(columns: Sequence[Sequence[float]], weights: Weights) -> list[float]:
    return [weighted_median(column, weights) for column in columns]


def _weights(contributors: Sequence[Contributor]) -> Weights:
    weights = [each.weight for each in contributors]
    return None if weights.count(weights[0]) == len(weights) else weights


def _posted_line(lines: Sequence[float | None], weights: Weights, fair_line: float) -> float:
    """Return the weighted median of the posted lines; at a tie the posted one that is nearest the fair line."""
    posted = [line for line in lines if line is not None]
    median = weighted_median(posted, weights)
    if median in posted:
        return median
    below = max([line for line in posted if line < median])
    above = min([line for line in posted if line > median])
    return below if abs(below - fair_line) <= abs(above - fair_line) else above
