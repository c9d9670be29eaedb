"""Kelly with pushes, and the growth it is for."""

import json
from math import exp, inf, isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import PriceError, expected_value, growth_kept, growth_rate, kelly, kelly_stake
from tests.support import shared

prices = st.floats(1.05, 15.0)
chances = st.tuples(st.floats(0.02, 0.9), st.floats(0.0, 0.09))  # win and push
shares = st.floats(0.0, 1.0)


def test_by_hand() -> None:
    """At even money the stake is the edge; a tenth of pushes leaves (0.5 − 0.4) / 0.9 of it."""
    assert isclose(kelly(2.0, 0.55), 0.10)
    assert isclose(kelly(2.0, 0.5, 0.1), 0.1 / 0.9)
    assert isclose(kelly(3.0, 0.25), -0.125)  # (0.25·2 − 0.75) / 2
    assert isclose(kelly_stake(2.0, 0.55, fraction=0.25), 0.025)
    assert kelly_stake(3.0, 0.25, fraction=0.25) == 0.0


def test_a_bet_that_is_always_refunded_is_worth_no_stake_and_a_sure_one_all() -> None:
    assert kelly(1.9, 0.0, 1.0) == 0.0
    assert kelly(1.9, 1.0) == 1.0


def test_growth_by_hand() -> None:
    """Half the bankroll at even money ends at 1.5 or 0.5 of it."""
    assert isclose(growth_rate(0.5, 2.0, 0.6), 0.6 * log(1.5) + 0.4 * log(0.5))
    assert isclose(growth_rate(0.5, 2.0, 0.6, 0.4), 0.6 * log(1.5))
    assert isclose(growth_rate(1.0, 2.0, 1.0), log(2.0))
    assert growth_rate(1.0, 2.0, 0.99) == -inf
    assert growth_rate(0.0, 2.0, 0.6) == 0.0


@pytest.mark.parametrize(("fraction", "kept"), [(0.0, 0.0), (0.25, 0.4375), (0.5, 0.75), (1.0, 1.0)])
def test_a_fraction_keeps_more_growth_than_its_share(fraction: float, kept: float) -> None:
    assert growth_kept(fraction) == kept


@given(prices, chances, shares)
def test_no_stake_grows_faster_than_kellys(price: float, chance: tuple[float, float], other: float) -> None:
    win, push = chance
    best = kelly_stake(price, win, push, fraction=1.0)
    assert growth_rate(best, price, win, push) >= growth_rate(other, price, win, push) - 1e-12


@given(prices, chances)
def test_it_stakes_exactly_where_there_is_value(price: float, chance: tuple[float, float]) -> None:
    win, push = chance
    value = expected_value(price, win) + push
    assert kelly(price, win, push) * value >= 0.0 or isclose(value, 0.0, abs_tol=1e-12)
    assert kelly(price, win, push) <= 1.0


@given(st.floats(1.5, 4.0), st.floats(0.0005, 0.002), st.floats(0.05, 1.0))
def test_the_growth_kept_is_the_limit_of_small_edges(price: float, edge: float, fraction: float) -> None:
    win = (1.0 + edge) / price
    full = growth_rate(kelly_stake(price, win, fraction=1.0), price, win)
    part = growth_rate(kelly_stake(price, win, fraction=fraction), price, win)
    assert part / full == pytest.approx(growth_kept(fraction), rel=0.01)


def test_the_growth_rate_is_what_a_long_series_shows() -> None:
    """6 of 10 won at even money with 20 % each time."""
    bankroll = 1.2**600 * 0.8**400
    assert isclose(exp(1000 * growth_rate(0.2, 2.0, 0.6)), bankroll, rel_tol=1e-9)


def test_probabilities_that_add_up_to_one_only_nearly_are_taken() -> None:
    assert kelly(2.0, 0.7, 0.1 + 0.2) == 1.0  # together 1.0000000000000002 or so


@pytest.mark.parametrize(("win", "push"), [(-0.1, 0.0), (0.5, -0.1), (0.7, 0.4), (float("nan"), 0.0)])
def test_what_is_no_probability_is_refused(win: float, push: float) -> None:
    with pytest.raises(ValueError, match="no probabilities"):
        kelly(2.0, win, push)


@pytest.mark.parametrize("price", [1.0, 0.5, inf, float("nan")])
def test_what_is_no_price_is_refused(price: float) -> None:
    with pytest.raises(PriceError):
        kelly(price, 0.5)
    with pytest.raises(PriceError):
        growth_rate(0.1, price, 0.5)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_outside_of_all_and_nothing_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        growth_rate(share, 2.0, 0.5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        kelly_stake(2.0, 0.6, fraction=share)
    with pytest.raises(ValueError, match="from 0 to 1"):
        growth_kept(share)


def test_reference_values() -> None:
    """20 bets, with pushes and without, by closed form and brute force."""
    reference = json.loads(shared("vectors/kelly.json").read_text())
    assert reference["vectors"]
    for vector in reference["vectors"]:
        price, win, push = vector["decimal"], vector["p_win"], vector["p_push"]
        full = kelly_stake(price, win, push, fraction=1.0)
        stake = kelly_stake(price, win, push, fraction=vector["fraction"])
        got = {
            "full_kelly": kelly(price, win, push),
            "full_kelly_clipped": full,
            "stake_fraction": stake,
            "ev": expected_value(price, win) + push,
            "growth_full": growth_rate(full, price, win, push),
            "growth_fraction": growth_rate(stake, price, win, push),
        }
        expected = {name: vector[name] for name in got}
        assert got == pytest.approx(expected, abs=reference["tolerance_abs"], rel=0), vector["id"]
