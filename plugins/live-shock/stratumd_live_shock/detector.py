"""When an in-play market jumped within the window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from stratumd.odds import breadth, magnitude, speed, strength
from stratumd.plugin import Detector, Finding, Limits, Market, Micros, Tick, Window, micros
from stratumd_live_shock.evidence import shock_evidence
from stratumd_live_shock.explain import GATES
from stratumd_live_shock.jump import Jump, Rule, jump
from stratumd_live_shock.options import LiveShockMetadata, Options

EPSILON = 1e-9
"""Absorbs the last bits of floating-point differences that meet a threshold exactly."""


class LiveShock(Detector):
    """Finds in-play markets that jumped: the median of the same operators at two polls after the start."""

    name, config = "live-shock", Options
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"LIVE_SHOCK": LiveShockMetadata}
    gates = GATES
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._markets = frozenset(options.markets)
        self._window = micros(options.window)
        self._rule = Rule(self._window, micros(options.max_age), options.min_books)
        self._limits = Limits(micros(options.cooldown), options.per_hour, micros(options.lifetime))

    @property
    def windows(self) -> dict[str, Window]:
        """LIVE_SHOCK compares two polls in play, `window` apart at most."""
        return {"LIVE_SHOCK": Window("window", self._window, in_play=True)}

    @property
    def lookback(self) -> Micros:
        """The window, and how much older a quote at its start may be."""
        return self._window + self._rule.max_age

    def limits(self, type: str) -> Limits:
        """Return the cooldown, cap and lifetime of the options."""
        return self._limits

    def detect(self, tick: Tick) -> Iterator[Finding]:
        """Yield at most one finding per market; nothing before the start."""
        if not tick.in_play:
            return
        for market in tick.markets:
            if market.key.market in self._markets and market.key.player is None and not market.lay:
                found = self._jump(tick, market)
                threshold = self.options.thresholds.of(market.kind, market.sigma is not None)
                if found is not None and found.shift.magnitude >= threshold - EPSILON:
                    yield self._finding(tick, found, threshold)

    def _jump(self, tick: Tick, market: Market) -> Jump | None:
        if market.changed_at <= tick.at - self._window:
            return None  # nothing moved
        return jump(market, tick.event.commence_at, self._rule)

    def _finding(self, tick: Tick, found: Jump, threshold: float) -> Finding:
        size, movers = found.shift.magnitude, found.movers(threshold)
        parts = [
            magnitude(size, threshold),
            speed(size / found.minutes, threshold),
            breadth(len(movers), self.options.min_books),
        ]
        return Finding(
            type="LIVE_SHOCK",
            key=found.market.key,
            outcome=found.shift.outcome,
            direction=found.shift.direction,
            magnitude=size,
            threshold=threshold,
            books=tuple(sorted([end.line.book for end in movers])),
            strength=strength(parts),
            evidence=shock_evidence(found, tick.event, threshold, self._window, parts),
        )
