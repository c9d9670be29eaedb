"""Which books speak, and what they agree on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, NamedTuple

from pydantic import Field

from stratumd.plugin import ConsensusPoint, Detector, Market, Micros, PluginConfig, Tick, micros
from stratumd_consensus.explain import GATES
from stratumd_consensus.panel import Panel, seated
from stratumd_consensus.point import consensus_point

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""How much a book counts; to leave one out, leave it out of the source's books."""


class Options(PluginConfig):
    """Options of `consensus`."""

    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to compute a consensus for; of a player market, such as `player_points`, one for each player."""
    min_books: int = Field(default=5, ge=2)
    """Operators (books that share their lines count once) without which there is no consensus."""
    lookback: timedelta = timedelta(minutes=10)
    """A quote counts while the book's own last update is no older than this."""
    weights: dict[str, Weight] = {}
    """Weight by book key, above 0 and 1 where none is given: `{pinnacle: 3}` for a sharp book."""
    in_play: bool = False
    """Go on after the start of the event."""


class Consensus(Detector):
    """Records a `ConsensusPoint` per market: the consensus, or the reason why there is none."""

    name, config = "consensus", Options
    provides = ("consensus",)
    gates = GATES
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._lookback = micros(options.lookback)
        self._markets = frozenset(options.markets)
        self._weights = options.weights

    def detect(self, tick: Tick) -> Iterator[ConsensusPoint]:
        """Yield the consensus of every market that the observation covers."""
        if tick.in_play and not self.options.in_play:
            return
        oldest = tick.at - self._lookback
        for market in tick.markets:
            if market.key.market in self._markets and not market.lay:
                yield self._point(market, oldest)

    def _point(self, market: Market, oldest: Micros) -> ConsensusPoint:
        """Return the point of `market`, the same object while neither offers nor the set of fresh books change."""
        fresh = market.priced()
        if market.updated_since < oldest:
            fresh = [
                each for each in fresh if (each[1].confirmed if (at := each[1].last_update) is None else at) >= oldest
            ]
        memo: _Memo | None = market.memo.get(self)
        if memo is not None and memo.panel.fresh == fresh:
            return memo.point
        market.memo.pop(self, None)  # a panel that is being changed is none to begin with
        panel = seated(fresh, self._weights, None if memo is None else memo.panel)
        point = consensus_point(market.key, panel, self.options.min_books)
        market.memo[self] = _Memo(panel, point)
        return point


class _Memo(NamedTuple):
    """The last point of a market, and who it was made by."""

    panel: Panel
    point: ConsensusPoint
