"""Signal when some books have not moved while others have."""

from datetime import timedelta
from itertools import groupby
from statistics import median

from stratumd import hookimpl
from stratumd.plugin import Detector, Finding, PluginConfig, Tick, micros


class Config(PluginConfig):
    window: timedelta = timedelta(minutes=3)
    """How far back to look."""
    movers: int = 3
    """How many books must have moved."""
    least: float = 0.01
    """The smallest move that counts: points, or probability where there are none."""


class StaleLine(Detector):
    name, config = "stale-line", Config
    lookback = property(lambda self: micros(self.options.window))

    def detect(self, tick: Tick):
        for market in tick.markets:
            moves = market.moves(self.lookback)
            movers = [move.line for move in moves]
            still = [line.book for line in market.present() if line not in movers]
            shifts = sorted(shift for move in moves for shift in move.shifts if shift.magnitude >= self.options.least)
            for (outcome, direction), same in groupby(shifts, key=lambda shift: shift[:2]):
                sizes = [shift.magnitude for shift in same]
                if still and len(sizes) >= self.options.movers:
                    yield Finding(
                        type="STALE_LINE",
                        key=market.key,
                        outcome=outcome,
                        direction=direction,
                        magnitude=median(sizes),
                        threshold=self.options.least,
                        books=tuple(sorted(still)),
                        strength=min(100, 15 * len(sizes)),
                        evidence={"movers": len(sizes)},
                    )


@hookimpl
def register_detectors():
    return [StaleLine]
