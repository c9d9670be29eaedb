"""When enough operators moved the same way within the window."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import ClassVar, NamedTuple

import msgspec

from stratumd.odds import breadth, magnitude, speed, strength
from stratumd.plugin import (
    MINUTE,
    Detector,
    Finding,
    Limits,
    Market,
    Micros,
    State,
    Tick,
    micros,
)
from stratumd_steam.evidence import steam_evidence
from stratumd_steam.motion import Motion, motions
from stratumd_steam.options import Options, SteamMetadata
from stratumd_steam.synchrony import Shares

EPSILON = 1e-9
"""Absorbs the last bits of floating-point differences that meet a threshold exactly."""


class Run(NamedTuple):
    """Operators that moved the same way in one market's window."""

    market: Market
    outcome: str
    direction: str
    threshold: float
    movers: list[Motion]
    present: list[Motion]

    @property
    def magnitude(self) -> float:
        """Return the median of the movers' moves, points or probability."""
        return median([mover.toward(self.outcome, self.direction) for mover in self.movers])

    @property
    def minutes(self) -> float:
        """Return the minutes from the first to the last mover's change, or since the previous observation."""
        changes = [mover.began[1] for mover in self.movers]
        seen = self.market.observations
        return max(max(changes) - min(changes), seen[-1] - seen[-2]) / MINUTE


class Steam(Detector):
    """Finds runs of operators that move together, and those left behind."""

    name, config = "steam", Options
    state = Shares
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"STEAM": SteamMetadata}
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._markets = frozenset(options.markets)
        self._window = micros(options.window)
        self._min_age = micros(options.min_age)
        self._quiet = micros(options.quiet_before_start)
        self._limits = Limits(micros(options.cooldown), options.per_hour, micros(options.lifetime))

    @property
    def lookback(self) -> Micros:
        """The window, or the least age of a market where that is longer."""
        return max(self._window, self._min_age)

    def limits(self, type: str) -> Limits:
        """Return the cooldown, cap and lifetime of the options."""
        return self._limits

    def detect(self, tick: Tick) -> Iterator[Finding | State]:
        """Yield one finding per market, outcome and direction, and the operators' shares where a window ended."""
        if tick.in_play and not self.options.in_play:
            return
        quiet = 0 <= tick.event.commence_at - tick.at < self._quiet
        shares = known = tick.state or Shares()
        for market in tick.markets:
            baseline = self._baseline(market)
            if baseline is None:
                continue
            window = tick.at // self._window
            due = not shares.is_counted(str(market.key), window)
            changed = market.changed_at > baseline
            present = motions(market, baseline) if due or changed else []
            if changed and not quiet and tick.at - market.first_seen >= self._min_age:
                yield from self._findings(tick, market, present, known)
            if due:
                moved = [(motion.line.operator, self._is_far(market, motion)) for motion in present]
                shares = shares.counted(str(market.key), window, tick.at, moved)
        if shares is not known:
            yield shares

    def _baseline(self, market: Market) -> Micros | None:
        if market.key.market not in self._markets or market.key.player is not None or market.lay:
            return None
        return market.baseline(self._window) if market.offering else None

    def _findings(self, tick: Tick, market: Market, present: list[Motion], shares: Shares) -> Iterator[Finding]:
        if len(present) < max(self.options.present, self.options.operators):
            return
        for run in self._runs(market, present):
            if len(run.movers) >= self.options.operators:
                yield self._finding(run, shares)

    def _runs(self, market: Market, present: list[Motion]) -> list[Run]:
        """Group the operators that moved far enough by outcome and direction."""
        runs: dict[tuple[str, str], Run] = {}
        for motion in present:
            threshold = self._threshold(market, motion)
            for shift in motion.shifts:
                if shift.magnitude >= threshold - EPSILON:
                    side = (shift.outcome, shift.direction)
                    run = runs.setdefault(side, Run(market, *side, threshold, [], present))
                    run.movers.append(motion)
        return list(runs.values())

    def _finding(self, run: Run, shares: Shares) -> Finding:
        size = run.magnitude
        parts = [
            magnitude(size, run.threshold),
            speed(size / run.minutes, run.threshold),
            breadth(len(run.movers), self.options.operators),
        ]
        operators = [motion.line.operator for motion in run.present]
        synchrony = shares.chance(str(run.market.key), operators, len(run.movers))
        return Finding(
            type="STEAM",
            key=run.market.key,
            outcome=run.outcome,
            direction=run.direction,
            magnitude=size,
            threshold=run.threshold,
            books=tuple(sorted([mover.line.book for mover in run.movers])),
            strength=strength(parts),
            evidence=steam_evidence(run, self._window, synchrony, parts),
        )

    def _threshold(self, market: Market, motion: Motion) -> float:
        return self.options.thresholds.of(market.kind, motion.after.fair_line is not None)

    def _is_far(self, market: Market, motion: Motion) -> bool:
        threshold = self._threshold(market, motion)
        return any(shift.magnitude >= threshold - EPSILON for shift in motion.shifts)
