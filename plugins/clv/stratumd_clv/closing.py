"""The market's close: the consensus of the books whose last quotes are fresh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import StatisticsError
from typing import NamedTuple

from stratumd.odds import (
    ClosingValue,
    Fair,
    Kind,
    PriceError,
    closing_value,
    compared_values,
    kind,
    leave_one_out_medians,
    weighted_median,
)
from stratumd.plugin import Micros
from stratumd_clv.quotes import Held


class Agreed(NamedTuple):
    """What the operators agreed on at one instant. Lines are the reference side's."""

    market: str
    sigma: float | None
    """The margin model's, points."""
    outcomes: tuple[str, ...]
    line: float | None
    fair_line: float | None
    probabilities: tuple[float, ...]
    prices: tuple[float, ...]
    operators: int
    books: int
    oldest_at: Micros

    def value(self, outcome: str, price: float, line: float | None) -> ClosingValue | None:
        """Return what `price` on `outcome` at the bettor's own `line` is worth by this; None where lines cannot be
        compared, or the outcome is not among these.
        """
        if outcome not in self.outcomes:
            return None
        close = own_line(self.market, outcome, self.line)
        p = self.probabilities[self.outcomes.index(outcome)]
        try:
            return closing_value(outcome, price, p, taken=line, close=close, sigma=self.sigma)
        except (PriceError, StatisticsError, ValueError):  # no price, a certainty, sides that have no points
            return None


def agree(market: str, sigma: float | None, held: Iterable[Held], oldest: Micros) -> Agreed | None:
    """Return what those agree on that were confirmed at `oldest` or later; None for fewer than two operators.

    The books of an operator speak through the one with the lowest hold, then the first by key. Medians are taken of
    compared values: fair lines where there is a margin model, else probabilities at the line that most operators post.
    """
    fresh = [each for each in held if each.confirmed_at >= oldest]
    voices = comparable(speakers(fresh), sigma)
    if len(voices) < 2:
        return None
    outcomes = voices[0].fair.outcomes
    fair_line, line, posting = None, voices[0].fair.line, voices
    if voices[0].fair.fair_line is not None:
        fair_line = weighted_median([compared_values(each.fair)[0] for each in voices])
        line = _posted(voices, fair_line)
        posting = [each for each in voices if each.fair.line == line]
    medians = _medians([each.fair.probabilities for each in posting])
    implied = _medians([tuple([1.0 / price for price in each.fair.prices]) for each in posting])
    operators = {each.operator for each in voices}
    return Agreed(
        market,
        sigma,
        outcomes,
        line,
        fair_line,
        tuple([median / sum(medians) for median in medians]),
        tuple([1.0 / q for q in implied]),
        len(operators),
        sum([each.operator in operators for each in fresh]),
        min([each.confirmed_at for each in voices]),
    )


def speakers(held: Iterable[Held]) -> list[Held]:
    """Return the book that speaks for each operator, by operator."""
    chosen: dict[str, Held] = {}
    for each in held:
        other = chosen.get(each.operator)
        if other is None or (each.fair.hold, each.book) < (other.fair.hold, other.book):
            chosen[each.operator] = each
    return [chosen[operator] for operator in sorted(chosen)]


def comparable(voices: list[Held], sigma: float | None) -> list[Held]:
    """Return those that can be compared: all with a margin model, else those at the line that most of them post."""
    if sigma is not None:
        return [each for each in voices if each.fair.fair_line is not None]
    terms = Counter((each.fair.outcomes, each.fair.line) for each in voices)
    if not terms:
        return []
    common = min(terms, key=lambda each: (-terms[each], -len(each[0]), each[1] or 0.0, each[0]))
    return [each for each in voices if (each.fair.outcomes, each.fair.line) == common]


def errors_of(early: dict[str, Fair], voices: Sequence[Held]) -> dict[str, float]:
    """Return by book how far its early word was from the close of the other operators: points or probability."""
    if len(voices) < 3:
        return {}
    closes = [compared_values(each.fair)[0] for each in voices]
    others = dict(zip([each.operator for each in voices], leave_one_out_medians(closes), strict=True))
    found = {}
    for each in voices:
        fair, close = early.get(each.book), each.fair
        if fair is not None and (close.fair_line is not None or fair.line == close.line):
            found[each.book] = abs(compared_values(fair)[0] - others[each.operator])
    return found


def own_line(market: str, outcome: str, line: float | None) -> float | None:
    """Return a reference line as the bettor on `outcome` has it: the away side's spread is home's negative."""
    if line is None or outcome != "away" or kind(market) is not Kind.SPREAD:
        return line
    return -line + 0.0


def _posted(voices: Sequence[Held], fair_line: float) -> float:
    """Return the median of the posted lines; at a tie the posted one that is nearest the fair line."""
    posted = [line for each in voices if (line := each.fair.line) is not None]
    median = weighted_median(posted)
    return min(posted, key=lambda line: (abs(line - median), abs(line - fair_line), line))


def _medians(rows: Sequence[Sequence[float]]) -> list[float]:
    return [weighted_median(column) for column in zip(*rows, strict=True)]
