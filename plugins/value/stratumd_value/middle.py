"""Middles: two lines of two operators, with results in between at which both sides win."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import ceil, floor
from typing import NamedTuple

from stratumd.odds import Kind, Method, push_probability
from stratumd_value.legs import Groups, Legs, Posted, best_apart, book_sum, stakes
from stratumd_value.reference import EPSILON, METHODS, Reference


class Between(NamedTuple):
    """A middle that is worth its price."""

    legs: Legs
    """The over at the lower total and the under at the higher; home with the larger handicap and away."""
    ev: dict[Method, float]
    """Expected profit per unit staked on both legs together, by method."""
    probability: float
    """That both legs win; the least that a method gives."""
    operators: int
    """How many operators post any line."""

    @property
    def width(self) -> float:
        """Return the points between the two lines."""
        first, second = _lines(self.legs)
        return abs(first - second)

    @property
    def cost(self) -> float:
        """Return what is lost per unit staked when only one leg wins; negative where that is a profit."""
        return 1.0 - 1.0 / book_sum([leg.price for leg in self.legs])


def best_middle(reference: Reference, groups: Groups, width: float, least: float) -> Between | None:
    """Return the middle of the greatest worst-case value among those at least as wide and worth `least` or more.

    None where there is none, and in markets without a margin model, which cannot tell how likely it is.
    """
    if reference.market.sigma is None or len(groups) < 2:
        return None
    operators = len({line.operator for posted in groups.values() for line, _ in posted})
    judged = (_judged(reference, legs, least, operators) for legs in _pairs(reference, groups, width))
    found = [between for between in judged if between is not None]
    return max(found, key=lambda each: (min(each.ev.values()), each.width), default=None)


def _pairs(reference: Reference, groups: Groups, width: float) -> Iterator[Legs]:
    """Yield the best prices at every two lines with a whole number between them."""
    by_points = {line: posted for (_, line), posted in groups.items() if line is not None}
    for low, high in combinations(sorted(by_points), 2):
        if high - low < width - EPSILON or floor(low) + 1 >= ceil(high):
            continue
        first, second = (high, low) if reference.market.kind is Kind.SPREAD else (low, high)
        yield from _best(reference, (by_points[first], by_points[second]))


def _best(reference: Reference, posted: tuple[Posted, Posted]) -> Iterator[Legs]:
    """Yield the best prices of two lines; where these are the sharp books' own, the best that leave one to judge."""
    legs = best_apart([(posted[0], 0), (posted[1], 1)])
    if legs is None:
        return
    yield legs
    if reference.is_sharp and not reference.voices(_operators(legs)):
        for operator in sorted(_operators(legs)):
            one, other = ([each for each in side if each[0].operator != operator] for side in posted)
            rest = best_apart([(one, 0), (other, 1)]) if one and other else None
            if rest is not None:
                yield rest


def _judged(reference: Reference, legs: Legs, least: float, operators: int) -> Between | None:
    """Return what a middle is worth, or None as soon as one method says that it is too little."""
    without = _operators(legs)
    shares = stakes([leg.price for leg in legs])
    ev: dict[Method, float] = {}
    both = 1.0
    for method in METHODS:
        value = 0.0
        for leg, share in zip(legs, shares, strict=True):
            chance = reference.chance(method, leg.outcome, leg.at, without)
            if chance is None:
                return None
            value += share / 100.0 * chance.worth(leg.price)
        if value < least - EPSILON:
            return None
        ev[method] = value
        both = min(both, _both_win(reference, method, legs, without))
    return Between(legs, ev, both, operators)


def _both_win(reference: Reference, method: Method, legs: Legs, without: frozenset[str]) -> float:
    """Return the probability of the whole numbers strictly between the lines, by the margin model.

    A spread is read from the away side, where the lines are margins as totals are: it is the same by symmetry.
    """
    sigma, centre = reference.market.sigma, reference.centre(method, without)
    assert sigma is not None, "a middle has a margin model"
    assert centre is not None, "the legs were judged by it"
    low, high = sorted(_lines(legs))
    return sum([push_probability(centre[0], k, sigma) for k in range(floor(low) + 1, ceil(high))])


def _operators(legs: Legs) -> frozenset[str]:
    return frozenset([leg.line.operator for leg in legs])


def _lines(legs: Legs) -> tuple[float, float]:
    first, second = legs[0].at, legs[1].at
    assert first is not None, "a middle is between lines"
    assert second is not None, "a middle is between lines"
    return first, second
