"""The margin model: fair lines, other lines, pushes."""

import json
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import (
    MARGIN_MODELS,
    MarginModel,
    cover_probability,
    expected_value,
    fair_spread,
    fair_total,
    margin_model,
    model_for,
    outcome_probabilities,
    over_probability,
    push_probability,
    translate_spread,
    translate_total_over,
    translate_total_under,
)
from tests.support import shared

ONE_SIGMA = 0.8413447460685429  # Φ(1)

lines = st.integers(-60, 60).map(lambda n: n / 2)
totals = st.integers(60, 500).map(lambda n: n / 2)
chances = st.floats(0.05, 0.95)
sigmas = st.floats(5, 20)


def test_even_prices_make_the_posted_line_fair() -> None:
    assert fair_spread(0.5, -3.5, 11.2) == -3.5
    assert fair_total(0.5, 221.5, 16.1) == 221.5


def test_a_juiced_favourite_is_worth_a_larger_line() -> None:
    """A home −3.5 that covers with Φ(1) is one σ better than its line; an over so priced is one σ higher."""
    assert isclose(fair_spread(ONE_SIGMA, -3.5, 11.0), -14.5)
    assert isclose(fair_total(ONE_SIGMA, 220.0, 16.0), 236.0)


def test_points_given_and_points_got() -> None:
    assert isclose(cover_probability(-3.5, -3.5 + 11.0, 11.0), ONE_SIGMA)
    assert isclose(over_probability(220.0, 204.0, 16.0), ONE_SIGMA)
    assert isclose(translate_spread(0.5, -3.5, 7.5, 11.0), ONE_SIGMA)
    assert isclose(translate_total_over(0.5, 220.0, 204.0, 16.0), ONE_SIGMA)
    assert isclose(translate_total_under(0.5, 220.0, 236.0, 16.0), ONE_SIGMA)


@given(chances, lines, lines, sigmas)
def test_a_fair_line_remembers_the_price_at_every_line(p: float, line: float, other: float, sigma: float) -> None:
    fair = fair_spread(p, line, sigma)
    assert isclose(cover_probability(fair, line, sigma), p, abs_tol=1e-9)
    assert isclose(cover_probability(fair, other, sigma), translate_spread(p, line, other, sigma), abs_tol=1e-9)


@given(chances, lines, lines, sigmas)
def test_both_sides_of_a_spread_agree_at_another_line(p: float, line: float, other: float, sigma: float) -> None:
    home = translate_spread(p, line, other, sigma)
    away = translate_spread(1 - p, -line, -other, sigma)
    assert isclose(home + away, 1.0, abs_tol=1e-9)


@given(chances, totals, totals, sigmas)
def test_over_and_under_agree_at_another_line(p: float, line: float, other: float, sigma: float) -> None:
    over = translate_total_over(p, line, other, sigma)
    assert isclose(over + translate_total_under(1 - p, line, other, sigma), 1.0, abs_tol=1e-9)
    assert isclose(over, over_probability(fair_total(p, line, sigma), other, sigma), abs_tol=1e-9)


@given(st.floats(-15, 15), lines, sigmas, st.booleans())
def test_a_bet_wins_pushes_or_loses(mu: float, line: float, sigma: float, no_tie: bool) -> None:
    settled = outcome_probabilities(mu, line, sigma, no_tie=no_tie)
    assert isclose(sum(settled), 1.0, abs_tol=1e-12)
    assert all(p >= -1e-15 for p in settled)
    other = outcome_probabilities(-mu, -line, sigma, no_tie=no_tie)
    assert settled == pytest.approx(other[::-1], abs=1e-12)


def test_half_points_cannot_push_and_a_tie_can_be_ruled_out() -> None:
    assert outcome_probabilities(3.0, -2.5, 11.2).push == 0.0
    assert outcome_probabilities(0.0, 0.0, 11.2).push == push_probability(0.0, 0, 11.2) > 0.03
    assert outcome_probabilities(0.0, 0.0, 11.2, no_tie=True) == pytest.approx((0.5, 0.0, 0.5))


def test_quarter_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="whole or half points"):
        outcome_probabilities(0.0, -0.25, 11.2)


@pytest.mark.parametrize(
    ("market", "sigma"),
    [
        ("spreads", "spread"),
        ("alternate_spreads", "spread"),
        ("totals", "total"),
        ("alternate_totals", "total"),
    ],
)
def test_whole_game_lines_of_a_modelled_sport_have_a_model(market: str, sigma: str) -> None:
    model = model_for("basketball_nba", market)
    assert model is not None
    assert getattr(model, f"{sigma}_sigma") == {"spread": 11.2, "total": 16.1}[sigma]


@pytest.mark.parametrize(
    "market",
    ["h2h", "spreads_h1", "totals_q1", "alternate_spreads_h1", "team_totals", "player_points", "spreads_lay"],
)
def test_a_whole_games_sigma_is_never_used_for_a_part_of_it(market: str) -> None:
    assert model_for("basketball_nba", market) is None
    assert model_for("basketball_nba", market, MARGIN_MODELS) is None


@pytest.mark.parametrize("sport", ["baseball_mlb", "icehockey_nhl", "soccer_epl", "basketball_nba_summer_league"])
def test_sports_without_a_measured_or_stated_sigma_have_no_model(sport: str) -> None:
    assert margin_model(sport) is None
    assert model_for(sport, "spreads") is None


def test_a_model_given_comes_before_the_built_in_one() -> None:
    mine = MarginModel(9.0, 12.0, True, "mine")
    assert model_for("basketball_nba", "spreads", {"basketball_nba": mine}) is mine
    assert model_for("basketball_nbl", "totals", {"basketball_nbl": mine}) is mine
    assert model_for("basketball_nba", "spreads", {"basketball_nbl": mine}) is MARGIN_MODELS["basketball_nba"]


def test_the_built_in_models_say_which_of_them_are_assumed() -> None:
    measured = {sport for sport, model in MARGIN_MODELS.items() if not model.assumed}
    assert measured == {"basketball_nba", "americanfootball_nfl"}
    assert all(model.source for model in MARGIN_MODELS.values())


def test_reference_values() -> None:
    """40 lines by closed form and brute force: continuous, discrete, with and without ties."""
    reference = json.loads(shared("vectors/spread_model.json").read_text())
    for vector in reference["vectors"]:
        mu, line, sigma = vector["mu"], vector["line"], vector["sigma"]

        def close(got: float, expected: float, of: str = vector["id"]) -> None:
            assert got == pytest.approx(expected, abs=reference["tolerance_abs"], rel=0), of

        close(cover_probability(-mu, line, sigma), vector["cover_continuous"])
        close(over_probability(mu, -line, sigma), vector["cover_continuous"])
        win, push, lose = outcome_probabilities(mu, line, sigma, no_tie=vector["no_tie"])
        close(win, vector["win"])
        close(push, vector["push"])
        close(lose, vector["lose"])
        price = vector["decimal_price"]
        close(expected_value(price, win) + push, vector["ev_per_unit"])
        close(-fair_spread(vector["fair_excl_push"], line, sigma), vector["mu_from_fair_continuous"])
