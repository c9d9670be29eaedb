"""Prices of several operators put together: the best of each outcome, and how to stake them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from stratumd.odds import Fair
from stratumd.plugin import SECOND, BookLine, Micros, Span

Posted = list[tuple[BookLine, Fair]]
"""Books that post the same outcomes at the same line, in the order of operators and books."""
Groups = dict[tuple[tuple[str, ...], float | None], Posted]
"""By outcomes and line."""
Side = tuple[Posted, int]
"""Books, and which of their outcomes."""


class Quoted(NamedTuple):
    """One outcome's price at a book."""

    line: BookLine
    outcome: str
    price: float
    at: float | None
    """The line of the reference side, points; None for moneylines."""


Legs = tuple[Quoted, ...]


class Together(NamedTuple):
    """The best prices of all outcomes at one line, of at least two operators."""

    legs: Legs
    posted: Posted

    @property
    def total(self) -> float:
        """Return the implied probabilities of the legs together: below one, the legs return more than they cost."""
        return book_sum([leg.price for leg in self.legs])

    @property
    def alone(self) -> float:
        """Return the same of one book alone: the median."""
        return median([book_sum(fair.prices) for _, fair in self.posted])

    @property
    def operators(self) -> int:
        """Return how many operators post this line."""
        return len({line.operator for line, _ in self.posted})


def confirmed_at(span: Span) -> Micros:
    """Return when the book last confirmed its offer: by its own word, else when it was last seen."""
    return span.confirmed if span.last_update is None else span.last_update


def age_seconds(line: BookLine, at: Micros) -> float:
    """Return how old the present offer of `line` is; never negative, though a book's clock may run fast."""
    assert line.now is not None, "the line offers something"
    return max(0, at - confirmed_at(line.now)) / SECOND


def by_line(fresh: Sequence[BookLine]) -> Groups:
    """Group the books with a fair price, which are those with a whole quote, by outcomes and line."""
    groups: Groups = {}
    for line in fresh:
        fair = line.fair
        if isinstance(fair, Fair):
            groups.setdefault((fair.outcomes, fair.line), []).append((line, fair))
    return groups


def best_together(groups: Groups) -> Together | None:
    """Return the line whose best prices ask for the least; None where no line is posted by two operators."""
    found = []
    for (outcomes, _), posted in groups.items():
        legs = best_apart([(posted, side) for side in range(len(outcomes))])
        if legs is not None:
            found.append(Together(legs, posted))
    return min(found, key=lambda each: each.total, default=None)


def best_apart(sides: Sequence[Side]) -> Legs | None:
    """Return one quote of each side with the best prices that do not all come from one operator.

    At equal prices the first book counts. None where only one operator offers anything.
    """
    best = [_best(posted, side) for posted, side in sides]
    operator = best[0].line.operator
    if any([leg.line.operator != operator for leg in best]):
        return tuple(best)
    # One leg has to come from somebody else; to change more than one could only be dearer.
    changed = []
    for i, (posted, side) in enumerate(sides):
        others = [(line, fair) for line, fair in posted if line.operator != operator]
        if others:
            changed.append((*best[:i], _best(others, side), *best[i + 1 :]))
    return min(changed, key=lambda legs: book_sum([leg.price for leg in legs]), default=None)


def _best(posted: Posted, side: int) -> Quoted:
    prices = [fair.prices[side] for _, fair in posted]
    line, fair = posted[prices.index(max(prices))]
    return Quoted(line, fair.outcomes[side], fair.prices[side], fair.line)


def book_sum(prices: Sequence[float]) -> float:
    """Return the implied probabilities of decimal `prices` together."""
    return sum([1.0 / price for price in prices])


def stakes(prices: Sequence[float]) -> list[float]:
    """Return shares of 100 staked on decimal `prices` so that whichever wins pays out the same: `100·q/Σq`."""
    total = book_sum(prices)
    return [100.0 / (price * total) for price in prices]
