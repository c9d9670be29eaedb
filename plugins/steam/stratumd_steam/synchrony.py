"""Synchrony: how likely so many movers are by chance, by what each operator did over the last day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stratumd.odds import chance_of_at_least
from stratumd.plugin import HOUR, Micros, State

BIN = 3 * HOUR
BINS = 8
"""A day, the bin that is being filled included: shares reach back 21 to 24 hours."""
MIN_WINDOWS = 20
"""Fewer windows than this say nothing about an operator."""


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """The windows of one market."""

    window: int
    """The number of the last window counted; windows are laid end to end since 1970."""
    bin: int
    """The number of the newest bin."""
    counts: dict[str, list[int]]
    """By operator and for each bin, newest first: windows it was present in, and of these the ones it moved far in."""

    def and_one(self, window: int, bin: int, present: Iterable[tuple[str, bool]]) -> Tally:
        """Return the tally with one more window: who was present in it, and whether they moved far enough."""
        counts = dict(self.as_of(bin))
        for operator, far in present:
            known = counts.get(operator)
            row = counts[operator] = [0, 0] if known is None else known.copy()
            row[0] += 1
            row[1] += far
        return Tally(window, bin, counts)

    def as_of(self, bin: int) -> Mapping[str, list[int]]:
        """Return the counts as of a later `bin`, without the operators that the day before it did not see."""
        if bin == self.bin:
            return self.counts
        gap = min(bin - self.bin, BINS)
        kept = 2 * (BINS - gap)
        return {operator: [0, 0] * gap + row[:kept] for operator, row in self.counts.items() if any(row[:kept])}


class Shares(State, frozen=True):
    """How often each operator moved, by market, in whole windows laid end to end."""

    markets: dict[str, Tally] = {}

    def is_counted(self, market: str, window: int) -> bool:
        """Say whether that window of the market is in the shares already."""
        tally = self.markets.get(market)
        return tally is not None and tally.window == window

    def counted(self, market: str, window: int, at: Micros, present: Iterable[tuple[str, bool]]) -> Shares:
        """Return the shares with one more window of a market; see `Tally.and_one`."""
        bin = at // BIN
        known = self.markets.get(market) or Tally(window, bin, {})
        return Shares({**self.markets, market: known.and_one(window, bin, present)})

    def chance(self, market: str, operators: Sequence[str], movers: int, at: Micros) -> float | None:
        """Return the chance of at least `movers` among `operators` at `at`; None where too little is known of one."""
        tally = self.markets.get(market)
        rows: Mapping[str, list[int]] = {} if tally is None else tally.as_of(at // BIN)
        shares = []
        for operator in operators:
            row = rows.get(operator, [])
            windows = sum(row[::2])
            if windows < MIN_WINDOWS:
                return None
            shares.append(sum(row[1::2]) / windows)
        return chance_of_at_least(movers, shares)
