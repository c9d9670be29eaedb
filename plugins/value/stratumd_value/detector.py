"""Which prices are worth more than they cost, alone or together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import msgspec

from stratumd.plugin import BookLine, ConsensusPoint, Detector, Finding, Limits, Market, Micros, Tick, micros
from stratumd_value.explain import GATES
from stratumd_value.findings import arbitrage_finding, low_hold_finding, middle_finding, positive_finding
from stratumd_value.legs import Groups, Together, best_together, by_line, confirmed_at
from stratumd_value.metadata import ArbitrageMetadata, LowHoldMetadata, MiddleMetadata, PositiveEvMetadata
from stratumd_value.middle import Between, best_middle
from stratumd_value.options import Options
from stratumd_value.positive import Worth, positive
from stratumd_value.reference import EPSILON, Reference


class Value(Detector):
    """Holds prices against each other: one against the fair price of the others, the best of each outcome together."""

    name, config = "value", Options
    needs = ("consensus",)
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "POSITIVE_EV": PositiveEvMetadata,
        "ARBITRAGE": ArbitrageMetadata,
        "LOW_HOLD": LowHoldMetadata,
        "MIDDLE": MiddleMetadata,
    }
    gates = GATES
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._markets = frozenset(options.markets)
        self._sharp = frozenset(options.sharp)
        self._max_age = micros(options.max_age)
        self._limits = {
            "POSITIVE_EV": options.positive_ev.limits(),
            "ARBITRAGE": options.arbitrage.limits(),
            "LOW_HOLD": options.low_hold.limits(),
            "MIDDLE": options.middle.limits(),
        }

    def limits(self, type: str) -> Limits:
        """Return the cooldown, cap and lifetime of the type's options."""
        return self._limits[type]

    def detect(self, tick: Tick) -> Iterator[Finding]:
        """Yield what is worth something now."""
        if tick.in_play and not self.options.in_play:
            return
        for market in tick.markets:
            if market.key.market in self._markets:
                yield from self._findings(market, tick)

    def _findings(self, market: Market, tick: Tick) -> Iterator[Finding]:
        seen, options, at = self._seen(market, tick), self.options, tick.at
        if seen.reference is not None:
            for worth in seen.worths:
                yield positive_finding(seen.reference, worth, options, at)
            if seen.middle is not None:
                yield middle_finding(seen.reference, seen.middle, options, at)
        if seen.best is not None:
            least = options.arbitrage.min_margin_percent / 100.0
            if 1.0 / seen.best.total - 1.0 >= least - EPSILON:
                yield arbitrage_finding(market, seen.best, options, at)
            elif 1.0 - 1.0 / seen.best.total < options.low_hold.max_hold_percent / 100.0:
                yield low_hold_finding(market, seen.best, options, at)

    def _seen(self, market: Market, tick: Tick) -> _Seen:
        """Return what is in `market`, the same object while nothing that it was made from changes."""
        point = tick.record("consensus", market.key)
        fresh = _fresh(market, tick.at - self._max_age)
        memo: _Seen | None = market.memo.get(self)
        if memo is not None and memo.version == market.version and memo.point is point and memo.fresh == fresh:
            return memo
        reference, worths = self._against(market, point, memo)
        groups = by_line(fresh)
        seen = _Seen(
            version=market.version,
            fresh=fresh,
            point=point,
            reference=reference,
            worths=worths,
            best=best_together(groups),
            middle=None if reference is None else self._middle(reference, groups),
        )
        market.memo[self] = seen
        return seen

    def _against(
        self, market: Market, point: ConsensusPoint | None, memo: _Seen | None
    ) -> tuple[Reference | None, list[Worth]]:
        """Return the quotes that fair prices rest on, and the prices that are worth more; once per point."""
        if memo is not None and memo.point is point:
            return memo.reference, memo.worths
        if not isinstance(point, ConsensusPoint):
            return None, []
        before = None if memo is None else memo.reference
        reference = Reference(market, point, self._sharp, self.options.min_books, before)
        return reference, positive(reference, self.options.positive_ev.min_ev_percent / 100.0)

    def _middle(self, reference: Reference, groups: Groups) -> Between | None:
        options = self.options.middle
        return best_middle(reference, groups, options.min_width, options.min_ev_percent / 100.0)


def _fresh(market: Market, oldest: Micros) -> list[BookLine]:
    return [line for line in market.present() if line.now is not None and confirmed_at(line.now) >= oldest]


class _Seen(NamedTuple):
    """What is in a market, and what it was made from."""

    version: int
    fresh: list[BookLine]
    """The books whose prices may be held against each other."""
    point: ConsensusPoint | None
    reference: Reference | None
    worths: list[Worth]
    best: Together | None
    middle: Between | None
