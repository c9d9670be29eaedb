"""One market of an event: its books, what they ask for now, and who moved in a window."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stratumd.odds import Fair, Kind, Pricing, fair_quotes, is_lay, kind
from stratumd.odds.margin import sigma_for
from stratumd.plugin.lines import BookLine, Move, Priced, Span
from stratumd.plugin.sight import Sight
from stratumd.plugin.times import NEVER, Micros
from stratumd.plugin.values import MarketKey

_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much


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
        self._sights: dict[Micros, Sight] = {}
        """By window, what moved in it when it was last asked for."""
        self._newest: Sight | None = None
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
                sight = self._sights[window] = Sight(self)
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
