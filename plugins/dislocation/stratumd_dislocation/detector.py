"""One operator against the consensus of the others: never against a consensus that contains itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from stratumd.odds import Kind, Shift, breadth, leave_one_out_medians, line_shift, magnitude, strength
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
from stratumd_dislocation.options import DislocationMetadata, Options

EPSILON = 1e-9
"""Absorbs the last bits of floating-point differences that meet a threshold exactly."""

_OPPOSITE = {"home": "away", "away": "home", "over": "under", "under": "over"}


class Dislocation(Detector):
    """Finds operators whose compared value stands apart from the others'."""

    name, config = "dislocation", Options
    needs = ("consensus",)
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"DISLOCATION": DislocationMetadata}
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._limits = Limits(micros(options.cooldown), options.per_hour, micros(options.lifetime))

    def limits(self, type: str) -> Limits:
        """Return the cooldown, cap and lifetime of the options."""
        return self._limits

    def detect(self, tick: Tick) -> Iterator[Finding]:
        """Yield one finding per operator that stands apart."""
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
        found = self._compare(market.kind, point.contributors)
        market.memo[self] = (point, found)
        return found

    def _compare(self, kind: Kind, contributors: tuple[Contributor, ...]) -> list[Apart]:
        modelled = kind in (Kind.SPREAD, Kind.TOTAL) and len(contributors[0].values) == 1
        threshold = self.options.thresholds.of(kind, modelled)
        weights = [contributor.weight for contributor in contributors]
        equal = all([weight == weights[0] for weight in weights])
        columns = [list(column) for column in zip(*[c.values for c in contributors], strict=True)]
        others = [leave_one_out_medians(column, None if equal else weights) for column in columns]
        found = []
        for i, contributor in enumerate(contributors):
            medians = tuple([column[i] for column in others])
            differences = [own - other for own, other in zip(contributor.values, medians, strict=True)]
            if max([abs(difference) for difference in differences]) >= threshold - EPSILON:
                found.append(Apart(contributor, medians, differences, threshold, modelled))
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
    if apart.modelled:
        own, other = apart.contributor.values[0], apart.medians[0]
        dear = line_shift(market.kind, other, own)[0]
        return dear._replace(outcome=_OPPOSITE[dear.outcome])
    cheapest = min(range(len(apart.differences)), key=apart.differences.__getitem__)
    outcomes = apart.outcomes(market)
    largest = max([abs(difference) for difference in apart.differences])
    return Shift(outcomes[cheapest], "down", largest)
