"""The board: what every book offers now, and the recent past that detectors asked for.

The board is a function of the observations applied to it. Applying the observations of the longest lookback
again (and, for each thing that is asked for, the newest one before that) gives a board that detectors cannot
tell apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from stratumd.engine.lane import Lane
from stratumd.engine.taking import EventBoard, Settings, Taken, Taking
from stratumd.odds import Pricing
from stratumd.plugin import DAY, Change, Event, Listing, Market, Micros, Offer, Scope, Snapshot, Told


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
    lane: Lane | None = None
    """What the snapshot offers of the event, in columns; None where it does not list it."""


class Board:
    """The present state of all events of a pipeline."""

    def __init__(self, pricing: Pricing, operators: Mapping[str, str], lookback: Micros) -> None:
        self._settings = Settings(pricing, operators, lookback)
        self._events: dict[str, EventBoard] = {}
        self._by_sport: dict[str, dict[str, EventBoard]] = {}
        self._told: dict[tuple[str, str], Told] = {}

    def __len__(self) -> int:
        return len(self._events)

    def __contains__(self, event: str) -> bool:
        return event in self._events

    @property
    def lookback(self) -> Micros:
        """How far back spans and observations are kept."""
        return self._settings.lookback

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

    def held(self, event: str, name: str) -> Collection[int]:
        """Return the `id` of each present offer in a lane of an event."""
        state = self._events.get(event)
        lane = None if state is None else state.lanes.get(name)
        return () if lane is None else {id(line.now.offer) for line in lane.present() if line.now is not None}

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
            state = self._events[event.id] = EventBoard(event, at)
            self._by_sport.setdefault(event.sport, {})[event.id] = state
        state.event = event
        state.observed_at = at
        if scope is None:
            return Update(event, announced, [], [], sum([len(offer.quotes) for offer, _ in listing.offers]))
        taking = Taking(self._settings, state, scope.lane, at)
        taking.take(listing, scope)
        lane, covered = taking.lane, taking.covered(scope)
        return Update(event, announced, covered, taking.changes, lane.quotes, taking.taken, lane)

    def _vanished(self, scope: Scope, listed: set[str], at: Micros) -> Iterator[Update]:
        """Withdraw what was asked for and is not listed at all. Hours of absence are no cancellation."""
        for key, state in self._by_sport.get(scope.sport, {}).items():
            if key in listed or (scope.events is not None and key not in scope.events):
                continue
            if state.lanes.get(scope.lane):
                taking = Taking(self._settings, state, scope.lane, at)
                taking.withdraw_all(scope)
                if taking.changes:
                    state.observed_at = at
                    yield Update(state.event, False, taking.covered(scope), taking.changes, 0)
