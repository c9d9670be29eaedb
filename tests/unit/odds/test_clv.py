"""Closing-line value: money, logarithm, points, and lines that moved."""

import json
from math import inf, isclose, log, nan
from statistics import StatisticsError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import (
    PriceError,
    american_to_decimal,
    closing_probability,
    closing_value,
    clv_ev,
    clv_log,
    clv_points,
    devig,
    implied,
    translate_spread,
    translate_total_over,
    translate_total_under,
)
from tests.support import shared

ONE_SIGMA = 0.8413447460685429  # Φ(1)

chances = st.floats(0.05, 0.95)
lines = st.integers(-60, 60).map(lambda n: n / 2)
sigmas = st.floats(5, 20)


def test_a_price_is_worth_what_the_close_says() -> None:
    assert isclose(clv_ev(2.1, 0.5), 0.05)
    assert isclose(clv_log(2.1, 0.5), log(1.05))
    assert clv_ev(2.0, 0.5) == clv_log(2.0, 0.5) == 0.0


@pytest.mark.parametrize(
    ("outcome", "taken", "close", "points"),
    [
        ("home", -3.5, -5.0, 1.5),  # gave fewer points than at the close
        ("away", 3.5, 5.0, -1.5),  # got fewer
        ("away", 1.0, -0.5, 1.5),  # through the pick'em
        ("over", 219.5, 221.5, 2.0),
        ("under", 219.5, 221.5, -2.0),
    ],
)
def test_points_are_the_bettors(outcome: str, taken: float, close: float, points: float) -> None:
    assert clv_points(outcome, taken, close) == points


@pytest.mark.parametrize("outcome", ["draw", "Home", "yes", ""])
def test_nobody_else_wins_points(outcome: str) -> None:
    with pytest.raises(ValueError, match="home, away, over or under"):
        clv_points(outcome, 1.0, 2.0)


def test_the_closing_probability_is_carried_to_the_line_taken() -> None:
    """A σ better than the closing line at 50 % wins with Φ(1), on every side."""
    assert closing_probability("home", 0.5, -14.5, -3.5, 11.0) == pytest.approx(ONE_SIGMA)
    assert closing_probability("over", 0.5, 220.0, 204.0, 16.0) == pytest.approx(ONE_SIGMA)
    assert closing_probability("under", 0.5, 220.0, 236.0, 16.0) == pytest.approx(ONE_SIGMA)
    assert closing_probability("away", 0.5, 14.5, 3.5, 11.0) == pytest.approx(1 - ONE_SIGMA)


@given(chances, lines, lines, sigmas)
def test_it_is_the_margin_models_translation(p: float, close: float, taken: float, sigma: float) -> None:
    for outcome in ("home", "away"):
        translated = translate_spread(p, close, taken, sigma)
        assert closing_probability(outcome, p, close, taken, sigma) == pytest.approx(translated, abs=1e-12)
    over, under = translate_total_over(p, close, taken, sigma), translate_total_under(p, close, taken, sigma)
    assert closing_probability("over", p, close, taken, sigma) == pytest.approx(over, abs=1e-12)
    assert closing_probability("under", p, close, taken, sigma) == pytest.approx(under, abs=1e-12)


def test_at_the_same_line_no_model_is_needed_and_nothing_is_rounded() -> None:
    assert closing_probability("home", 0.123456789, -1.5, -1.5, None) == 0.123456789
    assert closing_probability("draw", 0.3, None, None, None) == 0.3
    assert closing_probability("home", 0.3, 0.0, -0.0, None) == 0.3  # a pick'em, from either side


@pytest.mark.parametrize(
    ("close", "taken", "sigma"), [(-1.5, 1.5, None), (None, 1.5, 11.0), (1.5, None, 11.0)], ids=str
)
def test_lines_that_cannot_be_compared_have_no_value(
    close: float | None, taken: float | None, sigma: float | None
) -> None:
    """A run line that flips is no move of three points: without a margin model nothing is said."""
    assert closing_probability("home", 0.5, close, taken, sigma) is None
    assert closing_value("home", 2.0, 0.5, taken=taken, close=close, sigma=sigma) is None


def test_a_whole_value_by_hand() -> None:
    value = closing_value("home", 1.5, 0.5, taken=-3.5, close=-14.5, sigma=11.0)
    assert value is not None
    assert value == pytest.approx((ONE_SIGMA, 1.5 * ONE_SIGMA - 1, log(1.5 * ONE_SIGMA), 11.0))
    assert value.beat_close


def test_a_moneyline_has_no_points_and_a_line_that_stood_has_none_to_its_credit() -> None:
    moneyline = closing_value("home", 2.1, 0.5)
    stood = closing_value("home", 2.1, 0.5, taken=0.0, close=0.0, sigma=11.0)
    assert moneyline is not None
    assert stood is not None
    assert moneyline.points is None
    assert stood.points == 0.0
    assert moneyline[:3] == stood[:3]


def test_the_fair_price_itself_does_not_beat_the_close() -> None:
    value = closing_value("home", 2.0, 0.5)
    assert value is not None
    assert not value.beat_close


@given(st.floats(1.05, 15.0), chances, lines, lines, sigmas)
def test_the_logarithm_is_that_of_the_value(p: float, chance: float, close: float, taken: float, sigma: float) -> None:
    value = closing_value("over", p, chance, taken=taken, close=close, sigma=sigma)
    assert value is not None
    if value.probability > 1e-9:
        assert isclose(value.log, log(1.0 + value.ev), rel_tol=1e-6, abs_tol=1e-9)
    assert value.beat_close == (value.ev > 0.0)


@given(chances, lines, st.floats(0.5, 10), sigmas, st.sampled_from(["home", "away", "over", "under"]))
def test_a_better_line_is_worth_more(p: float, close: float, gain: float, sigma: float, outcome: str) -> None:
    better = close - gain if outcome == "over" else close + gain
    carried = closing_probability(outcome, p, close, better, sigma)
    assert carried is not None
    assert carried > p
    assert clv_points(outcome, better, close) > 0.0


@pytest.mark.parametrize("price", [1.0, 0.0, inf, nan])
def test_what_is_no_price_is_refused(price: float) -> None:
    with pytest.raises(PriceError):
        clv_ev(price, 0.5)
    with pytest.raises(PriceError):
        clv_log(price, 0.5)


def test_certainty_at_another_line_is_refused() -> None:
    with pytest.raises(StatisticsError):
        closing_probability("home", 1.0, -3.5, -4.5, 11.0)
    with pytest.raises(ValueError):
        clv_log(2.0, 0.0)


def test_reference_values() -> None:
    """30 bets on moneylines, spreads and totals, put together from American prices at the close."""
    reference = json.loads(shared("vectors/clv.json").read_text())
    tolerance = reference["tolerance_abs"]
    assert {vector["market"] for vector in reference["vectors"]} == {"h2h", "spreads", "totals"}
    for vector in reference["vectors"]:
        pair = american_to_decimal(vector["close_price_side"]), american_to_decimal(vector["close_price_other"])
        close, price = devig(pair).probabilities[0], american_to_decimal(vector["taken_price"])
        value = closing_value(
            vector.get("side", "home"),
            price,
            close,
            taken=vector.get("taken_line"),
            close=vector.get("close_line"),
            sigma=vector["sigma"],
        )
        assert value is not None, vector["id"]
        got = {
            "close_p_side": close,
            "p_close_at_taken_line": value.probability,
            "clv_ev": value.ev,
            "clv_log": value.log,
            "clv_prob_points": value.probability - implied(price),
        }
        expected = {name: vector[name] for name in got}
        assert got == pytest.approx(expected, abs=tolerance, rel=0), vector["id"]
        assert value.beat_close == vector["beat_close"], vector["id"]
        assert value.points == vector.get("points_clv"), vector["id"]
