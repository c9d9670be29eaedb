"""The market is the same again for the same seed, keeps its truth and its books apart, and goes on for days."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros, parse_iso
from stratumd_demo.books import BOOKS, OPERATORS, first_books
from stratumd_demo.fixtures import FIRST_START, MOST_GAMES, PLAYING
from stratumd_demo.labels import Kind
from stratumd_demo.market import Market
from stratumd_demo.wire import odds

OPENED = parse_iso("2026-01-10T12:00:00Z")
SEEDS = st.integers(0, 2**32)


def body_after(market: Market, *steps: Micros) -> str:
    for step in steps:
        market.advance(market.now + step)
    return json.dumps(odds(market))


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_the_same_seed_gives_the_same_market(seed: int) -> None:
    one, other = Market(seed, OPENED, games=2), Market(seed, OPENED, games=2)
    assert body_after(one, 2 * HOUR) == body_after(other, 2 * HOUR)
    assert one.labels == other.labels


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.lists(st.integers(0, 20 * MINUTE), min_size=1, max_size=12))
def test_the_size_of_the_steps_changes_nothing(seed: int, steps: list[Micros]) -> None:
    one, other = Market(seed, OPENED, games=2), Market(seed, OPENED, games=2)
    assert body_after(one, *steps) == body_after(other, sum(steps))
    assert one.labels == other.labels


def test_another_seed_gives_another_market() -> None:
    assert body_after(Market(1, OPENED), HOUR) != body_after(Market(2, OPENED), HOUR)


def test_a_market_that_is_opened_again_has_other_games() -> None:
    first, second = (Market(1, opened) for opened in (OPENED, OPENED + HOUR))
    ids = [{game["id"] for game in odds(market)} for market in (first, second)]
    assert ids[0].isdisjoint(ids[1])
    assert all(len(one) == 32 for game in ids for one in game)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(1, MOST_GAMES), st.integers(0, 3 * DAY), st.integers(0, 3 * DAY))
def test_a_season_goes_on_where_the_market_is_opened_again(seed: int, games: int, first: Micros, later: Micros) -> None:
    """What had not started stands there under the same id, and nothing beside it: no game has a twin."""
    opened, again = OPENED + first, OPENED + first + later
    before, after = (
        {
            (game["id"], game["commence_time"], game["home_team"])
            for game in odds(Market(seed, at, games=games, season=OPENED))
        }
        for at in (opened, again)
    )
    assert len(after) == games
    assert {game for game in before if parse_iso(game[1]) > again} <= after
    assert all(again < parse_iso(start) <= again + 27 * HOUR for _, start, _ in after)
    assert len({id for id, *_ in before | after}) == len(before | after)


def test_a_season_runs_on_into_the_games_that_a_later_opening_finds() -> None:
    market = Market(1, OPENED, games=2, season=OPENED)
    market.advance(OPENED + 3 * DAY)
    again = Market(1, OPENED + 3 * DAY, games=2, season=OPENED)
    coming = {game.fixture.id for game in market.games.values() if not game.live}
    assert coming
    assert coming <= {game.fixture.id for game in again.games.values()}


def test_seasons_of_other_sizes_and_seeds_share_no_game() -> None:
    ids = [
        {game["id"] for game in odds(Market(seed, OPENED, games=games, season=OPENED))}
        for seed, games in ((1, 2), (1, 3), (2, 3))
    ]
    assert len(set().union(*ids)) == 2 + 3 + 3


def test_time_does_not_go_back() -> None:
    market = Market(1, OPENED)
    with pytest.raises(ValueError, match="does not go back"):
        market.advance(OPENED - 1)


@pytest.mark.parametrize(
    "asked", [{"games": 0}, {"games": MOST_GAMES + 1}, {"books": 0}, {"books": BOOKS + 1}, {"pace": 0.0}]
)
def test_what_cannot_be_is_refused(asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="games"):
        Market(1, OPENED, **asked)  # type: ignore[arg-type]  # numbers all


def test_no_team_plays_twice_at_once() -> None:
    market = Market(3, OPENED, games=MOST_GAMES)
    for _ in range(60):
        market.advance(market.now + HOUR)
        teams = [team for game in market.games.values() for team in (game.fixture.home, game.fixture.away)]
        assert len(set(teams)) == len(teams) == 2 * MOST_GAMES


@settings(max_examples=4, deadline=None)
@example(1, 0.5, 3, 5e-324)
@given(SEEDS, st.sampled_from([0.5, 1.0, 30.0]), st.integers(1, BOOKS), st.floats(0, 10))
def test_it_goes_on_for_days_with_as_many_games(seed: int, pace: float, books: int, incidents: float) -> None:
    market = Market(seed, OPENED, games=2, books=books, pace=pace, incidents=incidents)
    for _ in range(48):
        market.advance(market.now + HOUR)
        assert len(odds(market)) == 2


def test_a_game_leaves_the_feed_after_it_was_played() -> None:
    market = Market(5, OPENED, games=1)
    first = market.games[0].fixture.id
    market.advance(OPENED + FIRST_START + PLAYING + 2 * HOUR)
    assert first not in {game["id"] for game in odds(market)}


def test_two_operators_withdraw_when_the_game_starts() -> None:
    market = Market(5, OPENED, games=1, incidents=0.0)
    market.advance(OPENED + FIRST_START + HOUR)
    [game] = odds(market)
    assert market.games[0].live
    assert {"betonlineag", "lowvig", "betus"}.isdisjoint(book["key"] for book in game["bookmakers"])


def test_the_announced_start_is_put_off_until_the_game_is_played() -> None:
    """Over a few games: never is one in play before its announced start, and some start later than first announced."""
    market = Market(5, OPENED, games=6, incidents=0.0)
    late = 0
    for _ in range(12 * 60):
        market.advance(market.now + MINUTE)
        for game in market.games.values():
            assert not game.live or game.announced <= market.now
            late += game.live and game.announced > game.fixture.starts
    assert late > 0


def test_books_that_share_a_desk_share_its_lines() -> None:
    market = Market(5, OPENED, games=4)
    for _ in range(50):
        market.advance(market.now + 7 * MINUTE)
        for game in market.games.values():
            for desk in game.desks:
                for market_key in ("spreads", "totals"):
                    lines = {desk.posted[book.key, market_key].line for book in desk.operator.books}
                    assert len(lines) == 1


def test_a_faster_market_does_the_same_in_less_time() -> None:
    slow, fast = Market(4, OPENED, games=1), Market(4, OPENED, games=1, pace=60.0)
    slow.advance(OPENED + 2 * HOUR)
    fast.advance(OPENED + 2 * MINUTE)
    assert [label.kind for label in fast.labels] == [label.kind for label in slow.labels]
    assert fast.labels[0].at - OPENED == pytest.approx((slow.labels[0].at - OPENED) / 60, abs=SECOND)


def test_a_market_left_alone_has_no_labels() -> None:
    market = Market(5, OPENED, incidents=0.0)
    market.advance(OPENED + 6 * HOUR)
    assert market.labels == []


def test_every_kind_of_incident_happens() -> None:
    market = Market(5, OPENED, games=8)
    market.advance(OPENED + 24 * HOUR)
    assert {label.kind for label in market.labels} == set(Kind)


@pytest.mark.parametrize("count", range(1, BOOKS + 1))
def test_the_first_books_are_as_many_as_asked_for(count: int) -> None:
    assert sum(len(operator.books) for operator in first_books(count)) == count


def test_all_operators_are_known_once() -> None:
    keys = [book.key for operator in OPERATORS for book in operator.books]
    assert len(set(keys)) == len(keys) == BOOKS
