"""When enough operators moved the same way within the window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import msgspec

from stratumd.odds import Shift, breadth, magnitude, speed, strength
from stratumd.plugin import (
    BookLine,
    Detector,
    Finding,
    Limits,
    Market,
    Micros,
    Move,
    Priced,
    State,
    Tick,
    Window,
    micros,
)
from stratumd_steam.evidence import steam_evidence
from stratumd_steam.explain import GATES
from stratumd_steam.motion import EPSILON, Motion, motions, speaking
from stratumd_steam.options import Options, SteamMetadata
from stratumd_steam.run import Run
from stratumd_steam.synchrony import Shares


class Steam(Detector):
    """Finds runs of operators that move together, and those left behind."""

    name, config = "steam", Options
    state = Shares
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"STEAM": SteamMetadata}
    gates = GATES
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._markets = frozenset(options.markets)
        self._window = micros(options.window)
        self._min_age = micros(options.min_age)
        self._quiet = micros(options.quiet_before_start)
        self._limits = Limits(micros(options.cooldown), options.per_hour, micros(options.lifetime))

    @property
    def windows(self) -> dict[str, Window]:
        """STEAM compares over `window`."""
        return {"STEAM": Window("window", self._window)}

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
        shares = known = tick.state or Shares()
        quiet = 0 <= tick.event.commence_at - tick.at < self._quiet
        window = tick.at // self._window
        for market in tick.markets:
            name, player = market.key
            if name not in self._markets or player is not None or market.lay:
                continue
            due = not known.is_counted(name, window)
            if (due or market.changed_at > tick.at - self._window) and self._is_evaluable(market):
                far = self._far(market)
                old = tick.at - market.first_seen >= self._min_age
                # Nearly always too few moved, and who else is present does not matter then.
                if old and not quiet and len(far) >= self.options.operators:
                    yield from self._findings(market, known)
                if due:
                    movers = {move.line for move, _ in far}
                    present = [(line.operator, line in movers) for line in self._speaking(market)]
                    shares = shares.counted(name, window, tick.at, present)
        if shares is not known:
            yield shares

    def _is_evaluable(self, market: Market) -> bool:
        return market.offering > 0 and market.starts(self._window).get(market.lane) is not None

    def _far(self, market: Market) -> list[tuple[Move, Shift]]:
        """Return the books' moves that reach the threshold, whoever speaks for their operators."""
        least = self._threshold(market) - EPSILON
        moves = market.moves(self._window, least)
        return [(move, shift) for move in moves for shift in move.shifts if shift.magnitude >= least]

    def _speaking(self, market: Market) -> Sequence[BookLine]:
        """Return who speaks for each operator; computed once for as long as nothing began since the window's start."""
        starts = market.starts(self._window).values()
        if any([start is None or start < market.changed_at for start in starts]):
            return speaking(market, self._window)
        priced = market.priced()
        memo: tuple[Sequence[Priced], list[BookLine]] | None = market.memo.get(self)
        if memo is None or memo[0] is not priced:
            memo = market.memo[self] = (priced, speaking(market, self._window))
        return memo[1]

    def _findings(self, market: Market, shares: Shares) -> Iterator[Finding]:
        present = motions(market, self._window)
        if len(present) < max(self.options.present, self.options.operators):
            return
        for run in self._runs(market, present):
            if len(run.movers) >= self.options.operators:
                yield self._finding(run, shares)

    def _runs(self, market: Market, present: list[Motion]) -> list[Run]:
        """Group the operators that moved far enough by outcome and direction.

        Where probabilities are compared, the outcome that gained is the run; what the others lost is the same money.
        """
        runs: dict[tuple[str, str], Run] = {}
        threshold = self._threshold(market)
        for motion in present:
            for shift in motion.shifts:
                if shift.magnitude >= threshold - EPSILON and (market.sigma is not None or shift.direction == "up"):
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
        synchrony = shares.chance(run.market.key.market, operators, len(run.movers), run.market.observed_at)
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

    def _threshold(self, market: Market) -> float:
        return self.options.thresholds.of(market.kind, market.sigma is not None)
