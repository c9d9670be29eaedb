"""From the fair prices of the fresh books to one consensus point (docs/explanation/numbers.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stratumd.odds import NORMAL_CONSISTENCY, Fair, compared_values, weighted_mad, weighted_median
from stratumd.plugin import ConsensusPoint, Contributor, Market, MarketKey

Weights = list[float] | None
"""None where all weigh the same, which the median takes a shorter way for."""


class Voice(NamedTuple):
    """A fresh book with a fair price."""

    operator: str
    book: str
    fair: Fair
    weight: float


class Speaker(NamedTuple):
    """The voice that speaks for an operator, with all the operator's books and the largest of their weights."""

    voice: Voice
    weight: float
    books: tuple[str, ...]


def consensus_point(market: Market, voices: Sequence[Voice], min_books: int) -> ConsensusPoint:
    """Return the consensus of `voices`, or a point that says why there is none."""
    speakers = _speakers(voices)
    modelled = bool(speakers) and speakers[0].voice.fair.fair_line is not None
    if speakers and not modelled:
        speakers = _at_one_line(speakers)
    contributors = tuple([_contributor(speaker) for speaker in speakers])
    books = sum([len(speaker.books) for speaker in speakers])
    if len(speakers) < min_books:
        return ConsensusPoint(
            market.key,
            books=books,
            operators=len(speakers),
            contributors=contributors,
            reason="too_few_operators",
        )
    return _point(market.key, speakers, contributors, books)


def _speakers(voices: Sequence[Voice]) -> list[Speaker]:
    """Let each operator speak once: by its book with the lowest hold, then by key."""
    grouped: dict[str, list[Voice]] = {}
    for voice in voices:
        grouped.setdefault(voice.operator, []).append(voice)
    speakers = []
    for operator in sorted(grouped):
        group = grouped[operator]
        if len(group) == 1:
            voice = group[0]
            speakers.append(Speaker(voice, voice.weight, (voice.book,)))
        else:
            voice = min(group, key=lambda each: (each.fair.hold, each.book))
            books = tuple(sorted([each.book for each in group]))
            speakers.append(Speaker(voice, max([each.weight for each in group]), books))
    return speakers


def _at_one_line(speakers: list[Speaker]) -> list[Speaker]:
    """Keep those that post the sides and the line of the greatest weight: without a margin model only equal
    lines compare.
    """
    weight_of: dict[tuple[int, float, tuple[str, ...]], float] = {}
    for speaker in speakers:
        terms = _terms(speaker)
        weight_of[terms] = weight_of.get(terms, 0.0) + speaker.weight
    chosen = min(weight_of, key=lambda terms: (-weight_of[terms], terms))
    return [speaker for speaker in speakers if _terms(speaker) == chosen]


def _terms(speaker: Speaker) -> tuple[int, float, tuple[str, ...]]:
    fair = speaker.voice.fair
    return (-len(fair.outcomes), 0.0 if fair.line is None else fair.line, fair.outcomes)


def _contributor(speaker: Speaker) -> Contributor:
    voice = speaker.voice
    values = compared_values(voice.fair)
    return Contributor(voice.operator, voice.book, speaker.weight, values, voice.fair.line, speaker.books)


def _point(
    key: MarketKey, speakers: list[Speaker], contributors: tuple[Contributor, ...], books: int
) -> ConsensusPoint:
    weights = _weights(speakers)
    centres = tuple([weighted_median(column, weights) for column in _columns(contributors)])
    spread = max(
        weighted_mad(column, centre, weights) for column, centre in zip(_columns(contributors), centres, strict=True)
    )
    first = speakers[0].voice.fair
    fair_line = centres[0] if first.fair_line is not None else None
    line = first.line if fair_line is None else _posted_line(speakers, weights, fair_line)
    posting = [speaker for speaker in speakers if speaker.voice.fair.line == line]
    return ConsensusPoint(
        key,
        outcomes=first.outcomes,
        line=line,
        fair_line=fair_line,
        probabilities=_probabilities(posting),
        prices=_prices(posting),
        dispersion=NORMAL_CONSISTENCY * spread,
        books=books,
        operators=len(speakers),
        contributors=contributors,
    )


def _columns(contributors: tuple[Contributor, ...]) -> list[list[float]]:
    width = len(contributors[0].values)
    return [[contributor.values[i] for contributor in contributors] for i in range(width)]


def _weights(speakers: Sequence[Speaker]) -> Weights:
    weights = [speaker.weight for speaker in speakers]
    return None if all([weight == weights[0] for weight in weights]) else weights


def _posted_line(speakers: Sequence[Speaker], weights: Weights, fair_line: float) -> float:
    """Return the weighted median of the posted lines; at a tie the posted one that is nearest the fair line."""
    posted = [line for speaker in speakers if (line := speaker.voice.fair.line) is not None]
    median = weighted_median(posted, weights)
    if median in posted:
        return median
    below = max([line for line in posted if line < median])
    above = min([line for line in posted if line > median])
    return below if abs(below - fair_line) <= abs(above - fair_line) else above


def _probabilities(posting: Sequence[Speaker]) -> tuple[float, ...]:
    weights = _weights(posting)
    columns = zip(*[speaker.voice.fair.probabilities for speaker in posting], strict=True)
    medians = [weighted_median(column, weights) for column in columns]
    total = sum(medians)
    return tuple([median / total for median in medians])


def _prices(posting: Sequence[Speaker]) -> tuple[float, ...]:
    """Return the median price of each outcome, taken in probability: prices themselves do not average."""
    weights = _weights(posting)
    columns = zip(*[speaker.voice.fair.prices for speaker in posting], strict=True)
    return tuple([1.0 / weighted_median([1.0 / price for price in column], weights) for column in columns])
