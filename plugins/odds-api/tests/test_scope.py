"""What was asked for, and so what absence may mean."""

from stratumd.plugin import Request, Scope
from stratumd_odds_api.asked import lane, read_request
from tests.support.odds_api import EVENT, read


def scope(path: str, **params: str) -> Scope | None:
    asked = read_request(Request(path, params))
    assert asked is not None
    return asked.scope


def test_a_sport_in_a_region() -> None:
    found = scope("/v4/sports/basketball_nba/odds", regions="us", markets="spreads,totals")
    assert found == Scope("basketball_nba", "regions=us", None, frozenset({"spreads", "totals"}))


def test_the_default_market_and_its_lay_side() -> None:
    """Exchanges add h2h_lay to h2h without being asked, so it can also be gone."""
    found = scope("/v4/sports/basketball_nba/odds", regions="us")
    assert found is not None
    assert found.markets == frozenset({"h2h", "h2h_lay"})


def test_one_event() -> None:
    found = scope(f"/v4/sports/basketball_nba/events/{EVENT}/odds", regions="us", markets="player_points")
    assert found == Scope("basketball_nba", "regions=us", frozenset({EVENT}), frozenset({"player_points"}))


def test_some_events_of_a_sport() -> None:
    found = scope("/v4/sports/basketball_nba/odds", regions="us", eventIds=f"{EVENT},b")
    assert found is not None
    assert found.events == frozenset({EVENT, "b"})


def test_the_next_events_of_all_sports_are_of_no_sport_that_an_event_could_be_missing_from() -> None:
    """Their quotes count like any others; that an event is not among the next ones says nothing."""
    found = scope("/v4/sports/upcoming/odds", regions="us")
    assert found == Scope("upcoming", "regions=us", None, frozenset({"h2h", "h2h_lay"}))


def test_a_lane_does_not_depend_on_the_order_and_bookmakers_win() -> None:
    assert lane({"regions": "us2,us"}) == lane({"regions": "us,us2"}) == "regions=us,us2"
    assert lane({"regions": "us", "bookmakers": "fanduel,betmgm"}) == "bookmakers=betmgm,fanduel"


def test_an_event_that_leaves_the_window_asked_for_is_not_gone() -> None:
    assert not read([], commenceTimeFrom="2026-01-10T12:00:00Z").complete


def test_another_event_than_the_one_asked_for_is_left_out() -> None:
    found = read({"id": "other", "sport_key": "x", "commence_time": "2026-01-10T20:00:00Z", "bookmakers": []},
                 path=f"/v4/sports/x/events/{EVENT}/odds")  # fmt: skip
    assert (found.listings, found.complete) == ([], False)
