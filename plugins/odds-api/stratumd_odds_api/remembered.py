"""What is remembered of earlier answers: what did not change is not read again. No result depends on it."""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

import msgspec

from stratumd.plugin import SECOND, Event, Micros, Offer, parse_iso
from stratumd_odds_api.outcomes import Reading, sides_of
from stratumd_odds_api.wire import Fixture, Stamp, WireBook, WireMarket, one_copy

_KEY = attrgetter("key")
KEEP_MARKETS = 8192
"""Markets of one event that are remembered."""
KEEP_TIMES = 16384

_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


class Times(dict[Stamp, Micros | None]):
    """When each stamp is, or None where it is no time; each is read once."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: Micros = 0
        """The latest time that was ever read."""

    def __missing__(self, stamp: Stamp) -> Micros | None:
        if len(self) >= KEEP_TIMES:
            self.clear()
        self[stamp] = at = _read_time(stamp)
        self.latest = max(self.latest, at or 0)
        return at


class KnownMarket:
    """The last outcomes of one market at one book, as bytes and as read."""

    __slots__ = ("issues", "offer", "offers", "outcomes", "readable", "turn")

    def __init__(self, outcomes: msgspec.Raw, reading: Reading, last: KnownMarket | None) -> None:
        self.outcomes = outcomes
        self.offers, self.issues, self.readable = reading
        if last is not None and last.offers:  # other bytes may say the same: then the old objects stay
            self.offers = _same(self.offers, last.offers)
        self.offer = self.offers[0] if len(self.offers) == 1 and not self.issues else None
        """The only offer of a market without flaws, which nearly every market has."""
        self.turn = 0


class KnownBook:
    """One book of one event, and its markets as last read."""

    __slots__ = ("key", "markets", "turn")

    def __init__(self, key: str) -> None:
        self.key = key
        self.markets: dict[str, KnownMarket] = {}
        self.turn = 0


class Listed(NamedTuple):
    """What an event's books listed last, one after the other, where nothing was wrong with any of it."""

    books: list[str]
    sizes: list[int]
    """How many markets each book has."""
    names: list[str]
    """Of the markets."""
    shelves: list[KnownBook]
    """Each market's."""
    outcomes: list[msgspec.Raw]
    offers: list[Offer]
    """Each market's only one."""

    def is_of(self, books: list[WireBook], wires: list[WireMarket]) -> bool:
        """Say whether the same books list the same markets in the same order."""
        return (
            len(wires) == len(self.names)
            and [book.key for book in books] == self.books
            and [len(book.markets) for book in books] == self.sizes
            and [*map(_KEY, wires)] == self.names
        )


class KnownEvent:
    """One event as last seen."""

    __slots__ = ("american", "books", "event", "listed", "seen", "sides", "size", "turn")

    def __init__(self, event: Event, american: bool) -> None:
        self.event = event
        self.american = american
        self.sides = sides_of(event.home, event.away)
        self.books: dict[str, KnownBook] = {}
        self.listed: Listed | None = None
        """None where there was more to say of it."""
        self.size = 0
        self.seen: Micros = 0
        self.turn = 0

    def fits(self, fixture: Fixture, american: bool) -> bool:
        """Say whether what is remembered would be read the same way again."""
        event = self.event
        return (
            event.home == (fixture.home_team or "")
            and event.away == (fixture.away_team or "")
            and event.sport == fixture.sport_key
            and self.american == american
            and self.size < KEEP_MARKETS
        )


def listed_last(books: list[WireBook], known: KnownEvent) -> Listed | None:
    """Return what to compare the next answer with; None where a market is more than one offer."""
    shelves = [known.books[book.key] for book in books for _ in book.markets]
    names = [one_copy(wire.key) for book in books for wire in book.markets]
    markets = [shelf.markets[name] for shelf, name in zip(shelves, names, strict=True)]
    offers = [market.offer for market in markets if market.offer is not None]
    if len(offers) < len(markets):
        return None
    keys, sizes = [one_copy(book.key) for book in books], [len(book.markets) for book in books]
    return Listed(keys, sizes, names, shelves, [market.outcomes for market in markets], offers)


def _read_time(stamp: Stamp) -> Micros | None:
    if isinstance(stamp, int):
        return stamp * SECOND if 0 <= stamp <= _LAST_SECOND else None
    try:
        return None if stamp is None else parse_iso(stamp)
    except (ValueError, OverflowError):
        return None


def _same(offers: tuple[Offer, ...], last: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """Put the old objects in the place of equal new ones."""
    if len(offers) == 1 == len(last):
        return last if offers == last else offers
    equal = {offer: offer for offer in last}
    return tuple([equal.get(offer, offer) for offer in offers])
