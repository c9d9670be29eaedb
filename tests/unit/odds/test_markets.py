"""Market keys, books and operators."""

import pytest

from stratumd.odds import OPERATORS, Kind, is_lay, kind, operator_of

KINDS = {
    Kind.MONEYLINE: "h2h h2h_q1 h2h_h2 h2h_3_way h2h_3_way_h1 h2h_1st_5_innings h2h_lay draw_no_bet to_qualify",
    Kind.SPREAD: "spreads spreads_q4 spreads_p1 alternate_spreads alternate_spreads_h1",
    Kind.TOTAL: "totals totals_h1 alternate_totals alternate_totals_q1 team_totals team_totals_h2 "
    "alternate_team_totals player_points player_points_rebounds_assists player_points_alternate "
    "player_threes player_points_q1 player_fantasy_points batter_hits pitcher_strikeouts",
    Kind.OTHER: "btts outrights outrights_lay double_chance player_double_double player_triple_double "
    "player_first_basket player_first_team_basket player_method_of_first_basket player_anytime_td "
    "pitcher_record_a_win basketball_nba_championship_winner spreadsheet h2hs totalsy",
}


@pytest.mark.parametrize(("market", "family"), [(m, k) for k, keys in KINDS.items() for m in keys.split()])
def test_the_family_of_a_market_is_read_from_its_key(market: str, family: Kind) -> None:
    assert kind(market) is family


def test_lay_markets_are_known_by_their_suffix() -> None:
    assert [m for m in ("h2h", "h2h_lay", "outrights_lay", "layups", "player_lay_q1") if is_lay(m)] == [
        "h2h_lay",
        "outrights_lay",
    ]


def test_books_of_one_operator_share_its_key() -> None:
    assert operator_of("lowvig") == operator_of("betonlineag") == "betonlineag"
    assert operator_of("hardrockbet_az") == operator_of("hardrockbet_oh") == "hardrockbet"
    assert operator_of("draftkings") == "draftkings"


def test_overrides_add_to_a_group_and_take_out_of_one() -> None:
    assert operator_of("mine", {"mine": "theirs"}) == "theirs"
    assert operator_of("lowvig", {"lowvig": "lowvig"}) == "lowvig"
    assert operator_of("lowvig", {"mine": "theirs"}) == "betonlineag"


def test_no_operator_belongs_to_another() -> None:
    """One look-up is enough for every book."""
    assert not set(OPERATORS.values()) & OPERATORS.keys()
