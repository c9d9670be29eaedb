"""Which prices of a market are worth more than they cost by a projection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stratumd.odds import Settlement, expected_value, probability_at
from stratumd.plugin import BookLine, ConsensusPoint, Market, Micros, Priced, Span
from stratumd_projection.distribution import Family, family, settle
from stratumd_projection.table import Projected

EPSILON = 1e-9
"""Absorbs the last bits of floating-point sums that meet a threshold exactly."""


class Expected(NamedTuple):
    """A projection of a market, with all that its distribution needs."""

    row: Projected
    family: Family
    sd: float | None
    """The row's, else the margin model's σ; None for Poisson."""

    def settles(self, outcome: str, line: float) -> Settlement | None:
        """Return how a bet settles by the projection; see `settle`."""
        return settle(self.family, outcome, line, self.row.mean, self.sd)


class Worth(NamedTuple):
    """A quote that is worth more than it costs."""

    ev: float
    """Expected profit per unit staked, refunds counted."""
    line: BookLine
    outcome: str
    at: float
    """The line of the reference side."""
    price: float
    settled: Settlement

    @property
    def probability(self) -> float:
        """Return the probability of a win, where the stake is not refunded."""
        return self.settled.win / (1.0 - self.settled.push)


def expected(market: Market, row: Projected) -> Expected | None:
    """Return what `row` expects of `market`; None where there is no distribution for it."""
    found = family(market.sport, market.key.market)
    sd = market.sigma if row.sd is None else row.sd
    if found is None or (found == "normal" and sd is None):
        return None
    return Expected(row, found, sd)


def worths(market: Market, fresh: Sequence[Priced], row: Projected, least: float) -> dict[str, list[Worth]]:
    """Return by outcome each operator's best quote that is worth `least` or more per unit staked, the best first.

    Each of the `fresh` quotes is held against the projection at its own line.
    """
    projection = expected(market, row)
    best: dict[tuple[str, str], Worth] = {}
    if projection is not None:
        for worth in _all(fresh, projection):
            key = worth.outcome, worth.line.operator
            if worth.ev >= least - EPSILON and (key not in best or worth.ev > best[key].ev):
                best[key] = worth
    found: dict[str, list[Worth]] = {}
    for (outcome, _), worth in sorted(best.items(), key=lambda each: (-each[1].ev, each[0])):
        found.setdefault(outcome, []).append(worth)
    return found


def _all(fresh: Sequence[Priced], projection: Expected) -> Iterator[Worth]:
    for line, _, fair in fresh:
        if fair.line is None:
            continue
        for outcome, price in zip(fair.outcomes, fair.prices, strict=True):
            settled = projection.settles(outcome, fair.line)
            if settled is not None:
                yield _worth(line, outcome, fair.line, price, settled)


def _worth(line: BookLine, outcome: str, at: float, price: float, settled: Settlement) -> Worth:
    return Worth(expected_value(price, settled.win) + settled.push, line, outcome, at, price, settled)


def confirmed_at(span: Span) -> Micros:
    """Return when the book last confirmed its offer: by its own word, else when it was last seen."""
    return span.confirmed if span.last_update is None else span.last_update


def by_consensus(market: Market, point: ConsensusPoint, worth: Worth) -> float | None:
    """Return the outcome's probability by the consensus at the quote's line; None where it says nothing of that."""
    if market.sigma is not None and point.fair_line is not None:
        return probability_at(market.kind, worth.outcome, worth.at, point.fair_line, market.sigma)
    if point.line == worth.at and worth.outcome in point.outcomes:
        return point.probabilities[point.outcomes.index(worth.outcome)]
    return None
