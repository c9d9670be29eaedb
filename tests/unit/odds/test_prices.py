"""Prices in and out."""

from collections.abc import Callable
from math import inf, isclose, nan
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import PriceError, american_to_decimal, decimal_to_american, expected_value, implied

TABLE = [(100, 2.0), (-110, 21 / 11), (150, 2.5), (-200, 1.5), (35000, 351.0), (-10000, 1.01)]

quoted = st.integers(100, 1_000_000) | st.integers(-1_000_000, -101)


@pytest.mark.parametrize(("american", "decimal"), TABLE)
def test_american_and_decimal_are_two_ways_to_say_one_price(american: int, decimal: float) -> None:
    assert isclose(american_to_decimal(american), decimal, rel_tol=1e-15)
    assert decimal_to_american(decimal) == american


@given(quoted)
def test_every_american_price_survives_the_round_trip(american: int) -> None:
    assert decimal_to_american(american_to_decimal(american)) == american


@pytest.mark.parametrize("decimal", [2.0, 1.9999, 1.99999999, 2.0000001, american_to_decimal(-100)])
def test_even_money_is_shown_as_plus_100(decimal: float) -> None:
    assert decimal_to_american(decimal) == 100


@pytest.mark.parametrize("american", [0, 99.9, -99.9, 1, nan, inf, -inf])
def test_american_odds_inside_100_or_not_finite_are_refused(american: float) -> None:
    with pytest.raises(PriceError, match="American odds"):
        american_to_decimal(american)


@pytest.mark.parametrize("convert", [implied, decimal_to_american])
@pytest.mark.parametrize("decimal", [1.0, 0.0, -2.0, nan, inf, -inf])
def test_decimal_odds_of_one_or_less_or_not_finite_are_refused(
    convert: Callable[[float], float], decimal: float
) -> None:
    with pytest.raises(PriceError, match="decimal odds"):
        convert(decimal)


def test_implied_probability_and_expected_value() -> None:
    assert implied(2.5) == 0.4
    assert isclose(expected_value(2.1, 0.5), 0.05)
    assert isclose(expected_value(1.9, implied(1.9)), 0.0, abs_tol=1e-15)


def test_a_median_of_american_odds_is_no_price_where_a_median_of_probabilities_is() -> None:
    """Four books near even money: the raw median is 3 cents from zero, in probability it is a coin's toss."""
    american = [-108, -104, 102, 105]
    with pytest.raises(PriceError):
        american_to_decimal(median(american))
    in_probability = median(implied(american_to_decimal(a)) for a in american)
    assert isclose(in_probability, 0.5, abs_tol=0.005)
