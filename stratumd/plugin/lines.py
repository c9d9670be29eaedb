"""What one book showed in one market: its present offer, its recent past, and how far it moved."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from stratumd.odds import Fair, Shift, line_shift, shifts
from stratumd.plugin.times import Micros
from stratumd.plugin.values import Offer

if TYPE_CHECKING:
    from stratumd.plugin.market import Market

_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much


class Confirmation:
    """When the present offers of many books were last confirmed, all by the same answer.

    Nearly all offers of an answer are those of the answer before. So they are confirmed at once, not span by span.
    """

    __slots__ = ("at", "updated")

    def __init__(self, at: Micros) -> None:
        self.at = at
        """When the answer was received."""
        self.updated: Sequence[Micros | None] = ()
        """By place, the book's own word for when it last confirmed the offer."""


class Span:
    """What one book offered in one market from `since` on, until the next span of the same book."""

    __slots__ = ("_confirmed", "_fair", "_last_update", "_place", "_shared", "offer", "since")

    def __init__(
        self, offer: Offer | None, since: Micros, last_update: Micros | None, confirmed: Micros | None = None
    ) -> None:
        self.offer = offer
        """None while the book offers nothing here: absence is recorded, never guessed."""
        self.since = since
        """When the first observation with this offer was received."""
        self._confirmed = since if confirmed is None else confirmed
        self._last_update = last_update
        self._shared: Confirmation | None = None
        self._place = 0
        self._fair: Fair | str | None = None

    @property
    def confirmed(self) -> Micros:
        """When the newest observation with this offer was received."""
        return self._confirmed if self._shared is None else self._shared.at

    @property
    def last_update(self) -> Micros | None:
        """The book's own word for when it last confirmed the offer; not when it changed."""
        return self._last_update if self._shared is None else self._shared.updated[self._place]

    def share(self, confirmation: Confirmation, place: int) -> None:
        """Be confirmed with others from now on. Only the board does this."""
        self._shared, self._place = confirmation, place

    def place_in(self, confirmation: Confirmation) -> int | None:
        """Return its place among those who are confirmed so; None where it is not. Only the board does this."""
        return self._place if self._shared is confirmation else None

    def settle(self) -> None:
        """Stay as last confirmed, whatever becomes of the others. Only the board does this."""
        shared = self._shared
        if shared is not None:
            self._confirmed, self._last_update, self._shared = shared.at, shared.updated[self._place], None


class BookLine:
    """One book in one market: its present offer and its recent past."""

    __slots__ = ("_newest", "_place", "_priced", "_rank", "book", "lane", "market", "now", "operator", "spans")

    def __init__(self, book: str, operator: str, market: Market, lane: str) -> None:
        self.book = book
        self.operator = operator
        self.market = market
        self.lane = lane
        self.spans: list[Span] = []
        """Oldest first, without a gap; kept as far back as the pipeline's longest lookback."""
        self.now: Span | None = None
        """The present span, or None while the book offers nothing."""
        self._newest: tuple[Micros, Sized] | None = None
        """The newest move up to the present span that was asked for, with the start of the span it begins with."""
        self._priced: Priced | None = None
        self._place = 0
        """Its place among the market's priced lines."""
        self._rank = 0
        """Its place among the market's lines."""

    @property
    def fair(self) -> Fair | str | None:
        """The fair price of the present offer, the reason why there is none, or None while nothing is offered."""
        return None if self.now is None else self.market.fair(self.now)

    def baseline(self, window: Micros) -> Micros | None:
        """Return the earliest observation of this book's lane in the `window` that ends now; see `Market.baseline`."""
        return self.market.baseline(window, self.lane)

    def since(self, at: Micros) -> list[Span] | None:
        """Return the spans from the one that held at `at` to the present one, oldest first.

        None where the book was not present at `at`, is not present now, or was absent in between.
        """
        found = []
        for span in reversed(self.spans):
            if span.offer is None:
                return None
            found.append(span)
            if span.since <= at:
                return found[::-1]
        return None

    def move(self, baseline: Micros) -> Move | None:
        """Return how the present offer differs from the one at `baseline`; None where it does not, or `since` is."""
        return self._moved(baseline)[0]

    def _moved(self, baseline: Micros) -> Sized:
        spans = self.spans
        if spans[-1].since <= baseline:
            return UNMOVED
        for span in reversed(spans):
            if span.offer is None:
                return UNMOVED
            if span.since <= baseline:
                break
        else:
            return UNMOVED
        known = self._newest
        if known is None or known[0] != span.since:  # most windows begin in the same span
            move = self._move(span)
            known = self._newest = (span.since, UNMOVED if move is None else (move, _size(move)))
        return known[1]

    def _move(self, first: Span) -> Move | None:
        last = self.spans[-1]
        if first.offer == last.offer:
            return None
        market, spans = self.market, self.spans[self.spans.index(first) :]
        before, after = market.fair(first), market.fair(last)
        if type(before) is not Fair or type(after) is not Fair:
            return _new(Move, (self, spans, before, after, (), ()))
        found = posted = shifts(market.kind, before, after)
        if market.sigma is not None and before.line is not None and after.line is not None:
            posted = line_shift(market.kind, before.line, after.line)
        return _new(Move, (self, spans, before, after, found, posted))

    def begin(self, span: Span, horizon: Micros) -> None:
        """Let `span` be the present one, and drop those that ended at `horizon` or before. Only the board does this."""
        spans = self.spans
        spans.append(span)
        while len(spans) > 1 and spans[1].since <= horizon:
            del spans[0]
        self.now = span if span.offer is not None else None
        self._newest = None
        self.market._begun(self)


class Move(NamedTuple):
    """A book that was present at the start of a window, is present now, and offers something else."""

    line: BookLine
    spans: list[Span]
    """From the span that held at the start of the window to the present one."""
    before: Fair | str
    """The fair price at the start of the window, or the reason why there was none."""
    after: Fair | str
    """The fair price now, or the reason why there is none."""
    shifts: Sequence[Shift]
    """How the compared value moved; empty where it did not, or cannot be compared."""
    posted: Sequence[Shift]
    """How the posted line moved, where a margin model makes points comparable; else the same as `shifts`."""


Sized = tuple[Move | None, float]
"""A move, if any, and how far it goes."""
UNMOVED: Sized = (None, -inf)


def _size(move: Move) -> float:
    """Return how far a book moved, in its compared value or its posted line; 0 where that cannot be compared."""
    largest = 0.0
    for _, _, magnitude in move.shifts if move.posted is move.shifts else (*move.shifts, *move.posted):
        if magnitude > largest:
            largest = magnitude
    return largest


class Priced(NamedTuple):
    """A book that has a fair price now."""

    line: BookLine
    span: Span
    """Its present span."""
    fair: Fair
