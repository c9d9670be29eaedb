"""What moved in one window of a market, patched from one observation to the next."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING

from stratumd.plugin.lines import UNMOVED, BookLine, Move
from stratumd.plugin.times import Micros

if TYPE_CHECKING:
    from stratumd.plugin.market import Market


class Sight:
    """What moved in one window of a market, patched from one observation to the next.

    A line's move is another one only where the line's present span began since, or where the start of the window has
    passed the beginning of a span of it. Of many lines these are few.
    """

    __slots__ = ("_all", "_begins", "_by_rank", "_largest", "_market", "_sizes", "_switches", "starts", "version")

    def __init__(self, market: Market) -> None:
        self._market = market
        self._by_rank: list[Move | None] = []
        self._sizes: list[float] = []
        """How far each of them goes."""
        self._largest = -inf
        """The largest of these."""
        self._all: list[Move] | None = None
        self.starts: Mapping[str, Micros | None] = {}
        self.version = self._begins = self._switches = -1

    def all(self) -> Sequence[Move]:
        """Return all moves, by operator and book."""
        if self._all is None:
            self._all = [move for move in self._by_rank if move is not None]
        return self._all

    def far(self, least: float) -> Sequence[Move]:
        """Return the moves of at least that size, by operator and book."""
        if self._largest < least:
            return []
        sized = zip(self._by_rank, self._sizes)  # noqa: B905  # both have one of each line, and asking costs as much
        return [move for move, size in sized if size >= least and move is not None]

    def look(self, starts: Mapping[str, Micros | None]) -> None:
        """Take notice of what began since the last look, and of what the starts of the window have passed since."""
        market = self._market
        begins = market._begins
        switches = market.version - begins  # the board counts those that went over to another lane, too
        passed = self._passed(starts) if switches == self._switches else None
        if passed is None:
            self._by_rank = [None] * len(market.lines)
            self._sizes = [-inf] * len(market.lines)
            self._largest = -inf
            self._all = None
            passed = self._since(starts)
        else:
            began = begins - self._begins
            if began:
                passed += market._began[-began:]
        self.starts, self.version = starts, market.version
        self._begins, self._switches = begins, switches
        if passed:
            self._patch(passed, starts)

    def _passed(self, starts: Mapping[str, Micros | None]) -> list[BookLine] | None:
        """Return the lines of which a span began where starts have moved on; None where that cannot be told."""
        known, market = self.starts, self._market
        if len(known) != len(starts):
            return None
        low, high = inf, -inf
        for lane, start in starts.items():
            before = known[lane]
            if before != start:
                if before is None or start is None or start < before:
                    return None
                low = before if before < low else low
                high = start if start > high else high
        if high < low:
            return []
        if low < market._known_since:
            return None
        began_at = market._began_at
        first = bisect_right(began_at, low)
        if first == len(began_at) or began_at[first] > high:
            return []
        return market._began[first : bisect_right(began_at, high, first)]

    def _since(self, starts: Mapping[str, Micros | None]) -> list[BookLine]:
        """Return the lines of which a span began since the earliest start."""
        known = [start for start in starts.values() if start is not None]
        market = self._market
        return market._began[bisect_right(market._began_at, min(known)) :] if known else []

    def _patch(self, lines: Iterable[BookLine], starts: Mapping[str, Micros | None]) -> None:
        by_rank, sizes, largest = self._by_rank, self._sizes, self._largest
        for line in lines:
            start, rank = starts.get(line.lane), line._rank
            move, size = UNMOVED if start is None else line._moved(start)
            lost = sizes[rank]
            by_rank[rank], sizes[rank] = move, size
            if size >= largest:
                largest = size
            elif lost == largest:
                largest = max(sizes)
        self._largest = largest
        self._all = None
