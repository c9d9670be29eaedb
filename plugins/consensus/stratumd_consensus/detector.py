"""Which books speak, and what they agree on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, NamedTuple

from pydantic import Field

from stratumd.plugin import BookLine, ConsensusPoint, Detector, Market, Micros, PluginConfig, Span, Tick, micros
from stratumd_consensus.point import Voice, consensus_point, voice

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""How much a book counts; to leave one out, leave it out of the source's books."""


class Options(PluginConfig):
    """Options of `consensus`."""

    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to compute a consensus for."""
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
            if market.key.market in self._markets and market.key.player is None and not market.lay:
                yield self._point(market, oldest)

    def _point(self, market: Market, oldest: Micros) -> ConsensusPoint:
        """Return the point of `market`, the same object while neither offers nor the set of fresh books change."""
        fresh = [
            line
            for line in market.lines.values()
            if (span := line.now) is not None
            and (span.confirmed if span.last_update is None else span.last_update) >= oldest
        ]
        memo: _Memo | None = market.memo.get(self)
        if memo is not None and memo.version == market.version and memo.fresh == fresh:
            return memo.point
        voices = self._voices(fresh, {} if memo is None else memo.voices)
        spoken = [each for each in voices.values() if each is not None]
        point = consensus_point(market, spoken, self.options.min_books)
        market.memo[self] = _Memo(market.version, fresh, voices, point)
        return point

    def _voices(self, fresh: list[BookLine], known: Mapping[Span, Voice | None]) -> dict[Span, Voice | None]:
        """Return what each fresh book says by its present span; from one point to the next, most say the same."""
        voices = {}
        for line in fresh:
            span = line.now
            assert span is not None, "a fresh book offers something"
            voices[span] = known[span] if span in known else self._voice(line, span)
        return voices

    def _voice(self, line: BookLine, span: Span) -> Voice | None:
        fair = line.market.fair(span)
        return None if isinstance(fair, str) else voice(line, fair, self._weights.get(line.book, 1.0))


class _Memo(NamedTuple):
    """The last point of a market, and what it was made from."""

    version: int
    fresh: list[BookLine]
    voices: dict[Span, Voice | None]
    point: ConsensusPoint
