"""The feed looks like the provider's: every body is read without an issue, and keeps the provider's habits."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratumd.plugin import HOUR, MINUTE, SECOND, Observation, Request, parse_iso
from stratumd.testing.clock import VirtualClock
from stratumd.testing.harness import normalizer
from stratumd_demo.desks import Game
from stratumd_demo.labels import Kind
from stratumd_demo.market import Market
from stratumd_demo.wire import SimulatedContent, odds

OPENED = parse_iso("2026-01-10T12:00:00Z")
SEEDS = st.integers(0, 2**32)
REQUEST = Request(
    "/v4/sports/basketball_nba/odds",
    {"regions": "us,us2", "markets": "h2h,spreads,totals", "oddsFormat": "american"},
)
READER = normalizer("odds-api")

Row = dict[str, Any]


def opened(seed: int = 9, hours: float = 1.0, **options: Any) -> Market:
    market = Market(seed, OPENED, **options)
    market.advance(OPENED + round(hours * HOUR))
    return market


def markets_in(body: list[Row]) -> list[tuple[Row, Row, Row]]:
    return [(game, book, one) for game in body for book in game["bookmakers"] for one in book["markets"]]


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(0, 30))
def test_the_normalizer_reads_every_body_without_an_issue(seed: int, hours: float) -> None:
    market = opened(seed, hours)
    body = msgspec.json.encode(odds(market))
    snapshot = READER.normalize(Observation("demo", "odds-api", market.now, REQUEST, 200, body))
    assert snapshot.issues == []
    assert len(snapshot.listings) == len(market.games)
    assert all(listing.offers and not listing.unreadable for listing in snapshot.listings)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(0, 30))
def test_the_feed_keeps_the_provider_s_habits(seed: int, hours: float) -> None:
    """Whole American prices, half points, mirrored spreads, alphabetical order, nothing older than 15 minutes."""
    market = opened(seed, hours)
    for game, book, one in markets_in(odds(market)):
        first, second = one["outcomes"]
        assert all(isinstance(side["price"], int) and abs(side["price"]) >= 100 for side in (first, second))
        assert -100 not in (first["price"], second["price"])
        assert first["name"] < second["name"]
        if one["key"] == "totals":
            assert (first["name"], second["name"]) == ("Over", "Under")
            assert first["point"] == second["point"]
        else:
            assert {first["name"], second["name"]} == {game["home_team"], game["away_team"]}
        if one["key"] == "spreads":
            assert first["point"] == -second["point"]
        if one["key"] != "h2h":
            assert (first["point"] * 2).is_integer()
        assert 0 <= market.now - parse_iso(one["last_update"]) <= 15 * MINUTE + SECOND
        assert one["last_update"] <= book["last_update"]


def test_a_confirmation_moves_without_a_change_and_never_goes_back() -> None:
    market = opened()
    moved_alone = 0
    before: dict[tuple[str, str, str], tuple[str, object]] = {}
    for _ in range(30):
        market.advance(market.now + MINUTE)
        for game, book, one in markets_in(odds(market)):
            place = (game["id"], book["key"], one["key"])
            updated, outcomes = before.get(place, ("", None))
            assert updated <= one["last_update"]
            moved_alone += updated < one["last_update"] and outcomes == one["outcomes"]
            before[place] = (one["last_update"], one["outcomes"])
    assert moved_alone > 1_000


def test_a_silent_book_stops_confirming_and_disappears_after_15_minutes() -> None:
    market = opened(incidents=0.0)
    [game, *_] = market.games.values()
    desk = game.desks[3]
    desk.silent["spreads"] = market.now
    before, shown, gone = (spread_of(market, game, minutes) for minutes in (0, 12, 4))
    assert before is not None
    assert shown is not None
    assert shown["last_update"] == before["last_update"]
    assert gone is None


def spread_of(market: Market, game: Game, minutes: int) -> Row | None:
    """Go on by some minutes and return what the game's fourth operator then shows for the spread."""
    market.advance(market.now + minutes * MINUTE)
    key = game.desks[3].operator.books[0].key
    found = [one for _, book, one in markets_in(odds(market)[:1]) if book["key"] == key and one["key"] == "spreads"]
    return found[0] if found else None


def test_a_withdrawn_market_is_absent_at_once() -> None:
    market = opened(incidents=0.0)
    [game, *_] = market.games.values()
    game.desks[3].withdrawn.add("spreads")
    assert spread_of(market, game, 0) is None


def test_a_moved_start_is_announced_under_the_same_id() -> None:
    ahead = Market(5, OPENED, games=8)
    ahead.advance(OPENED + 24 * HOUR)
    moved = next(label for label in ahead.labels if label.kind is Kind.MOVED_START)
    market = Market(5, OPENED, games=8)
    starts = []
    for at in (moved.at - 1, moved.at):
        market.advance(at)
        starts += [parse_iso(game["commence_time"]) for game in odds(market) if game["id"] == moved.event]
    assert abs(starts[1] - starts[0]) == moved.size * MINUTE


def test_it_serves_what_was_asked_for() -> None:
    market = opened()
    assert {one["key"] for _, _, one in markets_in(odds(market, markets=["totals"]))} == {"totals"}
    assert {book["key"] for _, book, _ in markets_in(odds(market, regions=["us2"]))} == {
        "hardrockbet",
        "espnbet",
        "ballybet",
    }
    asked = ["lowvig", "nobody"]
    assert {book["key"] for _, book, _ in markets_in(odds(market, ["spreads"], ["us2"], asked))} == {"lowvig"}


@pytest.fixture
def content() -> SimulatedContent:
    return SimulatedContent(Market(9, OPENED, games=3), VirtualClock(OPENED + 4 * HOUR))


def test_the_content_is_that_of_the_clock_s_time(content: SimulatedContent) -> None:
    content.odds("basketball_nba", ["h2h"], ["us"], [])
    assert content.market.now == OPENED + 4 * HOUR


def test_other_sports_have_no_games(content: SimulatedContent) -> None:
    assert [sport["key"] for sport in content.sports()] == ["basketball_nba"]
    assert content.events("baseball_mlb") == []
    assert content.odds("baseball_mlb", ["h2h"], ["us"], []) == []


def test_one_game_s_odds_have_no_time_per_book(content: SimulatedContent) -> None:
    event = content.events("basketball_nba")[1]
    game = content.event_odds("basketball_nba", event["id"], ["h2h"], ["us"])
    assert game is not None
    assert game["bookmakers"]
    assert all("last_update" not in book and book["markets"][0]["last_update"] for book in game["bookmakers"])
    assert content.event_odds("basketball_nba", "0" * 32, ["h2h"]) is None


def test_scores_come_with_the_start(content: SimulatedContent) -> None:
    live, scheduled = content.scores("basketball_nba", None)[:2]
    assert [score["name"] for score in live["scores"]] == [live["home_team"], live["away_team"]]
    assert int(live["scores"][0]["score"]) > 0
    assert scheduled["scores"] is None
