"""One operator against the consensus of the others: never against a consensus that contains itself."""

from __future__ import annotations

from collections.abc import Iterator
from operator import sub
from typing import ClassVar

import msgspec

from stratumd.odds import Shift, breadth, line_shift, magnitude, strength
from stratumd.plugin import (
    ConsensusPoint,
    Contributor,
    Detector,
    Finding,
    Limits,
    Market,
    Tick,
    micros,
)
from stratumd_dislocation.evidence import Apart, dislocation_evidence
from stratumd_dislocation.explain import GATES
from stratumd_dislocation.options import DislocationMetadata, Options
from stratumd_dislocation.others import medians_of_others, suspects

EPSILON = 1e-9
"""Absorbs the last bits of floating-point differences that meet a threshold exactly."""

_OPPOSITE = {"home": "away", "away": "home", "over": "under", "under": "over"}


class Dislocation(Detector):
    """Finds operators whose compared value stands apart from the others'."""

    name, config = "dislocation", Options
    needs = ("consensus",)
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"DISLOCATION": DislocationMetadata}
    gates = GATES
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._limits = Limits(micros(options.cooldown), options.per_hour, micros(options.lifetime))

    def limits(self, type: str) -> Limits:
        """Return the cooldown, cap and lifetime of the options."""
        return self._limits

    def detect(self, tick: Tick) -> Iterator[Finding]:
        """Yield one finding per operator that stands apart."""
        if tick.in_play and not self.options.in_play:
            return
        for market in tick.markets:
            point = tick.record("consensus", market.key)
            if isinstance(point, ConsensusPoint) and len(point.contributors) > self.options.min_books:
                for apart in self._apart(market, point):
                    yield self._finding(market, point, apart)

    def _apart(self, market: Market, point: ConsensusPoint) -> list[Apart]:
        """Return the operators that stand apart; computed once per point, for most find nothing."""
        memo = market.memo.get(self)
        if memo is not None and memo[0] is point:
            known: list[Apart] = memo[1]
            return known
        found = self._compare(market, point.contributors)
        market.memo[self] = (point, found)
        return found

    def _compare(self, market: Market, contributors: tuple[Contributor, ...]) -> list[Apart]:
        threshold = self.options.thresholds.of(market.kind, market.sigma is not None)
        least = threshold - EPSILON
        _, _, weights, rows, _, _ = zip(*contributors, strict=True)
        columns = list(zip(*rows, strict=True))
        equal = weights.count(weights[0]) == len(weights)
        found = []
        for index in suspects(columns, equal, least):
            medians = medians_of_others(columns, index, None if equal else weights)
            differences = list(map(sub, rows[index], medians))
            # Of a line either side may be cheap; of probabilities the outcome that is rated too low.
            size = abs(differences[0]) if market.sigma is not None else -min(differences)
            if size >= least:
                found.append(Apart(contributors[index], medians, differences, threshold))
        return found

    def _finding(self, market: Market, point: ConsensusPoint, apart: Apart) -> Finding:
        side = _cheap_side(market, apart)
        others = len(point.contributors) - 1
        parts = [magnitude(side.magnitude, apart.threshold), breadth(others, self.options.min_books)]
        return Finding(
            type="DISLOCATION",
            key=market.key,
            outcome=side.outcome,
            direction=side.direction,
            magnitude=side.magnitude,
            threshold=apart.threshold,
            books=apart.contributor.books,
            strength=strength(parts),
            operator=apart.contributor.operator,
            evidence=dislocation_evidence(market, point, apart, side.outcome, parts),
        )


def _cheap_side(market: Market, apart: Apart) -> Shift:
    """Return the side that the operator sells cheaper than the others do, and how its value deviates."""
    if market.sigma is not None:
        own, other = apart.contributor.values[0], apart.medians[0]
        dear = line_shift(market.kind, other, own)[0]
        return dear._replace(outcome=_OPPOSITE[dear.outcome])
    cheapest = min(range(len(apart.differences)), key=apart.differences.__getitem__)
    return Shift(apart.outcomes(market)[cheapest], "down", -apart.differences[cheapest])
