"""What a dislocation carries: both values, the best quote at the operator, and what a stake on it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from stratumd.odds import (
    Chance,
    Component,
    Fair,
    Method,
    Pricing,
    chance_at,
    compared_values,
    fair_quotes,
    weighted_median,
)
from stratumd.plugin import BookLine, ConsensusPoint, Contributor, Market, rounded
from stratumd_dislocation.options import Best, DislocationMetadata
from stratumd_dislocation.others import medians

METHODS: tuple[Method, ...] = ("multiplicative", "additive", "power")
"""The three methods that a claim of value has to survive."""


class Apart(NamedTuple):
    """An operator that stands apart from the others."""

    contributor: Contributor
    medians: tuple[float, ...]
    """The compared values of the others."""
    differences: list[float]
    threshold: float

    def outcomes(self, market: Market) -> tuple[str, ...]:
        """Return the outcomes in the order of the compared probabilities."""
        fair = market.lines[self.contributor.book].fair
        assert isinstance(fair, Fair), "a contributor has a fair price"
        return fair.outcomes


def dislocation_evidence(
    market: Market, point: ConsensusPoint, apart: Apart, outcome: str, parts: Sequence[Component]
) -> Callable[[], dict[str, Any]]:
    """Return what makes the metadata, should the finding become a signal."""

    def evidence() -> dict[str, Any]:
        best = _best(market, apart.contributor, outcome)
        ev = {method: _ev_percent(market, point, apart, outcome, best, method) for method in METHODS}
        index = 0 if market.sigma is not None else apart.outcomes(market).index(outcome)
        metadata = DislocationMetadata(
            unit="points" if market.sigma is not None else "probability",
            value=_round(apart.contributor.values[index]),
            consensus=_round(apart.medians[index]),
            difference=_round(apart.differences[index]),
            line=apart.contributor.line,
            consensus_line=point.line,
            others=len(point.contributors) - 1,
            best=Best(best.book, best.line, _round(best.price)),
            ev_percent=ev | {"worst_case": min(ev.values())},
            components={part.name: {"weight": part.weight, "value": _round(part.value)} for part in parts},
        )
        found: dict[str, Any] = msgspec.to_builtins(metadata)
        return found

    return evidence


def _best(market: Market, contributor: Contributor, outcome: str) -> Best:
    """Return the operator's best quote: by expected value at its own line, so that lines and prices compare.

    Without a margin model they do not, and a book at another line than the one that speaks is left out.
    """
    own = market.lines[contributor.book].fair
    assert isinstance(own, Fair), "a contributor has a fair price"
    offered = []
    for book in contributor.books:
        fair = market.lines[book].fair
        if isinstance(fair, Fair) and (market.sigma is not None or _terms(fair) == _terms(own)):
            offered.append(Best(book, fair.line, fair.prices[fair.outcomes.index(outcome)]))
    sigma = market.sigma
    reference = contributor.values[0]

    def worth(best: Best) -> float:
        if sigma is None or best.line is None:
            return best.price
        return chance_at(market.kind, outcome, best.line, reference, sigma).worth(best.price)

    return max(sorted(offered, key=lambda best: best.book), key=worth)


def _terms(fair: Fair) -> tuple[tuple[str, ...], float | None]:
    return fair.outcomes, fair.line


def _ev_percent(market: Market, point: ConsensusPoint, apart: Apart, outcome: str, best: Best, method: Method) -> float:
    """Return what a stake on `best` is worth by the others' quotes, de-vigged by `method`, in percent."""
    others = [c for c in point.contributors if c.operator != apart.contributor.operator]
    pricing = Pricing(method, method, market.pricing.margins)
    voices = [(fair, c.weight) for c in others if isinstance(fair := _fair(market.lines[c.book], pricing), Fair)]
    weights = [weight for _, weight in voices]
    sigma = market.sigma
    if sigma is not None and best.line is not None:
        centre = weighted_median([compared_values(fair)[0] for fair, _ in voices], weights)
        chance = chance_at(market.kind, outcome, best.line, centre, sigma)
    else:
        chances = medians(list(zip(*[fair.probabilities for fair, _ in voices], strict=True)), weights)
        chance = Chance(chances[apart.outcomes(market).index(outcome)], 0.0)
    return round(100.0 * chance.worth(best.price), 3) + 0.0


def _fair(line: BookLine, pricing: Pricing) -> Fair | str:
    market, span = line.market, line.spans[-1]
    assert span.offer is not None, "a contributor offers something"
    known = market.fair(span)
    if isinstance(known, Fair):
        own = market.pricing.two_way if len(known.outcomes) == 2 else market.pricing.three_way
        if own == pricing.two_way:
            return known
    return fair_quotes(market.key.market, market.sport, span.offer.quotes, pricing)


def _round(value: float) -> float:
    return rounded(value) or 0.0
