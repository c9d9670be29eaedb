"""What the NBA's scoreboards say."""

import json
from typing import Any

import pytest

from stratumd.odds import NBA_TEAMS
from stratumd.plugin import HOUR, Observation, Phase, PluginConfig, Request, Snapshot, parse_iso
from stratumd.testing.nba import nba_game
from stratumd_nba_scores import NbaScoresNormalizer

TIP = parse_iso("2026-01-10T00:30:00Z")


def read(*games: Any, status: int = 200) -> Snapshot:
    body = json.dumps({"scoreboard": {"gameDate": "2026-01-09", "games": list(games)}}).encode()
    return NbaScoresNormalizer(PluginConfig()).normalize(
        Observation("scores", "nba-scores", TIP, Request("/x"), status, body)
    )


def test_a_game_is_read_by_the_ids_of_its_teams() -> None:
    """The file calls the Clippers' city LA."""
    (result,) = read(nba_game("LAC", "Phoenix Suns", TIP, id="0022500001", status=2, score=(10, 12))).results
    assert (result.home, result.away) == ("Los Angeles Clippers", "Phoenix Suns")
    assert (result.home_score, result.away_score, result.phase) == (10, 12, Phase.LIVE)
    assert (result.game, result.sport, result.clock) == ("0022500001", "basketball_nba", "Q2 07:15")


@pytest.mark.parametrize("team", NBA_TEAMS, ids=lambda team: team.tricode)
def test_every_team_has_its_canonical_name(team: Any) -> None:
    other = "BOS" if team.tricode != "BOS" else "NYK"
    (result,) = read(nba_game(team.name, other, TIP)).results
    assert result.home == team.name


def test_the_start_is_read_from_the_field_that_is_right() -> None:
    """`gameEt` gives New York's time and calls it UTC."""
    assert read(nba_game("BOS", "NYK", TIP)).results[0].commence_at == TIP


@pytest.mark.parametrize(
    ("status", "text", "phase"),
    [
        (1, "7:30 pm ET", Phase.SCHEDULED),
        (1, "TBD", Phase.SCHEDULED),
        (1, "PPD", Phase.POSTPONED),
        (1, "Postponed", Phase.POSTPONED),
        (1, "Cancelled", Phase.CANCELLED),
        (2, "Halftime", Phase.LIVE),
        (3, "Final/OT2", Phase.FINAL),
    ],
)
def test_status_and_text_tell_the_phase(status: int, text: str, phase: Phase) -> None:
    assert read(nba_game("BOS", "NYK", TIP, status=status, text=text)).results[0].phase is phase


def test_before_the_game_there_is_no_score() -> None:
    """The file says 0 to 0."""
    result = read(nba_game("BOS", "NYK", TIP)).results[0]
    assert (result.home_score, result.away_score) == (None, None)


@pytest.mark.parametrize(
    ("id", "sport"),
    [
        ("0012500001", "basketball_nba_preseason"),
        ("0022500171", "basketball_nba"),
        ("0032500001", "basketball_nba_all_stars"),
        ("0042200163", "basketball_nba"),
        ("0052500101", "basketball_nba"),
    ],
)
def test_the_games_id_tells_the_sport(id: str, sport: str) -> None:
    assert read(nba_game("BOS", "NYK", TIP, id=id)).results[0].sport == sport


def test_a_game_that_comes_twice_counts_once() -> None:
    twice = nba_game("BOS", "NYK", TIP, id="1")
    assert len(read(twice, twice, nba_game("UTA", "MIA", TIP + HOUR, id="2")).results) == 2


@pytest.mark.parametrize(
    "change",
    [{"gameTimeUTC": "soon"}, {"gameId": ""}, {"gameStatus": "3"}, {"homeTeam": None}, {"homeTeam": {"teamId": 0}}],
)
def test_a_malformed_game_costs_only_itself(change: dict[str, Any]) -> None:
    snapshot = read({**nba_game("BOS", "NYK", TIP, id="1"), **change}, nba_game("UTA", "MIA", TIP, id="2"))
    assert [result.game for result in snapshot.results] == ["2"]
    assert [issue.rule for issue in snapshot.issues] == ["malformed_score"]


def test_no_games_are_no_results_and_an_error_page_says_nothing() -> None:
    assert read() == Snapshot(None, [], [])
    assert read(nba_game("BOS", "NYK", TIP), status=403) == Snapshot(None, [], [])
