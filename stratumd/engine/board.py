"""The board: what every book offers now, and the recent past that detectors asked for.

The board is a function of the observations applied to it. Applying the observations of the longest lookback
again (and, for each thing that is asked for, the newest one before that) gives a board that detectors cannot
tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

import msgspec

from stratumd.odds import Pricing, operator_of
from stratumd.plugin import (
    DAY,
    BookLine,
    Change,
    Event,
    Listing,
    Market,
    MarketKey,
    Micros,
    Offer,
    Offered,
    Place,
    Quote,
    Scope,
    Snapshot,
    Span,
    Told,
)
from stratumd.plugin.times import NEVER

_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much
_LAST_UPDATE = itemgetter(1)
_Cell = tuple[str, str, str | None]
_NONE: Mapping[int, Span] = {}


class Taken(NamedTuple):
    """An offer that a snapshot brought: the first of its book, or another than before."""

    line: BookLine
    before: Offer | None
    last_update: Micros | None
    """The book's own word on the offer before."""


class Update(msgspec.Struct):
    """What one snapshot did to one event."""

    event: Event
    announced: bool
    """The event is new, or its start or its teams are announced differently now."""
    markets: list[Market]
    """The markets that the snapshot covers and that have, or just lost, an offer."""
    changes: list[Change]
    quotes: int
    """Quotes that the snapshot held of the event."""
    taken: list[Taken] = []
    """The offers that are new or have changed."""


class _EventBoard:
    """One event's markets."""

    __slots__ = ("event", "lanes", "lines", "markets", "observed_at", "sizes", "updated_since")

    def __init__(self, event: Event, at: Micros) -> None:
        self.event = event
        self.observed_at = at
        self.markets: dict[MarketKey, Market] = {}
        self.lines: dict[_Cell, BookLine] = {}
        self.lanes: dict[str, dict[int, Span]] = {}
        """By lane and `id` of the offer: the present spans last seen in that lane. They hold their offers, so that an
        id cannot become another offer's."""
        self.sizes: dict[str, int] = {}
        """By lane, how many quotes these spans offer."""
        self.updated_since: dict[str, Micros] = {}
        """By lane, what `Market.updated_since` says of all its offers."""


class Board:
    """The present state of all events of a pipeline."""

    def __init__(self, pricing: Pricing, operators: Mapping[str, str], lookback: Micros) -> None:
        self._pricing = pricing
        self._operators = operators
        self.lookback = lookback
        """How far back spans and observations are kept."""
        self._events: dict[str, _EventBoard] = {}
        self._by_sport: dict[str, dict[str, _EventBoard]] = {}
        self._told: dict[tuple[str, str], Told] = {}

    def __len__(self) -> int:
        return len(self._events)

    def __contains__(self, event: str) -> bool:
        return event in self._events

    def apply(self, snapshot: Snapshot, at: Micros) -> list[Update]:
        """Take `snapshot`, received at `at`, into the board and return what it did, event by event."""
        updates = [self._apply_listing(listing, snapshot.scope, at) for listing in snapshot.listings]
        if snapshot.scope is not None and snapshot.complete:
            listed = {listing.event.id for listing in snapshot.listings}
            updates += self._vanished(snapshot.scope, listed, at)
        for news in snapshot.news:
            self._told[news.sport, news.topic] = Told(at, news)
        return updates

    def told(self, sport: str, topics: Sequence[str], since: Micros) -> dict[str, Told]:
        """Return the newest news of a sport by topic, where it was received at `since` or later."""
        found = {topic: self._told.get((sport, topic)) for topic in topics}
        return {topic: told for topic, told in found.items() if told is not None and told.at >= since}

    def held(self, event: str, lane: str) -> Mapping[int, Span]:
        """Return the present spans of a lane of an event, by the `id` of their offers."""
        state = self._events.get(event)
        return _NONE if state is None else state.lanes.get(lane, _NONE)

    def offer(self, event: str, like: Offer) -> Offer | None:
        """Return what the board holds of the same book, market and player as `like`."""
        state = self._events.get(event)
        line = None if state is None else state.lines.get((like.book, like.market, like.player))
        return None if line is None or line.now is None else line.now.offer

    def offers(self, sport: str, book: str) -> bool:
        """Say whether a book offers anything at present on a sport."""
        states = self._by_sport.get(sport, {}).values()
        markets = (market for state in states for market in state.markets.values())
        return any((line := market.lines.get(book)) is not None and line.now is not None for market in markets)

    def forget(self, at: Micros) -> list[str]:
        """Drop the events that nobody has offered anything on for a day; return their ids."""
        kept_since = at - max(DAY, self.lookback)
        gone = [
            key
            for key, state in self._events.items()
            if state.observed_at < kept_since and not any(state.lanes.values())
        ]
        for key in gone:
            state = self._events.pop(key)
            self._by_sport[state.event.sport].pop(key, None)
        return gone

    def _apply_listing(self, listing: Listing, scope: Scope | None, at: Micros) -> Update:
        event = listing.event
        state = self._events.get(event.id)
        announced = state is None or state.event != event
        if state is None:
            state = self._events[event.id] = _EventBoard(event, at)
            self._by_sport.setdefault(event.sport, {})[event.id] = state
        state.event = event
        state.observed_at = at
        if scope is None:
            return Update(event, announced, [], [], _quotes(listing))
        taking = _Taking(self, state, scope.lane, at)
        taking.confirm(listing.offers)
        taking.withdraw_missing(listing, scope)
        taking.note_updates(listing.offers)
        return Update(event, announced, taking.covered(scope), taking.changes, taking.quotes(listing), taking.taken)

    def _vanished(self, scope: Scope, listed: set[str], at: Micros) -> Iterator[Update]:
        """Withdraw what was asked for and is not listed at all. Hours of absence are no cancellation."""
        for key, state in self._by_sport.get(scope.sport, {}).items():
            if key in listed or (scope.events is not None and key not in scope.events):
                continue
            if state.lanes.get(scope.lane):
                taking = _Taking(self, state, scope.lane, at)
                taking.withdraw_all(scope)
                if taking.changes:
                    state.observed_at = at
                    yield Update(state.event, False, taking.covered(scope), taking.changes, 0)

    def new_line(self, state: _EventBoard, offer: Offer, lane: str, at: Micros) -> BookLine:
        """Return the line of a book that offers something in a market for the first time."""
        key = MarketKey(offer.market, offer.player)
        market = state.markets.get(key)
        if market is None:
            market = state.markets[key] = Market(key, state.event.sport, self._pricing, at)
        line = BookLine(offer.book, operator_of(offer.book, self._operators), market, lane)
        market.admit(line)
        return line


class _Taking:
    """One listing being taken into one event's board."""

    __slots__ = ("_at", "_board", "_horizon", "_index", "_lane", "_state", "_touched", "changes", "taken")

    def __init__(self, board: Board, state: _EventBoard, lane: str, at: Micros) -> None:
        self._board = board
        self._state = state
        self._lane = lane
        self._index = state.lanes.setdefault(lane, {})
        self._at = at
        self._horizon = at - board.lookback
        self._touched: set[Market] = set()
        self.changes: list[Change] = []
        self.taken: list[Taken] = []

    def confirm(self, offers: list[Offered]) -> None:
        """Confirm what did not change and take what did. The hottest loop there is: every quote of every poll."""
        at = self._at
        known = self._index.get
        for offer, last_update in offers:
            span = known(id(offer))
            if span is None:
                self._take(offer, last_update)
            else:
                span.confirmed = at
                span.last_update = last_update

    def quotes(self, listing: Listing) -> int:
        """Count the listing's quotes; without a look at each where the board holds nothing else in this lane."""
        if len(self._index) == len(listing.offers):
            return self._state.sizes.get(self._lane, 0)
        return _quotes(listing)

    def withdraw_missing(self, listing: Listing, scope: Scope) -> None:
        """Conclude which offers of this lane are gone: asked for, not malformed, not there."""
        if len(self._index) == len(listing.offers):
            return
        seen = {id(offer) for offer, _ in listing.offers}
        missing = [span for key, span in self._index.items() if key not in seen]
        self._withdraw(missing, scope, listing.unreadable)

    def withdraw_all(self, scope: Scope) -> None:
        """Conclude that the whole event is gone from this lane."""
        self._withdraw(list(self._index.values()), scope, ())

    def note_updates(self, offers: list[Offered]) -> None:
        """Note since when all books of this lane have confirmed their offers: one look for all that ask of each."""
        if not self._index:
            self._state.updated_since.pop(self._lane, None)
            return
        since = _updated_since(offers, self._at)
        if len(self._index) != len(offers):  # what could not be read stands as it was confirmed before
            since = min(since, self._state.updated_since.get(self._lane, NEVER))
        self._state.updated_since[self._lane] = since

    def covered(self, scope: Scope) -> list[Market]:
        """Note the observation in every market it covers; return those that have an offer or just lost their last."""
        markets = []
        updated_since = min(self._state.updated_since.values(), default=NEVER)
        for key, market in self._state.markets.items():
            if scope.markets is not None and key.market not in scope.markets:
                continue
            if market.offering:
                market.observe(self._lane, self._at, self._horizon)
                market.updated_since = updated_since
                markets.append(market)
            elif market in self._touched:
                markets.append(market)
        return markets

    def _take(self, offer: Offer, last_update: Micros | None) -> None:
        line = self._line(offer)
        span = line.now
        held = None if span is None else span.offer
        if held is not None:
            self._drop(line.lane, held)
        if line.lane != self._lane:  # its moves are measured by another lane's observations now
            line.lane = self._lane
            line.market.version += 1
        if span is not None and held is not None and held.quotes == offer.quotes:
            span.offer, span.confirmed, span.last_update = offer, self._at, last_update
        else:
            if held is None:
                self._appear(line.market)
            self.taken.append(_new(Taken, (line, held, None if span is None else span.last_update)))
            span = Span(offer, self._at, last_update)
            self.changes += _changes(self._state.event.id, held, offer, last_update)
            self._begin(line, span)
        self._index[id(offer)] = span
        self._resize(self._lane, len(offer.quotes))

    def _drop(self, lane: str, offer: Offer) -> None:
        if self._state.lanes[lane].pop(id(offer), None) is not None:
            self._resize(lane, -len(offer.quotes))

    def _resize(self, lane: str, quotes: int) -> None:
        sizes = self._state.sizes
        sizes[lane] = sizes.get(lane, 0) + quotes

    def _line(self, offer: Offer) -> BookLine:
        cell = (offer.book, offer.market, offer.player)
        line = self._state.lines.get(cell)
        if line is None:
            line = self._state.lines[cell] = self._board.new_line(self._state, offer, self._lane, self._at)
        return line

    def _appear(self, market: Market) -> None:
        if market.offering == 0:
            market.first_seen = self._at
        market.offering += 1

    def _withdraw(self, spans: list[Span], scope: Scope, unreadable: tuple[Place, ...]) -> None:
        for span in spans:
            offer = span.offer
            assert offer is not None, "the index holds only spans that offer something"
            if _concluded(offer, scope, unreadable):
                line = self._line(offer)
                self._drop(self._lane, offer)
                line.market.offering -= 1
                self.changes += _changes(self._state.event.id, offer, None, None)
                self._begin(line, Span(None, self._at, None))

    def _begin(self, line: BookLine, span: Span) -> None:
        line.begin(span, self._horizon)
        market = line.market
        market.version += 1
        market.changed_at = self._at
        self._touched.add(market)


def _updated_since(offers: list[Offered], at: Micros) -> Micros:
    """Return the earliest `last_update`; of a book that gives none, the observation's own time."""
    try:
        earliest: Micros | None = min(map(_LAST_UPDATE, offers), default=at)
    except TypeError:  # there is no saying whether None is earlier
        return min([at if updated is None else updated for _, updated in offers])
    return at if earliest is None else earliest


def _quotes(listing: Listing) -> int:
    return sum([len(offer.quotes) for offer, _ in listing.offers])


def _concluded(offer: Offer, scope: Scope, unreadable: tuple[Place, ...]) -> bool:
    """Say whether a missing offer is gone: its market was asked for, and its place was not malformed."""
    book, market = offer.book, offer.market
    if scope.markets is not None and market not in scope.markets:
        return False
    return not any(place.book in (None, book) and place.market in (None, market) for place in unreadable)


def _changes(event: str, before: Offer | None, after: Offer | None, last_update: Micros | None) -> list[Change]:
    """Return each quote that differs between two offers of the same book, market and player."""
    if before is not None and after is not None and _are_same_sides(before.quotes, after.quotes):
        pairs = ((before.quotes[0], after.quotes[0]), (before.quotes[1], after.quotes[1]))
        return [_change(event, after, new.outcome, None, new, last_update) for old, new in pairs if old != new]
    named = after or before
    assert named is not None, "one of the two offers exists"
    old, new = _by_outcome(before), _by_outcome(after)
    found = [_change(event, named, *key, quote, last_update) for key, quote in new.items() if old.get(key) != quote]
    return found + [_change(event, named, *key, None, last_update) for key in old if key not in new]


def _are_same_sides(before: tuple[Quote, ...], after: tuple[Quote, ...]) -> bool:
    """Say whether both are of the same two sides in the same order, as nearly all are: these need no looking up."""
    if len(before) != 2 or len(after) != 2:
        return False
    return before[0].outcome == after[0].outcome != after[1].outcome == before[1].outcome


def _change(
    event: str, offer: Offer, outcome: str, rung: float | None, quote: Quote | None, last_update: Micros | None
) -> Change:
    line, price = (None, None) if quote is None else (quote.line, quote.price)
    return _new(Change, (event, offer.book, offer.market, offer.player, outcome, rung, line, price, last_update))


def _by_outcome(offer: Offer | None) -> dict[tuple[str, float | None], Quote]:
    """Key each quote by its outcome; in a ladder, where one outcome has several lines, by its line too."""
    if offer is None:
        return {}
    plain: dict[tuple[str, float | None], Quote] = {(quote.outcome, None): quote for quote in offer.quotes}
    if len(plain) == len(offer.quotes):
        return plain
    return {(quote.outcome, quote.line): quote for quote in offer.quotes}
