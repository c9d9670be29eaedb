"""Which markets are mispriced by the user's own projections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import msgspec

from stratumd.odds import Component, breadth, magnitude, strength
from stratumd.plugin import (
    ConsensusPoint,
    Detector,
    Event,
    Finding,
    Limits,
    Market,
    Micros,
    News,
    Priced,
    Tick,
    Window,
    micros,
)
from stratumd_projection.evidence import mispriced
from stratumd_projection.explain import GATES
from stratumd_projection.heard import Heard, Subject, subject
from stratumd_projection.metadata import MispricedMetadata
from stratumd_projection.normalizer import TOPIC
from stratumd_projection.options import Options
from stratumd_projection.table import Projected
from stratumd_projection.worth import Worth, confirmed_at, expected, worths


class Mispricing(Detector):
    """Holds prices against projections that were read from a file. It hears of these as news, and opens no file."""

    name, config = "projection", Options
    needs, hears = ("consensus",), (TOPIC,)
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"MISPRICED": MispricedMetadata}
    gates = GATES
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._max_age = micros(options.max_age)
        self._heard_within = micros(options.heard_within)
        self._quote_age = micros(options.quote_age)
        self._least = options.min_ev_percent / 100.0
        self._limits = Limits(micros(options.cooldown), options.per_hour, micros(options.lifetime))
        self._heard: dict[str, Heard] = {}
        """By sport, the newest news that was looked at, sorted: it is the same at many ticks."""

    @property
    def lookback(self) -> Micros:
        """As far back as a reading of the file counts."""
        return self._heard_within

    @property
    def windows(self) -> dict[str, Window]:
        """Return within which time the file must have been read."""
        return {"MISPRICED": Window("heard_within", self._heard_within, topic=TOPIC)}

    def limits(self, type: str) -> Limits:
        """Return the cooldown, cap and lifetime of the options."""
        return self._limits

    def detect(self, tick: Tick) -> Iterator[Finding]:
        """Yield at most one finding for each outcome of a market that something is projected of."""
        told = tick.news.get(TOPIC)
        if told is None or (tick.in_play and not self.options.in_play):
            return
        projected = self._projected(told.news, tick.event)
        if not projected:
            return
        for market in tick.markets:
            row = projected.get(subject(market.key))
            point = tick.record("consensus", market.key)
            if row is None or not isinstance(point, ConsensusPoint) or point.reason is not None:
                continue
            if tick.at - row.written_at <= self._max_age:
                for found in self._worths(market, row, tick.at - self._quote_age).values():
                    yield self._finding(tick.at, market, point, row, told.news.source, found)

    def _projected(self, news: News, event: Event) -> dict[Subject, Projected]:
        heard = self._heard.get(event.sport)
        if heard is None or heard.news is not news:
            heard = self._heard[event.sport] = Heard(news)
        return heard.of(event)

    def _worths(self, market: Market, row: Projected, oldest: Micros) -> dict[str, list[Worth]]:
        """Return what is worth it, the same object while nothing that it was made from changes."""
        fresh = [each for each in market.priced() if confirmed_at(each.span) >= oldest]
        memo: _Seen | None = market.memo.get(self)
        if memo is None or memo.fresh != fresh or memo.row != row:
            memo = market.memo[self] = _Seen(fresh, row, worths(market, fresh, row, self._least))
        return memo.found

    def _finding(
        self, at: Micros, market: Market, point: ConsensusPoint, row: Projected, source: str, found: Sequence[Worth]
    ) -> Finding:
        """Return a finding whose magnitude is how far the implied probability lies below the projected one."""
        best, projection = found[0], expected(market, row)
        assert projection is not None, "something is worth it by the projection"
        parts = [
            magnitude(best.ev, self._least),
            breadth(len(found), 1),
            Component("freshness", 0.3, 1.0 - (at - row.written_at) / self._max_age),
        ]
        return Finding(
            type="MISPRICED",
            key=market.key,
            outcome=best.outcome,
            direction="down",
            magnitude=best.probability - 1.0 / best.price,
            threshold=self._least / (best.price * (1.0 - best.settled.push)),
            books=tuple(sorted({each.line.book for each in found})),
            strength=strength(parts),
            evidence=lambda: mispriced(market, point, projection, source, found, parts, at),
        )


class _Seen(NamedTuple):
    """What is worth it in a market, and what it was made from."""

    fresh: list[Priced]
    """The quotes that were held against the projection."""
    row: Projected
    found: dict[str, list[Worth]]
