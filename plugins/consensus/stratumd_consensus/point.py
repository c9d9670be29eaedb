"""From the voices of the operators to one consensus point (docs/explanation/numbers.md)."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.odds import NORMAL_CONSISTENCY, weighted_mad, weighted_median
from stratumd.plugin import ConsensusPoint, Contributor, Market, MarketKey
from stratumd_consensus.panel import Terms, Voice

Weights = list[float] | None
"""None where all weigh the same, which the median takes a shorter way for."""


def consensus_point(market: Market, voices: Sequence[Voice], min_books: int) -> ConsensusPoint:
    """Return the consensus of `voices`, one of each operator, or a point that says why there is none."""
    if market.sigma is None:
        voices = _at_one_line(voices)
    contributors = tuple([each.contributor for each in voices])
    books = sum([len(contributor.books) for contributor in contributors])
    if len(voices) < min_books:
        return ConsensusPoint(
            market.key,
            books=books,
            operators=len(voices),
            contributors=contributors,
            reason="too_few_operators",
        )
    return _point(market.key, voices, contributors, books)


def _at_one_line(voices: Sequence[Voice]) -> Sequence[Voice]:
    """Keep those that post the sides and the line of the greatest weight: without a margin model only equal
    lines compare.
    """
    posted = [each.terms for each in voices]
    if not posted or posted.count(posted[0]) == len(posted):
        return voices
    weight_of: dict[Terms, float] = {}
    for each in voices:
        assert each.terms is not None, "there is no margin model"
        weight_of[each.terms] = weight_of.get(each.terms, 0.0) + each.contributor.weight
    chosen = min(weight_of, key=lambda terms: (-weight_of[terms], terms))
    return [each for each in voices if each.terms == chosen]


def _point(
    key: MarketKey, voices: Sequence[Voice], contributors: tuple[Contributor, ...], books: int
) -> ConsensusPoint:
    weights = _weights(contributors)
    columns = _columns([each.values for each in contributors])
    centres = [weighted_median(column, weights) for column in columns]
    spread = max([weighted_mad(column, centres[i], weights) for i, column in enumerate(columns)])
    first = voices[0].fair
    fair_line = None if first.fair_line is None else centres[0]
    if fair_line is None:
        line, posting, medians = first.line, voices, centres
    else:
        line = _posted_line(contributors, weights, fair_line)
        posting = [each for each in voices if each.contributor.line == line]
        if weights is not None:
            weights = _weights([each.contributor for each in posting])
        medians = _medians([each.fair.probabilities for each in posting], weights)
    total = sum(medians)
    return ConsensusPoint(
        key,
        outcomes=first.outcomes,
        line=line,
        fair_line=fair_line,
        probabilities=tuple([median / total for median in medians]),
        prices=tuple([1.0 / median for median in _medians([each.implied for each in posting], weights)]),
        dispersion=NORMAL_CONSISTENCY * spread,
        books=books,
        operators=len(voices),
        contributors=contributors,
    )


def _columns(rows: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    return list(zip(*rows))  # noqa: B905  # a market's rows are equally long, and asking costs as much again


def _medians(rows: Sequence[tuple[float, ...]], weights: Weights) -> list[float]:
    return [weighted_median(column, weights) for column in _columns(rows)]


def _weights(contributors: Sequence[Contributor]) -> Weights:
    weights = [each.weight for each in contributors]
    return None if weights.count(weights[0]) == len(weights) else weights


def _posted_line(contributors: Sequence[Contributor], weights: Weights, fair_line: float) -> float:
    """Return the weighted median of the posted lines; at a tie the posted one that is nearest the fair line."""
    posted = [line for each in contributors if (line := each.line) is not None]
    median = weighted_median(posted, weights)
    if median in posted:
        return median
    below = max([line for line in posted if line < median])
    above = min([line for line in posted if line > median])
    return below if abs(below - fair_line) <= abs(above - fair_line) else above
