"""The Odds API's answers as snapshots. What did not change is not read again: it is the very same offer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress, count
from operator import attrgetter, ne
from typing import Any

import msgspec

from stratumd.plugin import (
    HOUR,
    MINUTE,
    Event,
    Issue,
    Listing,
    Micros,
    Normalizer,
    Observation,
    Offered,
    Place,
    Severity,
    Snapshot,
)
from stratumd_odds_api.asked import Asked, read_request
from stratumd_odds_api.outcomes import Asking, read_outcomes
from stratumd_odds_api.remembered import KnownBook, KnownEvent, KnownMarket, Times, listed_last
from stratumd_odds_api.scores import is_scores, read_scores
from stratumd_odds_api.wire import REFUSED, Fixture, WireBook, WireMarket, is_name, one_copy, read_body

EARLY = 5 * MINUTE
"""How far a `last_update` may lie ahead of the clock before it is reported; a few seconds are usual."""
MOST_BOOKS = 500
"""Bookmakers of one event that are read; all that the provider knows are about a hundred."""
MOST_ISSUES = 200
"""Issues of one observation that are reported one by one."""

# What is remembered of earlier answers. No result depends on it.
KEEP_FOR = 6 * HOUR
KEEP_EVENTS = 4096

_OUTCOMES, _LAST_UPDATE = attrgetter("outcomes"), attrgetter("last_update")


class OddsApiNormalizer(Normalizer):
    """Reads `/odds`, `/events/{id}/odds`, `/events` and their historical forms, and `/scores`."""

    name = "odds-api"

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._known: dict[str, KnownEvent] = {}  # least recently seen first
        self._times = Times()
        self._turn = 0

    def normalize(self, observation: Observation) -> Snapshot:
        """Return what `observation` says; whatever the bytes are, this does not raise."""
        if observation.status == 200 and is_scores(observation.request):
            return read_scores(observation)
        asked = read_request(observation.request)
        if observation.status != 200 or asked is None:
            return Snapshot(None, [], [])
        refused = observation.headers.get(REFUSED)
        if refused is not None:
            return Snapshot(
                None, [], [Issue("refused_body", f"the answer is not strict JSON: {refused}", Severity.ERROR)]
            )
        body = read_body(observation.body, enveloped=asked.enveloped, one=asked.event is not None)
        if body is None:
            return Snapshot(None, [], [Issue("malformed_body", "the answer is no JSON of its kind", Severity.ERROR)])
        self._turn += 1
        issues, complete, listings = body.issues, body.complete and not asked.windowed, []
        for position, fixture in enumerate(body.fixtures):
            known = self._know(fixture, asked, observation.received_at, issues)
            if known is None:
                complete = False
            elif known.turn == self._turn:
                issues.append(Issue("duplicate_event", _TWICE, event=fixture.id))
            else:
                unreadable = body.unreadable.get(position, [])
                listings.append(self._list(fixture, known, asked.priced, unreadable, issues))
        self._forget(observation.received_at)
        return Snapshot(asked.scope, listings, _bounded(issues), complete)

    def _know(self, fixture: Fixture, asked: Asked, at: Micros, issues: list[Issue]) -> KnownEvent | None:
        """Return what is remembered of the event, brought up to date, or None where it cannot be an event."""
        start = self._times[fixture.commence_time]
        known = self._known.get(fixture.id)
        if known is not None and known.turn == self._turn:
            return known
        if start is None or (asked.event is not None and asked.event != fixture.id):
            detail = "is not the event asked for" if start is not None else "has no readable commence_time"
            issues.append(Issue("malformed_event", detail, event=fixture.id))
            return None
        if known is None or not known.fits(fixture, asked.american):
            event = _event(fixture, start)
            if event is None:
                issues.append(Issue("malformed_event", "its id, sport or teams are no names"))
                return None
            known = KnownEvent(event, asked.american)
        elif known.event.commence_at != start:
            known.event = msgspec.structs.replace(known.event, commence_at=start)
        self._known.pop(fixture.id, None)
        self._known[fixture.id] = known
        known.seen = at
        return known

    def _list(
        self, fixture: Fixture, known: KnownEvent, priced: bool, unreadable: list[Place], issues: list[Issue]
    ) -> Listing:
        known.turn = self._turn
        if fixture.bookmakers is None:
            if priced:
                issues.append(Issue("malformed_event", "has no readable bookmakers", event=fixture.id))
            return Listing(known.event, [], (Place(),) if priced else ())
        offered = None if unreadable else self._read_listed(fixture.bookmakers, known, issues)
        if offered is None:
            offered = self._read_books(fixture.bookmakers, known, unreadable, issues)
        if self._times.latest > known.seen + EARLY:  # nearly always no book is ahead of the clock
            issues.extend(_early(offered, known))
        return Listing(known.event, offered, tuple(unreadable))

    def _read_listed(self, books: list[WireBook], known: KnownEvent, issues: list[Issue]) -> list[Offered] | None:
        """Return what is offered where the books list the very markets that they listed last, as they mostly do.

        All is compared in a few passes over columns, for it is all quotes of all polls, and what is remembered of each
        lies far apart in memory. None where there is more to say; what was read is not read again then.
        """
        listed = known.listed
        wires = [wire for book in books for wire in book.markets]
        if listed is None or not listed.is_of(books, wires):
            return None
        for place in [*compress(count(), map(ne, map(_OUTCOMES, wires), listed.outcomes))]:
            market = self._read_market(wires[place], listed.shelves[place], known, [], issues)
            if market is None or market.offer is None:
                return None
            listed.outcomes[place], listed.offers[place] = market.outcomes, market.offer
        stamps = [*map(_LAST_UPDATE, wires)]
        if not all(stamps):
            stamps = [wire.last_update or book.last_update for book in books for wire in book.markets]
        return list(zip(listed.offers, map(self._times.__getitem__, stamps), strict=True))

    def _read_books(
        self, books: list[WireBook], known: KnownEvent, unreadable: list[Place], issues: list[Issue]
    ) -> list[Offered]:
        """Return what is offered, book by book and market by market; `known` remembers it where nothing was wrong."""
        offered: list[Offered] = []
        flaws = len(issues)
        for book in books[:MOST_BOOKS]:
            shelf = known.books.get(book.key)
            if shelf is None:
                if not is_name(book.key):
                    issues.append(Issue("malformed_book", "its key is no name", event=known.event.id))
                    unreadable.append(Place())
                    continue
                key = one_copy(book.key)
                shelf = known.books[key] = KnownBook(key)
            if shelf.turn == self._turn:
                issues.append(Issue("duplicate_book", _TWICE, event=known.event.id, book=book.key))
                continue
            shelf.turn = self._turn
            self._read_book(book, shelf, known, offered, unreadable, issues)
        if len(books) > MOST_BOOKS:
            issues.append(Issue("too_many_books", f"more than {MOST_BOOKS} are left out", event=known.event.id))
            unreadable.append(Place())
        known.listed = listed_last(books, known) if not unreadable and len(issues) == flaws else None
        return offered

    def _read_book(
        self,
        book: WireBook,
        shelf: KnownBook,
        known: KnownEvent,
        offered: list[Offered],
        unreadable: list[Place],
        issues: list[Issue],
    ) -> None:
        turn, times, known_market = self._turn, self._times, shelf.markets.get
        for wire in book.markets:
            market = known_market(wire.key)
            if market is None or market.turn == turn or market.outcomes != wire.outcomes:
                market = self._read_market(wire, shelf, known, unreadable, issues)
                if market is None:
                    continue
            market.turn = turn
            at = times[wire.last_update or book.last_update]
            if market.offer is not None:
                offered.append((market.offer, at))
                continue
            offered.extend([(offer, at) for offer in market.offers])
            if not market.readable:
                unreadable.append(Place(book.key, wire.key))
            issues.extend(market.issues)

    def _read_market(
        self,
        wire: WireMarket,
        shelf: KnownBook,
        known: KnownEvent,
        unreadable: list[Place],
        issues: list[Issue],
    ) -> KnownMarket | None:
        """Read a market that is new or has changed, or return None where it cannot count."""
        event, book, last = known.event.id, shelf.key, shelf.markets.get(wire.key)
        if last is None:
            if not is_name(wire.key):
                issues.append(Issue("malformed_market", "its key is no name", event=event, book=book))
                unreadable.append(Place(book))
                return None
            known.size += 1
        elif last.turn == self._turn:
            issues.append(Issue("duplicate_market", _TWICE, event=event, book=book, market=wire.key))
            return None
        key = one_copy(wire.key)
        reading = read_outcomes(wire.outcomes, Asking(event, book, key, known.sides, known.american))
        market = shelf.markets[key] = KnownMarket(wire.outcomes.copy(), reading, last)
        return market

    def _forget(self, now: Micros) -> None:
        """Drop the events that were not seen lately; the oldest come first."""
        known = self._known
        while known:
            oldest = next(iter(known))
            if len(known) <= KEEP_EVENTS and known[oldest].seen >= now - KEEP_FOR:
                return
            del known[oldest]


_TWICE = "comes twice; the first counts"


def _event(fixture: Fixture, start: Micros) -> Event | None:
    names = (fixture.id, fixture.sport_key, *filter(None, (fixture.home_team, fixture.away_team)))
    if not all(map(is_name, names)):
        return None
    return Event(fixture.id, fixture.sport_key, fixture.home_team or "", fixture.away_team or "", start)


def _early(offered: list[Offered], known: KnownEvent) -> Iterator[Issue]:
    """Yield an issue where books confirm offers in the future: their clock is wrong, or ours."""
    limit = known.seen + EARLY
    early = sorted({offer.book for offer, at in offered if at is not None and at > limit})
    if early:
        detail = f"last_update lies more than 5 minutes ahead: {', '.join(early)}"
        yield Issue("future_timestamp", detail, event=known.event.id)


def _bounded(issues: list[Issue]) -> list[Issue]:
    if len(issues) <= MOST_ISSUES:
        return issues
    more = len(issues) - MOST_ISSUES
    return [
        *issues[:MOST_ISSUES],
        Issue("more_issues", f"{more} more issues are not listed", Severity.WARNING),
    ]
