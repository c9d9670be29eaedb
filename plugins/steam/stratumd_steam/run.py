"""Operators that moved together."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

from stratumd.plugin import MINUTE, Market, Micros
from stratumd_steam.motion import Motion


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

    def began(self, mover: Motion) -> tuple[Micros, Micros]:
        """Return the instants between which `mover` moved far enough."""
        return mover.began(self.outcome, self.direction, self.threshold)

    @property
    def minutes(self) -> float:
        """Return the minutes from the first to the last mover's change, or since the previous observation."""
        changes = [self.began(mover)[1] for mover in self.movers]
        polls = [self.market.observed[mover.line.lane] for mover in self.movers]
        return max(max(changes) - min(changes), *[seen[-1] - seen[-2] for seen in polls]) / MINUTE
