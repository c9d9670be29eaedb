"""Prices that are worth more than they cost, whichever of three methods makes the fair price."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stratumd.odds import Chance, Fair, Method
from stratumd.plugin import BookLine, Contributor
from stratumd_value.legs import Quoted
from stratumd_value.reference import EPSILON, METHODS, Reference


class Worth(NamedTuple):
    """A quote that is worth more than it costs."""

    quote: Quoted
    ev: dict[Method, float]
    """Expected profit per unit staked, by method."""
    chance: Chance
    """By the method that gives the least."""

    @property
    def least(self) -> float:
        """Return the worst case."""
        return min(self.ev.values())


def positive(reference: Reference, least: float) -> list[Worth]:
    """Return each operator's best quote of every outcome that is worth `least` or more per unit staked."""
    return [worth for contributor in reference.point.contributors for worth in _of(reference, contributor, least)]


def _of(reference: Reference, contributor: Contributor, least: float) -> list[Worth]:
    without = frozenset((contributor.operator,))
    if not reference.voices(without):
        return []
    best: dict[str, Worth] = {}
    for book in contributor.books:
        for worth in _of_book(reference, reference.market.lines[book], without, least):
            rival = best.get(worth.quote.outcome)
            if rival is None or worth.least > rival.least:
                best[worth.quote.outcome] = worth
    return list(best.values())


def _of_book(reference: Reference, line: BookLine, without: frozenset[str], least: float) -> Iterator[Worth]:
    fair = line.fair
    if not isinstance(fair, Fair) or not reference.compares(fair):
        return
    for outcome, price in zip(fair.outcomes, fair.prices, strict=True):
        worth = _judged(reference, Quoted(line, outcome, price, fair.line), without, least)
        if worth is not None:
            yield worth


def _judged(reference: Reference, quote: Quoted, without: frozenset[str], least: float) -> Worth | None:
    """Return what a quote is worth, or None as soon as one method says that it is too little."""
    ev: dict[Method, float] = {}
    chances: list[tuple[float, Chance]] = []
    for method in METHODS:
        chance = reference.chance(method, quote.outcome, quote.at, without)
        if chance is None:
            return None
        ev[method] = chance.worth(quote.price)
        if ev[method] < least - EPSILON:
            return None
        chances.append((ev[method], chance))
    return Worth(quote, ev, min(chances)[1])
