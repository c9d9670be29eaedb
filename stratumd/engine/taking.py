"""One listing being taken into one event's board: what it confirms, what is new, and what is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from stratumd.engine.lane import Lane
from stratumd.odds import Pricing, operator_of
from stratumd.plugin import (
    BookLine,
    Change,
    Event,
    Listing,
    Market,
    MarketKey,
    Micros,
    Offer,
    Place,
    Quote,
    Scope,
    Span,
)
from stratumd.plugin.times import NEVER

_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much
Cell = tuple[str, str, str | None]
"""A book, a market and a player."""


class Taken(NamedTuple):
    """An offer that a snapshot brought: the first of its book, or another than before."""

    line: BookLine
    before: Offer | None
    last_update: Micros | None
    """The book's own word on the offer before."""


class Settings(NamedTuple):
    """What holds for all events of a board."""

    pricing: Pricing
    operators: Mapping[str, str]
    lookback: Micros
    """How far back spans and observations are kept."""


class EventBoard:
    """One event's markets."""

    __slots__ = ("event", "lanes", "lines", "markets", "observed_at")

    def __init__(self, event: Event, at: Micros) -> None:
        self.event = event
        self.observed_at = at
        self.markets: dict[MarketKey, Market] = {}
        self.lines: dict[Cell, BookLine] = {}
        self.lanes: dict[str, Lane] = {}


class Taking:
    """One listing being taken into one event's board."""

    __slots__ = ("_at", "_horizon", "_name", "_settings", "_state", "_touched", "changes", "lane", "taken")

    def __init__(self, settings: Settings, state: EventBoard, lane: str, at: Micros) -> None:
        self._settings = settings
        self._state = state
        self._name = lane
        self._at = at
        self._horizon = at - settings.lookback
        self._touched: set[Market] = set()
        self.lane = state.lanes.setdefault(lane, Lane())
        self.changes: list[Change] = []
        self.taken: list[Taken] = []

    def take(self, listing: Listing, scope: Scope) -> None:
        """Confirm what did not change, take what did, and conclude what is gone."""
        lane = self.lane
        offers, updated = zip(*listing.offers, strict=True) if listing.offers else ((), ())
        since = _earliest(updated, self._at)
        try:
            places = lane.changed(offers)
            if places is None:
                self._relist(offers, updated, listing.unreadable, scope)
            else:
                for place in places:
                    self._replace(place, offers[place], updated[place])
                if lane.loose:
                    self._withdraw(lane.loose, scope, listing.unreadable)
                    lane.loose = {line: None for line in lane.loose if line.now is not None}
        except BaseException:  # offers that are none: the next answer is held against what stands, not against this one
            lane.scatter(line for line in self._state.lines.values() if line.lane == self._name and line.now)
            lane.updated_since = min(since, lane.updated_since)
            raise
        lane.at, lane.updated = self._at, updated
        lane.updated_since = min(since, lane.updated_since) if lane.loose else since

    def withdraw_all(self, scope: Scope) -> None:
        """Conclude that the whole event is gone from this lane."""
        self._relist((), (), (), scope)
        if not self.lane.loose:
            self.lane.updated_since = NEVER

    def covered(self, scope: Scope) -> list[Market]:
        """Note the observation in every market it covers; return those that have an offer or just lost their last."""
        markets = []
        lanes = self._state.lanes.values()
        updated_since = min([lane.updated_since for lane in lanes if lane.lines or lane.loose], default=NEVER)
        for key, market in self._state.markets.items():
            if scope.markets is not None and key.market not in scope.markets:
                continue
            if market.offering:
                market.observe(self._name, self._at, self._horizon)
                market.updated_since = updated_since
                markets.append(market)
            elif market in self._touched:
                markets.append(market)
        return markets

    def _replace(self, place: int, offer: Offer, last_update: Micros | None) -> None:
        """Take another offer of the same book, market and player as the one in its place before."""
        lane = self.lane
        line, before = lane.lines[place], lane.offers[place]
        assert before is not None, "a place without an offer is listed anew"
        self._offer(line, offer, last_update)
        lane.offers[place] = offer
        lane.quotes += len(offer.quotes) - len(before.quotes)
        assert line.now is not None, "it offers this now"
        line.now.share(lane, place)

    def _relist(
        self,
        offers: Sequence[Offer],
        updated: Sequence[Micros | None],
        unreadable: tuple[Place, ...],
        scope: Scope,
    ) -> None:
        """Go through an answer of other books or markets than the last one, offer by offer."""
        present = self.lane.present()
        held = {id(line.now.offer): line for line in present if line.now is not None}
        lines = []
        for offer, last_update in zip(offers, updated, strict=True):
            line = held.pop(id(offer), None)
            if line is None:
                line = self._line(offer)
                if line.now is not None:
                    held.pop(id(line.now.offer), None)
                self._offer(line, offer, last_update)
            lines.append(line)
        silent = [*held.values()]
        self._withdraw(silent, scope, unreadable)
        self.lane.loose = {line: None for line in silent if line.now is not None}
        self.lane.arrange(offers, lines)

    def _offer(self, line: BookLine, offer: Offer, last_update: Micros | None) -> None:
        """Let a book offer this, instead of what it offered or for the first time."""
        span = line.now
        held = None if span is None else span.offer
        if line.lane != self._name:  # its moves are measured by another lane's observations now
            if held is not None:
                self._state.lanes[line.lane].drop(line)
            line.lane = self._name
            line.market.version += 1
        if span is not None and held is not None and held.quotes == offer.quotes:
            span.offer = offer
            return
        self.changes += _changes(self._state.event.id, held, offer, last_update)
        if held is None:
            self._appear(line.market)
        self.taken.append(_new(Taken, (line, held, None if span is None else span.last_update)))
        self._begin(line, Span(offer, self._at, last_update))

    def _line(self, offer: Offer) -> BookLine:
        cell = (offer.book, offer.market, offer.player)
        line = self._state.lines.get(cell)
        if line is None:
            line = self._state.lines[cell] = self._new_line(offer)
        return line

    def _new_line(self, offer: Offer) -> BookLine:
        """Return the line of a book that offers something in a market for the first time."""
        state, key = self._state, MarketKey(offer.market, offer.player)
        market = state.markets.get(key)
        if market is None:
            market = state.markets[key] = Market(key, state.event.sport, self._settings.pricing, self._at)
        line = BookLine(offer.book, operator_of(offer.book, self._settings.operators), market, self._name)
        market.admit(line)
        return line

    def _appear(self, market: Market) -> None:
        if market.offering == 0:
            market.first_seen = self._at
        market.offering += 1

    def _withdraw(self, lines: Iterable[BookLine], scope: Scope, unreadable: tuple[Place, ...]) -> None:
        """Conclude which of these are gone: asked for, not malformed, not there. The others stay as last confirmed."""
        asked = scope.markets
        for line in lines:
            assert line.now is not None, "a lane holds only what is on offer"
            line.now.settle()
            if asked is not None and line.market.key.market not in asked:
                continue
            offer = line.now.offer
            assert offer is not None, "a present span offers something"
            if not _is_unreadable(offer, unreadable):
                line.market.offering -= 1
                self.changes += _changes(self._state.event.id, offer, None, None)
                self._begin(line, Span(None, self._at, None))

    def _begin(self, line: BookLine, span: Span) -> None:
        if line.now is not None:
            line.now.settle()
        line.begin(span, self._horizon)
        market = line.market
        market.version += 1
        market.changed_at = self._at
        self._touched.add(market)


def _earliest(updated: Sequence[Micros | None], at: Micros) -> Micros:
    """Return the earliest `last_update`; of a book that gives none, the observation's own time."""
    try:
        earliest: Micros | None = min(updated, default=NEVER)  # type: ignore[type-var]  # the except is for None
    except TypeError:  # there is no saying whether None is earlier
        return min([at if each is None else each for each in updated])
    return at if earliest is None else earliest


def _is_unreadable(offer: Offer, unreadable: tuple[Place, ...]) -> bool:
    """Say whether the place of a missing offer was malformed: then nobody knows whether it is gone."""
    return any([place.book in (None, offer.book) and place.market in (None, offer.market) for place in unreadable])


def _changes(event: str, before: Offer | None, after: Offer | None, last_update: Micros | None) -> list[Change]:
    """Return each quote that differs between two offers of the same book, market and player."""
    if before is not None and after is not None and _are_same_sides(before.quotes, after.quotes):
        place = (event, after.book, after.market, after.player)
        return [
            _new(Change, (*place, new.outcome, None, new.line, new.price, last_update))
            for old, new in zip(before.quotes, after.quotes, strict=True)
            if old != new
        ]
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
