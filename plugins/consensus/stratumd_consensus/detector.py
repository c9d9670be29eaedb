"""Which books speak, and what they agree on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field

from stratumd.odds import Fair
from stratumd.plugin import BookLine, ConsensusPoint, Detector, Market, Micros, PluginConfig, Tick, micros
from stratumd_consensus.point import Voice, consensus_point


class Options(PluginConfig):
    """Options of `consensus`."""

    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to compute a consensus for."""
    min_books: int = Field(default=5, ge=2)
    """Operators (books that share their lines count once) without which there is no consensus."""
    lookback: timedelta = timedelta(minutes=10)
    """A quote counts while the book's own last update is no older than this."""
    weights: dict[str, float] = {}
    """Weight by book key, 1 where none is given: `{pinnacle: 3}` for a sharp book."""
    in_play: bool = False
    """Go on after the start of the event."""


class Consensus(Detector):
    """Records a `ConsensusPoint` per market: the consensus, or the reason why there is none."""

    name, config = "consensus", Options
    provides = ("consensus",)
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._lookback = micros(options.lookback)
        self._markets = frozenset(options.markets)

    def detect(self, tick: Tick) -> Iterator[ConsensusPoint]:
        """Yield the consensus of every market that the observation covers."""
        if tick.in_play and not self.options.in_play:
            return
        oldest = tick.at - self._lookback
        for market in tick.markets:
            if market.key.market in self._markets and market.key.player is None and not market.lay:
                yield self._point(market, oldest)

    def _point(self, market: Market, oldest: Micros) -> ConsensusPoint:
        """Return the point of `market`, the same object while neither offers nor the set of fresh books change."""
        fresh = [line for line in market.lines.values() if _is_fresh(line, oldest)]
        memo = market.memo.get(self)
        if memo is not None and memo[0] == market.version and memo[1] == fresh:
            point: ConsensusPoint = memo[2]
            return point
        point = consensus_point(market, self._voices(fresh), self.options.min_books)
        market.memo[self] = (market.version, fresh, point)
        return point

    def _voices(self, fresh: list[BookLine]) -> list[Voice]:
        weights = self.options.weights
        voices = []
        for line in fresh:
            fair = line.fair
            if isinstance(fair, Fair):
                voices.append(Voice(line.operator, line.book, fair, weights.get(line.book, 1.0)))
        return voices


def _is_fresh(line: BookLine, oldest: Micros) -> bool:
    span = line.spans[-1]
    updated = span.last_update
    return span.offer is not None and (span.confirmed if updated is None else updated) >= oldest
