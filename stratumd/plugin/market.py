"""What a detector sees: the markets of one event at one observation, and their recent past."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from stratumd.odds import Fair, Kind, Pricing, Shift, fair_quotes, is_lay, kind, line_shift, shifts
from stratumd.odds.margin import sigma_for
from stratumd.plugin.times import MINUTE, Micros
from stratumd.plugin.values import Event, MarketKey, Offer, Record, Told

NEVER: Micros = -(1 << 63)
"""Before every instant."""
_NO_NEWS: Mapping[str, Told] = {}
_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much


class Span:
    """What one book offered in one market from `since` on, until the next span of the same book."""

    __slots__ = ("_fair", "confirmed", "last_update", "offer", "since")

    def __init__(self, offer: Offer | None, since: Micros, last_update: Micros | None) -> None:
        self.offer = offer
        """None while the book offers nothing here: absence is recorded, never guessed."""
        self.since = since
        """When the first observation with this offer was received."""
        self.confirmed = since
        """When the newest observation with this offer was received."""
        self.last_update = last_update
        """The book's own word for when it last confirmed the offer; not when it changed."""
        self._fair: Fair | str | None = None


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
        self._newest: tuple[Micros, _Sized] | None = None
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

    def _moved(self, baseline: Micros) -> _Sized:
        spans = self.spans
        if spans[-1].since <= baseline:
            return _UNMOVED
        for span in reversed(spans):
            if span.offer is None:
                return _UNMOVED
            if span.since <= baseline:
                break
        else:
            return _UNMOVED
        known = self._newest
        if known is None or known[0] != span.since:  # most windows begin in the same span
            move = self._move(span)
            known = self._newest = (span.since, _UNMOVED if move is None else (move, _size(move)))
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


_Sized = tuple[Move | None, float]
"""A move, if any, and how far it goes."""
_UNMOVED: _Sized = (None, -inf)


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


class Market:
    """One market of one event (for one player, where it is a player's)."""

    __slots__ = (
        "_began",
        "_began_at",
        "_begins",
        "_known_since",
        "_newest",
        "_priced",
        "_sights",
        "_starts",
        "_unpriced",
        "changed_at",
        "first_seen",
        "key",
        "kind",
        "lane",
        "lay",
        "lines",
        "memo",
        "observed",
        "observed_at",
        "offering",
        "pricing",
        "sigma",
        "sport",
        "updated_since",
        "version",
    )

    def __init__(self, key: MarketKey, sport: str, pricing: Pricing, at: Micros) -> None:
        self.key = key
        self.kind: Kind = kind(key.market)
        self.lay = is_lay(key.market)
        self.sport = sport
        self.pricing = pricing
        self.sigma = sigma_for(sport, key.market, pricing.margins)
        """The margin model's σ near the line, points; None where quotes are compared by probability."""
        self.lines: dict[str, BookLine] = {}
        """By book key, in the order of operators and then books; also books that offer nothing at present."""
        self.observed: dict[str, list[Micros]] = {}
        """By lane, when this market was observed with anything on offer, oldest first, as far back as the longest
        lookback. A lane's answers say nothing of other lanes' books."""
        self.observed_at = at
        """When it was last observed, in any lane."""
        self.lane = ""
        """The lane of that observation."""
        self.offering = 0
        """How many books offer something now."""
        self.first_seen = at
        """Since when at least one book has been offering something here without a break."""
        self.changed_at = at
        """When a quote last appeared, changed or disappeared here."""
        self.updated_since = NEVER
        """A bound: no present offer's `last_update` (or, where its book gives none, observation) is earlier."""
        self.version = 0
        """Grows with every such change: equal versions mean equal offers."""
        self.memo: dict[object, Any] = {}
        """A detector may keep here, under itself, what it computed from this version, and nothing else."""
        self._starts: dict[Micros, Mapping[str, Micros | None]] = {}
        """By window, what `starts` returned since the last observation."""
        self._sights: dict[Micros, _Sight] = {}
        """By window, what moved in it when it was last asked for."""
        self._newest: _Sight | None = None
        """The one of these that was last brought up to date."""
        self._priced: list[Priced] = []
        self._unpriced: dict[BookLine, None] = {}
        """The lines whose present span `_priced` does not know yet."""
        self._began: list[BookLine] = []
        """The line of every span that began in the longest lookback, oldest first: of many books few moved."""
        self._began_at: list[Micros] = []
        """When these spans began."""
        self._begins = 0
        """How many spans ever began here."""
        self._known_since = at
        """Spans that began before are not in `_began` any more."""

    def fair(self, span: Span) -> Fair | str:
        """Return the fair price of what `span` offered, or the reason why there is none. Computed once."""
        found = span._fair
        if found is None:
            assert span.offer is not None, "an absent book has no fair price"
            found = span._fair = fair_quotes(self.key.market, self.sport, span.offer.quotes, self.pricing)
        return found

    def present(self) -> Iterator[BookLine]:
        """Yield the books that offer something now."""
        return (line for line in self.lines.values() if line.now is not None)

    def priced(self) -> Sequence[Priced]:
        """Return the books that have a fair price now, by operator and book; what it finds is computed once."""
        if self._unpriced:
            self._priced = self._priced.copy()  # a detector may keep the one before
            if not all([self._is_repriced(line) for line in self._unpriced]):
                self._priced = [priced for line in self.lines.values() if (priced := line._priced) is not None]
                for place, priced in enumerate(self._priced):
                    priced.line._place = place
            self._unpriced.clear()
        return self._priced

    def _is_repriced(self, line: BookLine) -> bool:
        """Put the present price of `line` in the place of its last one; False where there is none to put or to take."""
        before, span = line._priced, line.now
        fair = None if span is None else self.fair(span)
        if span is None or type(fair) is not Fair:
            line._priced = None
            return before is None
        priced = line._priced = _new(Priced, (line, span, fair))
        if before is None:
            return False
        self._priced[line._place] = priced
        return True

    def baseline(self, window: Micros, lane: str | None = None) -> Micros | None:
        """Return the earliest observation of a lane in the `window` that ends now; of the newest one's lane by default.

        None where there are fewer than two: then nothing can be said about a move. No rule needs a cadence.
        """
        return self._baseline(self.observed.get(self.lane if lane is None else lane, ()), window)

    def _baseline(self, seen: Sequence[Micros], window: Micros) -> Micros | None:
        start = bisect_left(seen, self.observed_at - window)
        return seen[start] if start < len(seen) - 1 else None

    def starts(self, window: Micros) -> Mapping[str, Micros | None]:
        """Return every lane's baseline in the `window` that ends now."""
        starts = self._starts.get(window)
        if starts is None:
            starts = self._starts[window] = {lane: self._baseline(seen, window) for lane, seen in self.observed.items()}
        return starts

    def moves(self, window: Micros, least: float | None = None) -> Sequence[Move]:
        """Return the books that offer something else now than at their baseline, present at both without a gap.

        With `least` only those with a shift of at least that, of the compared value or of the posted line: nearly
        always nobody moved that far, and that costs no look at each move.
        """
        if self.changed_at <= self.observed_at - window:
            return []
        starts = self.starts(window)
        sight = self._newest
        if sight is None or sight.version != self.version or sight.starts != starts:  # rules often share a baseline
            sight = self._sights.get(window)
            if sight is None:
                sight = self._sights[window] = _Sight(self)
            sight.look(starts)
            self._newest = sight
        return sight.all() if least is None else sight.far(least)

    def observe(self, lane: str, at: Micros, horizon: Micros) -> None:
        """Note an observation, and drop those before `horizon`. Only the board does this."""
        # The last observation's horizon: a window may have started there, and what its start passes is asked for.
        self._known_since = self.observed_at - (at - horizon)
        if self._began_at and self._began_at[0] < self._known_since:
            gone = bisect_left(self._began_at, self._known_since)
            del self._began_at[:gone], self._began[:gone]
        self.lane, self.observed_at = lane, at
        self._starts.clear()
        seen = self.observed.setdefault(lane, [])
        if not seen or at > seen[-1]:  # two answers of one instant are one observation
            seen.append(at)
        if seen[0] < horizon:
            del seen[: bisect_left(seen, horizon)]

    def admit(self, line: BookLine) -> None:
        """Let a book's line into `lines`, in its place. Only the board does this."""
        lines = [*self.lines.values(), line]
        self.lines = {each.book: each for each in sorted(lines, key=lambda each: (each.operator, each.book))}
        for rank, each in enumerate(self.lines.values()):
            each._rank = rank
        self._sights.clear()
        self._newest = None

    def _begun(self, line: BookLine) -> None:
        self._begins += 1
        self._began.append(line)
        self._began_at.append(line.spans[-1].since)
        self._unpriced[line] = None


class _Sight:
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
            move, size = _UNMOVED if start is None else line._moved(start)
            lost = sizes[rank]
            by_rank[rank], sizes[rank] = move, size
            if size >= largest:
                largest = size
            elif lost == largest:
                largest = max(sizes)
        self._largest = largest
        self._all = None


class Tick:
    """What one observation did to one event, and the event as it stands: all that a detector may know."""

    __slots__ = ("at", "event", "in_play", "markets", "news", "observation", "records", "state")

    def __init__(self, observation: str, at: Micros, event: Event, markets: list[Market]) -> None:
        self.observation = observation
        """The observation's id."""
        self.at = at
        """When the observation was received. It is the only clock a detector has."""
        self.event = event
        self.in_play = event.commence_at <= at
        self.markets = markets
        """The markets that the observation covers; a market outside its scope is not judged."""
        self.records: dict[str, dict[MarketKey, Record]] = {}
        """What earlier detectors of the pipeline recorded at this observation, by kind and market."""
        self.state: Any = None
        """What this detector remembered about this event (its `State`), or None at first."""
        self.news: Mapping[str, Told] = _NO_NEWS
        """In `annotate`, the newest news of the event's sport by topic, of those that the detector `hears`."""

    @property
    def minutes_to_start(self) -> float:
        """Minutes from the observation to the announced start; negative in play."""
        return (self.event.commence_at - self.at) / MINUTE

    def record(self, kind: str, key: MarketKey) -> Any:
        """Return the record of that kind and market, or None."""
        return self.records.get(kind, {}).get(key)

    def of_kind(self, kind: str) -> Mapping[MarketKey, Record]:
        """Return all records of a kind, by market."""
        return self.records.get(kind, {})
