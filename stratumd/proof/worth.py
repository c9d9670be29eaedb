"""What the prices of a signal were worth by the last consensus before its event's start.

The consensus of the stored past is one yardstick for every question that is asked of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from statistics import StatisticsError, fmean
from typing import Any, NamedTuple

from stratumd.odds import Kind, PriceError, closing_value, kind
from stratumd.odds.margin import sigma_for
from stratumd.plugin import ConsensusPoint, Signal, rounded
from stratumd.plugin.evidence import number, part, rows, text
from stratumd.proof.past import Past


class Offer(NamedTuple):
    """A price that a signal names."""

    book: str
    outcome: str
    line: float | None
    """Points, of the bettor's side."""
    price: float
    """Decimal odds."""


class Closes:
    """The last consensus of each market before its event's start, as the newest word on that start has it."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self.of = lru_cache(maxsize=4096)(self._of)

    def _of(self, event: str, market: str, player: str | None) -> ConsensusPoint | None:
        reader, name = self._past.reader, self._past.spec.name
        start = reader.event(event).commence_at
        rows = reader.consensus(event, market=market, until=start - 1, pipeline=name)
        points = [row.point for row in rows if row.point.key.player == player and row.point.reason is None]
        return points[-1] if points else None

    def value(self, signal: Signal, offer: Offer) -> float | None:
        """Return the expected profit per unit of an offer; None where there is no consensus to compare it with.

        A price in play has none: the last consensus before the start lies behind it.
        """
        if signal.observed_at >= signal.commence_at:
            return None
        point = self.of(signal.event, signal.market, signal.player)
        if point is None or offer.outcome not in point.outcomes:
            return None
        sigma = sigma_for(signal.sport, signal.market, self._past.spec.pricing.margins)
        probability = point.probabilities[point.outcomes.index(offer.outcome)]
        close = own_line(signal.market, offer.outcome, point.line)
        try:
            found = closing_value(offer.outcome, offer.price, probability, taken=offer.line, close=close, sigma=sigma)
        except (PriceError, StatisticsError, ValueError):  # no price, a certainty, sides that have no points
            return None
        return None if found is None else rounded(found.ev)

    def mean(self, signal: Signal) -> float | None:
        """Return the mean value of all that the signal names: to pick the best now would be to know the close."""
        values = [value for offer in offers(signal) if (value := self.value(signal, offer)) is not None]
        return fmean(values) if values else None


def offers(signal: Signal) -> list[Offer]:
    """Return the prices that a signal names: those left behind, the best, its legs; else those that moved."""
    told = signal.metadata
    named = rows(told, "legs") or rows(told, "stale") or [part(told, "best")]
    found = [_offer(signal, each, each) for each in named]
    if not any(found):
        moved = [*rows(told, "movers"), *rows(told, "moves")]
        found = [_offer(signal, each, part(each, "to")) for each in moved]
    return [each for each in found if each is not None]


def own_line(market: str, outcome: str, line: float | None) -> float | None:
    """Return a line of the reference side as the bettor on `outcome` has it."""
    return 0.0 - line if line is not None and outcome == "away" and kind(market) is Kind.SPREAD else line


def _offer(signal: Signal, who: Mapping[str, Any], terms: Mapping[str, Any]) -> Offer | None:
    book, price = text(who, "book"), number(terms, "price")
    if book is None or price is None:
        return None
    outcome = text(who, "outcome") or signal.outcome
    return Offer(book, outcome, own_line(signal.market, outcome, number(terms, "line")), price)
