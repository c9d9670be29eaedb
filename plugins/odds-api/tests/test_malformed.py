"""Malformed parts: each costs only itself, is named, and is not taken for absence."""

import json
from typing import Any

import msgspec
import pytest

from stratumd.plugin import Place, Snapshot
from stratumd_odds_api import normalizer as reading
from stratumd_odds_api.normalizer import MOST_BOOKS
from stratumd_odds_api.wire import REFUSED
from tests.support.odds_api import (
    EVENT,
    EVENTS,
    MONEYLINE,
    SPREAD,
    TOTAL,
    Row,
    answer,
    book,
    event,
    fresh,
    market,
    outcome,
    read,
)


def kept(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(offer.book, offer.market) for listing in snapshot.listings for offer, _ in listing.offers]


def rules(snapshot: Snapshot) -> list[str]:
    return [issue.rule for issue in snapshot.issues]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"nonsense",
        b"{}",
        b"null",
        b"\xef\xbb\xbf[]",
        b"[] []",
        b"[" * 100_000,
        "[]".encode("utf-16"),
        b"\xff",
    ],
)
def test_what_is_no_list_of_events_says_nothing(body: bytes) -> None:
    found = read(body)
    assert (found.scope, found.listings, rules(found)) == (None, [], ["malformed_body"])


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b"[{}]"])
def test_one_event_must_be_one_object(body: bytes) -> None:
    found = read(body, path=f"/v4/sports/basketball_nba/events/{EVENT}/odds")
    assert (found.listings, found.complete, rules(found)) == ([], False, ["malformed_event"])


BROKEN_EVENTS: list[Any] = [
    None,
    [],
    7,
    {},
    {"id": EVENT},
    {**event(), "id": 5},
    {**event(), "id": ""},
    {**event(), "id": "a\u0000b"},
    {**event(), "sport_key": None},
    {**event(), "commence_time": "soon"},
    {**event(), "commence_time": "2026-01-10T20:00:00"},
    {**event(), "commence_time": -1},
    {**event(), "commence_time": 10**30},
    {**event(), "home_team": 4},
    {**event(), "away_team": "x" * 300},
]


@pytest.mark.parametrize("broken", BROKEN_EVENTS)
def test_an_event_that_cannot_be_named_costs_only_itself(broken: Any) -> None:
    """But then no event is concluded to be gone."""
    sound = event(book("fanduel", MONEYLINE), id="b" * 32)
    found = read([broken, sound])
    assert [listing.event.id for listing in found.listings] == ["b" * 32]
    assert rules(found) == ["malformed_event"]
    assert not found.complete


@pytest.mark.parametrize("books", [None, 5, "x", {}])
def test_an_event_without_readable_bookmakers_is_unreadable(books: Any) -> None:
    found = read([{**event(), "bookmakers": books}])
    assert found.listings[0].unreadable == (Place(),)
    assert rules(found) == ["malformed_event"]
    assert found.complete


BROKEN_BOOKS: list[tuple[Any, Place]] = [
    (None, Place()),
    ({"title": "FanDuel", "markets": []}, Place()),
    ({"key": 5, "markets": []}, Place()),
    ({"key": "", "markets": []}, Place()),
    ({"key": "fanduel"}, Place("fanduel")),
    ({"key": "fanduel", "markets": None}, Place("fanduel")),
    ({"key": "fanduel", "markets": [None]}, Place("fanduel")),
    ({"key": "fanduel", "markets": [{"key": "h2h"}]}, Place("fanduel", "h2h")),
    ({"key": "fanduel", "markets": [{"key": "h2h", "outcomes": [], "last_update": []}]}, Place("fanduel", "h2h")),
    ({"key": "fanduel", "markets": [{"key": "\n", "outcomes": []}]}, Place("fanduel")),
]


@pytest.mark.parametrize(("broken", "place"), BROKEN_BOOKS)
def test_a_broken_book_costs_only_itself(broken: Any, place: Place) -> None:
    found = read([event(broken, book("betmgm", SPREAD))])
    assert kept(found) == [("betmgm", "spreads")]
    assert found.listings[0].unreadable == (place,)
    assert len(found.issues) == 1
    assert found.complete


def test_a_malformed_last_update_costs_only_the_time() -> None:
    found = read([event({"key": "fanduel", "last_update": ["x"], "markets": [{**TOTAL, "last_update": "never"}]})])
    assert [at for _, at in found.listings[0].offers] == [None]


BROKEN_OUTCOMES: list[tuple[Any, str]] = [
    (outcome("Utah Jazz", -50), "price_range"),
    (outcome("Utah Jazz", 0), "price_range"),
    (outcome("Utah Jazz", 99), "price_range"),
    (outcome("Utah Jazz", 1e300), "price_range"),
    (outcome("Utah Jazz", -1e300), "price_range"),
    (outcome("Utah Jazz", 10**30), "price_range"),
    (outcome("Utah Jazz", 110, 1e9), "line_range"),
    (outcome("Utah Jazz", "110"), "malformed_market"),
    (outcome("Utah Jazz", None), "malformed_market"),
    (outcome("Utah Jazz", True), "malformed_market"),
    (outcome(None, 110), "malformed_market"),
    (outcome("", 110), "malformed_market"),
    (outcome("Utah\x00Jazz", 110), "malformed_market"),
    (outcome("Utah Jazz", 110, "three"), "malformed_market"),
    (outcome("Utah Jazz", 110, description="\x1b[2J"), "malformed_market"),
    (None, "malformed_market"),
]


@pytest.mark.parametrize(("broken", "rule"), BROKEN_OUTCOMES)
def test_a_broken_outcome_costs_its_market(broken: Any, rule: str) -> None:
    broken_market = market("h2h", outcome("Boston Celtics", -150), broken)
    found = read([event(book("fanduel", broken_market, SPREAD))])
    assert kept(found) == [("fanduel", "spreads")]
    assert found.listings[0].unreadable == (Place("fanduel", "h2h"),)
    assert [(issue.rule, issue.book, issue.market) for issue in found.issues] == [(rule, "fanduel", "h2h")]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" + "0" * 5000, "0x10", "01"])
def test_a_number_that_is_none_never_gets_through(number: str) -> None:
    """Some break the JSON as a whole, some only their market; none becomes a price."""
    body = json.dumps([event(book("fanduel", MONEYLINE))]).replace("130", number).encode()
    found = read(body)
    assert kept(found) == []
    assert found.issues
    assert found.scope is None or found.listings[0].unreadable


def test_decimal_prices_have_a_range_too() -> None:
    for price in (1.0, 0.5, -3, 1e6):
        bad = market("h2h", outcome("Boston Celtics", 2.0), outcome("Utah Jazz", price))
        assert rules(read([event(book("fanduel", bad))], oddsFormat="decimal")) == ["price_range"]


def test_a_key_given_twice_in_an_outcome_is_refused() -> None:
    """Readers of JSON silently take the last; which price was meant, nobody knows."""
    body = json.dumps([event(book("fanduel", MONEYLINE))]).replace('"price": 130', '"price": 130, "price": 900')
    found = read(body.encode())
    assert rules(found) == ["duplicate_key"]
    assert kept(found) == []


def test_a_name_that_looks_like_a_key_is_no_duplicate() -> None:
    odd = market("outrights", outcome("price", 150), outcome("name", 150))
    assert rules(read([event(book("fanduel", odd))])) == []


def test_an_event_that_comes_twice_counts_once() -> None:
    found = read([event(book("fanduel", MONEYLINE)), event(book("fanduel", SPREAD))])
    assert (kept(found), rules(found)) == ([("fanduel", "h2h")], ["duplicate_event"])


def test_a_book_that_comes_twice_counts_once() -> None:
    found = read([event(book("fanduel", MONEYLINE), book("fanduel", SPREAD))])
    assert (kept(found), rules(found)) == ([("fanduel", "h2h")], ["duplicate_book"])


def test_a_market_that_comes_twice_counts_once() -> None:
    other = market("h2h", outcome("Boston Celtics", -900), outcome("Utah Jazz", 700))
    found = read([event(book("fanduel", MONEYLINE, other))])
    assert rules(found) == ["duplicate_market"]
    assert [quote.price for quote in found.listings[0].offers[0][0].quotes] == [2.3, 1 + 100 / 150]


def test_an_outcome_that_comes_twice_at_one_line_counts_once() -> None:
    twice = market("totals", outcome("Over", -105, 236.5), outcome("Over", 120, 236.5), outcome("Under", -115, 236.5))
    found = read([event(book("fanduel", twice))])
    assert rules(found) == ["duplicate_outcome"]
    assert [quote.outcome for quote in found.listings[0].offers[0][0].quotes] == ["over", "under"]


def test_teams_of_one_name_have_no_sides() -> None:
    same = market("h2h", outcome("Utah Jazz", -110), outcome("Boston Celtics", -110))
    found = read([event(book("fanduel", same), home_team="Utah Jazz", away_team="Utah Jazz")])
    assert rules(found) == ["unknown_outcome"]


def test_endless_issues_are_summed_up() -> None:
    broken: list[Row] = [book("fanduel", MONEYLINE)] * (reading.MOST_ISSUES + 50)
    found = read([event(*broken)])
    assert len(found.issues) == reading.MOST_ISSUES + 1
    assert found.issues[-1].rule == "more_issues"


def test_a_sound_answer_after_a_broken_one_is_read_as_ever() -> None:
    normalizer = fresh()
    normalizer.normalize(answer(b'[{"id": "'))
    sound = answer([event(book("fanduel", MONEYLINE))])
    assert normalizer.normalize(sound) == fresh().normalize(sound)


def test_books_without_end_are_left_out() -> None:
    snapshot = read([event(*(book(f"book{number}", MONEYLINE) for number in range(MOST_BOOKS + 5)))])
    (listing,) = snapshot.listings
    assert len(listing.offers) == MOST_BOOKS
    assert Place() in listing.unreadable
    assert [issue.rule for issue in snapshot.issues] == ["too_many_books"]


def test_a_body_that_is_not_strict_json_is_not_read() -> None:
    refused = msgspec.structs.replace(answer(EVENTS), headers={REFUSED: "duplicate_key"}, id="")
    snapshot = fresh().normalize(refused)
    assert (snapshot.scope, snapshot.listings) == (None, [])
    assert [issue.rule for issue in snapshot.issues] == ["refused_body"]
