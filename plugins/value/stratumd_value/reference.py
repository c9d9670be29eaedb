"""What an outcome is worth by the quotes of others: the sharp books where there are any, else all other operators."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from stratumd.odds import (
    Chance,
    Fair,
    Method,
    Pricing,
    chance_at,
    compared_values,
    fair_quotes,
    leave_one_out_medians,
    weighted_median,
)
from stratumd.plugin import BookLine, ConsensusPoint, Contributor, Market, Span

METHODS: tuple[Method, ...] = ("multiplicative", "additive", "power")
"""The three methods that a claim of value has to survive."""
EPSILON = 1e-9
"""Absorbs the last bits of floating-point sums that meet a threshold exactly."""


_Key = tuple[Method, frozenset[str]]


class Voice(NamedTuple):
    """The one quote of an operator that a fair price may rest on."""

    operator: str
    line: BookLine
    span: Span
    weight: float


class Reference:
    """The quotes behind one consensus point, de-vigged by three methods as far as somebody asks."""

    def __init__(
        self, market: Market, point: ConsensusPoint, sharp: Container[str], min_books: int, before: Reference | None
    ) -> None:
        self.market = market
        self.point = point
        speaking = [_voice(market, each, each.book) for each in point.contributors]
        self._terms = _terms(market, speaking[0].span) if speaking and market.sigma is None else None
        chosen = list(self._sharp(sharp))
        self.is_sharp = bool(chosen)
        self._voices = chosen or speaking
        self._enough = 1 if chosen else min_books
        self._operators = frozenset([voice.operator for voice in self._voices])
        self._pricing = {method: Pricing(method, method, market.pricing.margins) for method in METHODS}
        spans = {voice.span for voice in self._voices}
        self._fairs: dict[tuple[Span, Method], Fair | None] = {}
        if before is not None:  # most quotes are the same from one point to the next
            self._fairs = {key: fair for key, fair in before._fairs.items() if key[0] in spans}
        self._centres: dict[_Key, tuple[float, ...] | None] = {}

    def compares(self, fair: Fair) -> bool:
        """Say whether a quote can be judged: without a margin model only at the outcomes and the line of the others."""
        return self._terms is None or (fair.outcomes, fair.line) == self._terms

    def voices(self, without: frozenset[str]) -> list[Voice]:
        """Return the quotes that speak about an offer of the operators `without`; none where they are too few."""
        others = [voice for voice in self._voices if voice.operator not in without]
        return others if len(others) >= self._enough else []

    def chance(self, method: Method, outcome: str, line: float | None, without: frozenset[str]) -> Chance | None:
        """Return the chance of `outcome` at the reference side's `line`, by those who are not `without`.

        None where they are too few, or where the method finds no fair price in their quotes.
        """
        centre = self.centre(method, without)
        if centre is None:
            return None
        sigma = self.market.sigma
        if sigma is None or line is None:
            assert self._terms is not None, "who speaks has terms"
            return Chance(centre[self._terms[0].index(outcome)], 0.0)
        return chance_at(self.market.kind, outcome, line, centre[0], sigma)

    def centre(self, method: Method, without: frozenset[str]) -> tuple[float, ...] | None:
        """Return the median fair line of the others, or their median probabilities, made to sum to one."""
        key = (method, without & self._operators)
        if key not in self._centres and len(key[1]) == 1:
            self._centres |= self._each_left_out(method)
        if key not in self._centres:
            self._centres[key] = self._median(method, without)
        return self._centres[key]

    def _each_left_out(self, method: Method) -> Iterator[tuple[_Key, tuple[float, ...]]]:
        """Yield the centres without one operator each, all at once: a shorter way, where all weigh the same."""
        said = [(voice, fair) for voice in self._voices if (fair := self._fair(voice.span, method)) is not None]
        if len(said) <= self._enough or len({voice.weight for voice, _ in said}) > 1:
            return
        columns = zip(*[compared_values(fair) for _, fair in said], strict=True)
        rows = zip(*[leave_one_out_medians(column) for column in columns], strict=True)
        for (voice, _), medians in zip(said, rows, strict=True):
            yield (method, frozenset((voice.operator,))), self._scaled(medians)

    def _median(self, method: Method, without: frozenset[str]) -> tuple[float, ...] | None:
        said = [(fair, v.weight) for v in self.voices(without) if (fair := self._fair(v.span, method)) is not None]
        if len(said) < self._enough:
            return None
        weights = [weight for _, weight in said]
        equal = min(weights) == max(weights)
        columns = zip(*[compared_values(fair) for fair, _ in said], strict=True)
        return self._scaled([weighted_median(column, None if equal else weights) for column in columns])

    def _scaled(self, medians: Sequence[float]) -> tuple[float, ...]:
        """Return medians of probabilities made to sum to one; a median of fair lines as it is."""
        total = sum(medians) if self._terms is not None else 1.0
        return tuple([median / total for median in medians])

    def _fair(self, span: Span, method: Method) -> Fair | None:
        key = (span, method)
        if key not in self._fairs:
            fair = self._priced(span, method)
            self._fairs[key] = fair if isinstance(fair, Fair) else None
        return self._fairs[key]

    def _priced(self, span: Span, method: Method) -> Fair | str:
        assert span.offer is not None, "who speaks offers something"
        quotes, own = span.offer.quotes, self.market.pricing
        if method == (own.two_way if len(quotes) == 2 else own.three_way):
            return self.market.fair(span)
        return fair_quotes(self.market.key.market, self.market.sport, quotes, self._pricing[method])

    def _sharp(self, sharp: Container[str]) -> Iterator[Voice]:
        """Yield the sharp books' quotes, one for each operator: that of its book with the lowest hold."""
        for contributor in self.point.contributors:
            fairs = [
                (fair.hold, book)
                for book in contributor.books
                if book in sharp and isinstance(fair := self.market.lines[book].fair, Fair) and self.compares(fair)
            ]
            if fairs:
                yield _voice(self.market, contributor, min(fairs)[1])


def _voice(market: Market, contributor: Contributor, book: str) -> Voice:
    line = market.lines[book]
    assert line.now is not None, "a contributor offers something"
    return Voice(contributor.operator, line, line.now, contributor.weight)


def _terms(market: Market, span: Span) -> tuple[tuple[str, ...], float | None]:
    fair = market.fair(span)
    assert isinstance(fair, Fair), "a contributor has a fair price"
    return fair.outcomes, fair.line
