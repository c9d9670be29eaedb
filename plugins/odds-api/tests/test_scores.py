"""The provider's `/scores`."""

import pytest

from stratumd.plugin import Phase, Snapshot
from tests.support.odds_api import EVENT, Row, read

PATH = "/v4/sports/basketball_nba/scores"


def game(**more: object) -> Row:
    """Return Boston at Utah, whose scores come in any order."""
    return {
        "id": EVENT,
        "sport_key": "basketball_nba",
        "sport_title": "NBA",
        "commence_time": "2026-01-10T20:00:00Z",
        "completed": True,
        "home_team": "Utah Jazz",
        "away_team": "Boston Celtics",
        "scores": [{"name": "Boston Celtics", "score": "99"}, {"name": "Utah Jazz", "score": "101"}],
        "last_update": "2026-01-11T00:17:16Z",
        **more,
    }


def scores(*games: object) -> Snapshot:
    return read(list(games), path=PATH)


def test_a_score_is_read_by_the_name_of_the_team() -> None:
    (result,) = scores(game()).results
    assert (result.home_score, result.away_score, result.phase) == (101, 99, Phase.FINAL)
    assert result.game == result.event == EVENT


def test_nothing_is_concluded_from_what_is_missing() -> None:
    assert scores() == Snapshot(None, [], [])
    assert scores(game()).scope is None
    assert scores(game()).listings == []


@pytest.mark.parametrize(
    ("more", "phase"),
    [
        ({"completed": False}, Phase.LIVE),
        ({"completed": False, "scores": None}, Phase.SCHEDULED),
        ({"scores": None}, Phase.FINAL),
    ],
)
def test_phases(more: Row, phase: Phase) -> None:
    assert scores(game(**more)).results[0].phase is phase


@pytest.mark.parametrize("score", ["", "-1", "1e3", "12.5", "١٢", "99999999999", 3.5, None])
def test_a_score_that_is_none_is_left_out_and_reported(score: object) -> None:
    sides = [{"name": "Boston Celtics", "score": "99"}, {"name": "Utah Jazz", "score": score}]
    snapshot = scores(game(scores=sides), game(id="b" * 32))
    assert [each.rule for each in snapshot.issues] == ["malformed_score"]
    assert snapshot.results[-1].home_score == 101
    assert all(each.home_score is None for each in snapshot.results[:-1])


@pytest.mark.parametrize(
    "more",
    [{"id": 7}, {"id": ""}, {"commence_time": "soon"}, {"home_team": None}, {"completed": "yes"}, {"scores": {}}],
)
def test_a_malformed_game_costs_only_itself(more: Row) -> None:
    snapshot = scores(game(**more), game(id="b" * 32))
    assert [each.game for each in snapshot.results] == ["b" * 32]
    assert [each.rule for each in snapshot.issues] == ["malformed_score"]


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[{", b"\xff", b"[" * 2000])
def test_a_body_that_is_none_says_nothing(body: bytes) -> None:
    snapshot = read(body, path=PATH)
    assert snapshot.results == []
    assert [each.rule for each in snapshot.issues] == ["malformed_body"]
