"""Who speaks for a market: its fresh books, of which each operator has one voice."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from functools import lru_cache
from itertools import compress, count
from math import nan
from operator import is_not
from typing import NamedTuple, TypeAlias

from stratumd.odds import Fair, compared_values
from stratumd.plugin import Contributor, Priced, Span

_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much

Column: TypeAlias = MutableSequence[float]
Terms = tuple[int, float, tuple[str, ...]]
"""What has to be equal to be compared without a margin model: how many sides, negated; the line, or 0; the sides."""


class Voice(NamedTuple):
    """What an operator has to say through one of its books."""

    contributor: Contributor
    fair: Fair
    terms: Terms | None
    """None where a margin model makes all lines comparable."""


class Sheet(NamedTuple):
    """The same in columns, a row for each voice: every figure of a consensus is a median of one of them.

    What is kept is in arrays, which hold numbers without an object for each.
    """

    outcomes: tuple[str, ...]
    """Everybody's."""
    contributors: list[Contributor]
    books: list[int]
    """How many books each operator has."""
    terms: list[Terms | None]
    weights: Column
    lines: Column
    """NaN where there is none."""
    values: list[Column]
    """What is compared: without a margin model the very same as `probabilities`."""
    probabilities: list[Column]
    implied: list[Column]
    """One over the price of each outcome: prices themselves do not average."""

    def of(self, terms: Terms) -> Sheet:
        """Return the rows of these terms, by which probabilities are what is compared."""
        kept = [posted == terms for posted in self.terms]
        if all(kept):
            return self
        names = [[*compress(column, kept)] for column in (self.contributors, self.books, self.terms)]
        numbers = [[*compress(column, kept)] for column in (self.weights, self.lines)]
        values, implied = ([[*compress(column, kept)] for column in columns] for columns in (self.values, self.implied))
        return _new(Sheet, (self.outcomes, *names, *numbers, values, values, implied))

    def write(self, row: int, voice: Voice) -> None:
        """Put `voice` into a row."""
        contributor, fair, self.terms[row] = voice
        self.contributors[row], self.books[row] = contributor, len(contributor.books)
        self.weights[row], self.lines[row] = contributor.weight, nan if fair.line is None else fair.line
        if self.values is not self.probabilities:
            for i, value in enumerate(contributor.values):
                self.values[i][row] = value
        for i, probability in enumerate(fair.probabilities):
            self.probabilities[i][row] = probability
            self.implied[i][row] = 1.0 / fair.prices[i]


class Panel(NamedTuple):
    """The books that count and what they say, changed from one observation to the next: few of them change."""

    fresh: Sequence[Priced]
    """By operator and book."""
    voices: list[Voice]
    """What each of them says, in their order."""
    seats: list[int]
    """The place of each one's operator in `speaking`."""
    speaking: list[Voice]
    """One voice for each operator."""
    sheet: Sheet | None
    """None where they offer different outcomes."""


def seated(fresh: Sequence[Priced], weights: Mapping[str, float], before: Panel | None) -> Panel:
    """Return the panel of the books in `fresh`. It is made of `before`, which is used up: only what is new is read."""
    if before is None:
        before = Panel([], [], [], [], None)
    changed = [*compress(count(), map(is_not, fresh, before.fresh))]
    are_same_books = all([fresh[place].line is before.fresh[place].line for place in changed])
    if len(fresh) == len(before.fresh) and are_same_books:
        return _renewed(fresh, weights, before, changed)
    known: dict[Span, Voice] = {span: each for (_, span, _), each in zip(before.fresh, before.voices, strict=True)}
    voices = [known.get(priced.span) or _voice(priced, weights) for priced in fresh]
    speaking: list[Voice] = []
    seats: list[int] = []
    last = None
    for each in voices:
        operator = each.contributor.operator
        if operator == last:
            speaking[-1] = _together(speaking[-1], each)
        else:
            speaking.append(each)
            last = operator
        seats.append(len(speaking) - 1)
    return Panel(fresh, voices, seats, speaking, sheet_of(speaking))


def _renewed(fresh: Sequence[Priced], weights: Mapping[str, float], before: Panel, changed: Sequence[int]) -> Panel:
    """Return the panel of the same books, of which those at `changed` say something else."""
    _, voices, seats, speaking, sheet = before
    for place in changed:
        voices[place] = _voice(fresh[place], weights)
    for seat in {seats[place] for place in changed}:
        first = seats.index(seat)
        spoken = voices[first]
        for other in voices[first + 1 : first + seats.count(seat)]:  # an operator's books come one after the other
            spoken = _together(spoken, other)
        speaking[seat] = spoken
        if sheet is not None and spoken.fair.outcomes == sheet.outcomes:
            sheet.write(seat, spoken)
        else:
            sheet = None
    return Panel(fresh, voices, seats, speaking, sheet_of(speaking) if sheet is None else sheet)


def sheet_of(voices: Sequence[Voice]) -> Sheet | None:
    """Return what `voices` say, if they offer the same outcomes."""
    outcomes = voices[0].fair.outcomes if voices else ()
    if any([each.fair.outcomes != outcomes for each in voices]):
        return None
    contributors = [each.contributor for each in voices]
    probabilities = _columns([each.fair.probabilities for each in voices])
    is_modelled = bool(voices) and voices[0].terms is None
    return Sheet(
        outcomes,
        contributors,
        [len(each.books) for each in contributors],
        [each.terms for each in voices],
        _column([each.weight for each in contributors]),
        _column([nan if each.line is None else each.line for each in contributors]),
        _columns([each.values for each in contributors]) if is_modelled else probabilities,
        probabilities,
        _columns([[1.0 / price for price in each.fair.prices] for each in voices]),
    )


def _column(numbers: Iterable[float]) -> Column:
    return array("d", numbers)


def _columns(rows: Sequence[Sequence[float]]) -> list[Column]:
    return [_column(column) for column in zip(*rows, strict=True)]


def _voice(priced: Priced, weights: Mapping[str, float]) -> Voice:
    """Return what a fresh book with a fair price says."""
    line, _, fair = priced
    weight = weights.get(line.book, 1.0) if weights else 1.0
    contributor = _new(
        Contributor, (line.operator, line.book, weight, compared_values(fair), fair.line, _alone(line.book))
    )
    terms = None if line.market.sigma is not None else _terms(fair.outcomes, fair.line)
    return _new(Voice, (contributor, fair, terms))


@lru_cache(maxsize=4096)
def _terms(outcomes: tuple[str, ...], line: float | None) -> Terms:
    """Return the same tuple for all that post these outcomes at this line: what is the same is compared at once."""
    return -len(outcomes), 0.0 if line is None else line, outcomes


@lru_cache(maxsize=4096)
def _alone(book: str) -> tuple[str]:
    """Return the same tuple for every market that a book is in."""
    return (book,)


def _together(one: Voice, other: Voice) -> Voice:
    """Let the book with the lowest hold speak, then the first by key, with the larger weight of the two."""
    speaking = other if other.fair.hold < one.fair.hold else one
    operator, book, _, values, line, _ = speaking.contributor
    weight = max(one.contributor.weight, other.contributor.weight)
    books = one.contributor.books + other.contributor.books
    return speaking._replace(contributor=Contributor(operator, book, weight, values, line, books))
