"""What stands in a lane, held against the plainest board there is: one that looks at every offer by itself."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from stratumd.engine.board import Board
from stratumd.odds import Pricing
from stratumd.plugin import DAY, HOUR, MINUTE, Event, Listing, Micros, Offer, Place, Quote, Scope, Snapshot

GAME = Event("game", "basketball_nba", "Home", "Away", 10 * DAY)
POOL = {
    (book, market, price): Offer(book, market, (Quote("home", price), Quote("away", 1.9)))
    for book in ("betmgm", "bovada", "fanduel")
    for market in ("h2h", "h2h_q1")
    for price in (1.8, 1.9, 2.0)
}
"""A normalizer gives the same object again for what did not change; others give an equal one."""


class Answer(NamedTuple):
    """One answer about the event."""

    lane: str
    offers: list[tuple[tuple[str, str, float], bool, int | None]]
    """Each from the pool, whether it is that very object, and how many seconds ago the book confirmed it."""
    markets: frozenset[str] | None
    unreadable: tuple[Place, ...]

    def listing(self, at: Micros) -> Listing:
        offers = [
            (POOL[which] if same else Offer(*_parts(POOL[which])), None if age is None else at - age)
            for which, same, age in self.offers
        ]
        return Listing(GAME, offers, self.unreadable)


class Held(NamedTuple):
    """What one book offers in one market, by the plain board."""

    lane: str
    quotes: tuple[Quote, ...]
    since: Micros
    confirmed: Micros
    last_update: Micros | None


class Plain:
    """A board that knows nothing of columns."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Held] = {}

    def apply(self, listing: Listing, scope: Scope, at: Micros) -> list[tuple[str, str, str, float | None]]:
        changed: list[tuple[str, str, str, float | None]] = []
        for offer, last_update in listing.offers:
            place = (offer.book, offer.market)
            before = self.held.get(place)
            old = () if before is None else before.quotes
            changed += [(*place, quote.outcome, quote.price) for quote in offer.quotes if quote not in old]
            since = at if before is None or before.quotes != offer.quotes else before.since
            self.held[place] = Held(scope.lane, offer.quotes, since, at, last_update)
        listed = {(offer.book, offer.market) for offer, _ in listing.offers}
        for place, held in [*self.held.items()]:
            if held.lane != scope.lane or place in listed or (scope.markets and place[1] not in scope.markets):
                continue
            if not any(
                each.book in (None, place[0]) and each.market in (None, place[1]) for each in listing.unreadable
            ):
                changed += [(*place, quote.outcome, None) for quote in held.quotes]
                del self.held[place]
        return changed


def _parts(offer: Offer) -> tuple[str, str, tuple[Quote, ...]]:
    return offer.book, offer.market, tuple([quote._replace() for quote in offer.quotes])


books, markets = st.sampled_from(("betmgm", "bovada", "fanduel")), st.sampled_from(("h2h", "h2h_q1"))
offers = st.tuples(st.sampled_from(sorted(POOL)), st.booleans(), st.sampled_from((None, 5, 90)))


def rounds(offered: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Answer]]:
    """Answers, each of which may come more than once in a row: then nothing but the time of confirmation changes."""
    answers = st.builds(
        Answer,
        st.sampled_from(("us", "us", "eu")),
        offered,
        st.sampled_from((None, None, frozenset({"h2h"}))),
        st.lists(st.builds(Place, st.none() | books, st.none() | markets), max_size=1).map(tuple),
    )
    repeated = st.lists(st.tuples(answers, st.integers(1, 3)), max_size=12)
    return repeated.map(lambda rounds: [answer for answer, often in rounds for _ in range(often)])


@given(rounds(st.lists(offers, max_size=8)))
def test_columns_say_what_a_look_at_every_offer_says(answers: list[Answer]) -> None:
    board, plain, at = Board(Pricing(), {}, HOUR), Plain(), 0
    for answer in answers:
        at += MINUTE
        listing, scope = answer.listing(at), Scope("basketball_nba", answer.lane, markets=answer.markets)
        (update,) = board.apply(Snapshot(scope, [listing], []), at)
        told = [(change.book, change.market, change.outcome, change.price) for change in update.changes]
        assert sorted(told, key=str) == sorted(plain.apply(listing, scope, at), key=str)
        assert update.quotes == 2 * len(listing.offers)
        for market in update.markets:
            for line in market.lines.values():
                held = plain.held.get((line.book, market.key.market))
                assert (held is None) == (line.now is None)
                if held is not None and line.now is not None and line.now.offer is not None:
                    now = line.now
                    found = (line.lane, now.offer.quotes, now.since, now.confirmed, now.last_update)
                    assert found == held
        assert len(board.held("game", answer.lane)) == sum(held.lane == answer.lane for held in plain.held.values())


@given(rounds(st.lists(offers, max_size=6, unique_by=lambda offer: offer[0][:2])))
def test_what_ended_stays_as_it_was_last_confirmed(answers: list[Answer]) -> None:
    board, plain, at = Board(Pricing(), {}, HOUR), Plain(), 0
    ended: dict[tuple[str, str, Micros], tuple[Micros, Micros | None]] = {}
    for answer in answers:
        at += MINUTE
        listing, scope = answer.listing(at), Scope("basketball_nba", answer.lane, markets=answer.markets)
        for place, held in plain.held.items():
            ended[*place, held.since] = (held.confirmed, held.last_update)
        plain.apply(listing, scope, at)
        (update,) = board.apply(Snapshot(scope, [listing], []), at)
        for market in update.markets:
            for line in market.lines.values():
                for span in line.spans[:-1]:
                    key = (line.book, market.key.market, span.since)
                    if span.offer is not None and key in ended:
                        assert (span.confirmed, span.last_update) == ended[key]
