"""From the fair prices of the fresh books to one consensus point (docs/explanation/numbers.md)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from stratumd.odds import NORMAL_CONSISTENCY, Fair, compared_values, weighted_mad, weighted_median
from stratumd.plugin import BookLine, ConsensusPoint, Contributor, Market, MarketKey

_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much
Weights = list[float] | None
"""None where all weigh the same, which the median takes a shorter way for."""


Terms = tuple[int, float, tuple[str, ...]]
"""What has to be equal to be compared without a margin model: how many sides, negated; the line, or 0; the sides."""


class Voice(NamedTuple):
    """What an operator has to say through one of its books."""

    contributor: Contributor
    fair: Fair
    terms: Terms | None
    """None where a margin model makes all lines comparable."""


def voice(line: BookLine, fair: Fair, weight: float) -> Voice:
    """Return the voice of a fresh book with a fair price."""
    contributor = _new(
        Contributor, (line.operator, line.book, weight, compared_values(fair), fair.line, _alone(line.book))
    )
    terms = None
    if line.market.sigma is None:
        terms = (-len(fair.outcomes), 0.0 if fair.line is None else fair.line, fair.outcomes)
    return _new(Voice, (contributor, fair, terms))


@lru_cache(maxsize=4096)
def _alone(book: str) -> tuple[str]:
    """Return the same tuple for every market that a book is in."""
    return (book,)


def consensus_point(market: Market, voices: Sequence[Voice], min_books: int) -> ConsensusPoint:
    """Return the consensus of `voices`, which come by operator and book, or a point that says why there is none."""
    voices = _one_per_operator(voices)
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


def _one_per_operator(voices: Sequence[Voice]) -> Sequence[Voice]:
    """Let each operator speak once."""
    found: list[Voice] = []
    last = None
    for each in voices:
        operator = each[0][0]
        if operator == last:
            found[-1] = _together(found[-1], each)
        else:
            found.append(each)
            last = operator
    return found


def _together(one: Voice, other: Voice) -> Voice:
    """Let the book with the lowest hold speak, then the first by key, with the larger weight of the two."""
    speaking = other if other.fair.hold < one.fair.hold else one
    operator, book, _, values, line, _ = speaking.contributor
    weight = max(one.contributor.weight, other.contributor.weight)
    books = one.contributor.books + other.contributor.books
    return speaking._replace(contributor=Contributor(operator, book, weight, values, line, books))


def _at_one_line(voices: Sequence[Voice]) -> Sequence[Voice]:
    """Keep those that post the sides and the line of the greatest weight: without a margin model only equal
    lines compare.
    """
    weight_of: dict[Terms, float] = {}
    for each in voices:
        terms = each[2]
        assert terms is not None, "there is no margin model"
        weight_of[terms] = weight_of.get(terms, 0.0) + each[0][2]
    if len(weight_of) < 2:
        return voices
    chosen = min(weight_of, key=lambda terms: (-weight_of[terms], terms))
    return [each for each in voices if each[2] == chosen]


def _point(
    key: MarketKey, voices: Sequence[Voice], contributors: tuple[Contributor, ...], books: int
) -> ConsensusPoint:
    weights = _weights(voices)
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
        weights = _weights(posting)
        medians = _medians([each.fair.probabilities for each in posting], weights)
    total = sum(medians)
    return ConsensusPoint(
        key,
        outcomes=first.outcomes,
        line=line,
        fair_line=fair_line,
        probabilities=tuple([median / total for median in medians]),
        prices=_prices(posting, weights),
        dispersion=NORMAL_CONSISTENCY * spread,
        books=books,
        operators=len(voices),
        contributors=contributors,
    )


def _columns(rows: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    return list(zip(*rows))  # noqa: B905  # a market's rows are equally long, and asking costs as much again


def _medians(rows: Sequence[tuple[float, ...]], weights: Weights) -> list[float]:
    return [weighted_median(column, weights) for column in _columns(rows)]


def _prices(posting: Sequence[Voice], weights: Weights) -> tuple[float, ...]:
    """Return the median price of each outcome, taken in probability: prices themselves do not average."""
    columns = _columns([each[1].prices for each in posting])
    return tuple([1.0 / weighted_median([1.0 / price for price in column], weights) for column in columns])


def _weights(voices: Sequence[Voice]) -> Weights:
    weights = [each.contributor.weight for each in voices]
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
