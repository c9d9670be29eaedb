"""Signal when some books have not moved while others have."""

from datetime import timedelta
from statistics import median

from stratumd import hookimpl
from stratumd.odds import Fair, shifts
from stratumd.plugin import Detector, Finding, PluginConfig, Tick, micros


class Config(PluginConfig):
    window: timedelta = timedelta(minutes=3)
    """How far back to look."""
    movers: int = 3
    """How many books must have moved."""


class StaleLine(Detector):
    name, config = "stale-line", Config
    lookback = property(lambda self: micros(self.options.window))

    def detect(self, tick: Tick):
        for market in tick.markets:
            start = market.baseline(self.lookback)
            for (outcome, direction), sizes in moved(market, start).items():
                still = [line.book for line in market.present() if line.spans[-1].since <= start]
                if still and len(sizes) >= self.options.movers:
                    yield Finding(
                        type="STALE_LINE",
                        key=market.key,
                        outcome=outcome,
                        direction=direction,
                        magnitude=median(sizes),
                        threshold=median(sizes),
                        books=tuple(sorted(still)),
                        strength=min(100, 15 * len(sizes)),
                        evidence={"movers": len(sizes)},
                    )


def moved(market, start):
    """Return by (outcome, direction) how far each book moved since `start`."""
    sizes = {}
    for move in market.moves(start) if start is not None else []:
        if isinstance(move.before, Fair) and isinstance(move.after, Fair):
            for outcome, direction, size in shifts(market.kind, move.before, move.after):
                sizes.setdefault((outcome, direction), []).append(size)
    return sizes


@hookimpl
def register_detectors():
    return [StaleLine]
