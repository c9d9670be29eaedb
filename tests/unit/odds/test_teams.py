"""Teams: one canonical name, whatever a provider calls it."""

import pytest

from stratumd.odds import NBA_TEAMS, TEAMS, canonical_team, team_of

SPORT = "basketball_nba"


def test_there_are_thirty_teams_and_no_two_share_an_id_a_tricode_or_a_name() -> None:
    for field in ("id", "tricode", "name"):
        assert len({getattr(team, field) for team in NBA_TEAMS}) == 30


def test_no_spelling_means_two_teams() -> None:
    for team in NBA_TEAMS:
        for spelling in (str(team.id), team.tricode, team.name, *team.aliases):
            assert team_of(SPORT, spelling) == team


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("LA Clippers", "Los Angeles Clippers"),
        ("L.A. Lakers", "Los Angeles Lakers"),
        ("portland trail-blazers", "Portland Trail Blazers"),
        ("Trail Blazers", "Portland Trail Blazers"),
        ("76ers", "Philadelphia 76ers"),
        ("  Utah   Jazz ", "Utah Jazz"),
        ("1610612747", "Los Angeles Lakers"),
        ("BKN", "Brooklyn Nets"),
        ("BRK", "Brooklyn Nets"),
    ],
)
def test_other_spellings(said: str, name: str) -> None:
    assert canonical_team(SPORT, said) == name


@pytest.mark.parametrize("said", ["Los Angeles", "LA", "New York", "", "Team LeBron", "0"])
def test_what_means_no_team_for_sure_means_none(said: str) -> None:
    assert team_of(SPORT, said) is None


def test_a_sport_without_a_table_compares_names_without_case_and_marks() -> None:
    assert "soccer_epl" not in TEAMS
    assert canonical_team("soccer_epl", "Brighton & Hove  Albion") == canonical_team(
        "soccer_epl", "brighton hove albion"
    )
    assert canonical_team("soccer_epl", "Åsane") == "åsane"
    assert canonical_team("soccer_epl", "広島") == "広島"
