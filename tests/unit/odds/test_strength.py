"""Strength and chance."""

from itertools import product
from math import comb, isclose, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import Component, breadth, chance_of_at_least, magnitude, speed, strength

shares = st.lists(st.floats(0, 1), max_size=8)


@pytest.mark.parametrize(("times", "expected"), [(1, 50), (2, 75), (3, 88), (20, 100)])
def test_magnitude_alone(times: int, expected: int) -> None:
    assert strength([magnitude(0.5 * times, 0.5)]) == expected


def test_components_carry_their_names_weights_and_values() -> None:
    assert magnitude(1.0, 1.0) == Component("magnitude", 0.5, 0.5)
    assert speed(0.25, 0.5) == Component("speed", 0.3, 0.5)
    assert breadth(4, 4) == Component("books", 0.2, 0.5)


def test_speed_and_breadth_are_full_at_once_and_twice_the_rule() -> None:
    assert speed(5.0, 0.5).value == 1.0
    assert breadth(8, 4).value == breadth(11, 4).value == 1.0


def test_strength_is_the_weighted_mean() -> None:
    parts = [magnitude(1.0, 0.5), speed(0.1, 0.5), breadth(6, 4)]
    assert strength(parts) == round(100 * (0.5 * 0.75 + 0.3 * 0.2 + 0.2 * 0.75))


@given(st.floats(0, 100), st.floats(0, 100), st.integers(0, 50))
def test_strength_stays_between_1_and_100(size: float, velocity: float, operators: int) -> None:
    assert 1 <= strength([magnitude(size, 0.5), speed(velocity, 0.5), breadth(operators, 4)]) <= 100


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_larger_move_is_never_weaker(a: float, b: float) -> None:
    small, large = sorted((a, b))
    assert strength([magnitude(small, 0.5)]) <= strength([magnitude(large, 0.5)])


def test_nothing_has_no_strength() -> None:
    with pytest.raises(ValueError, match="at least one component"):
        strength([])


def test_chance_by_hand() -> None:
    assert chance_of_at_least(1, [0.5, 0.5]) == 0.75
    assert chance_of_at_least(2, [0.1, 0.2, 0.3]) == pytest.approx(0.1 * 0.2 + 0.1 * 0.3 + 0.2 * 0.3 - 2 * 0.006)
    assert chance_of_at_least(0, []) == 1.0
    assert chance_of_at_least(3, [1.0, 1.0]) == 0.0


@given(st.integers(0, 9), shares)
def test_chance_is_the_sum_over_all_ways_to_move(k: int, ps: list[float]) -> None:
    ways = (moved for moved in product((0, 1), repeat=len(ps)) if sum(moved) >= k)
    total = sum(prod(p if m else 1 - p for p, m in zip(ps, moved, strict=True)) for moved in ways)
    assert isclose(chance_of_at_least(k, ps), total, abs_tol=1e-12)


@given(st.integers(1, 12), st.floats(0.001, 0.2))
def test_equal_shares_are_binomial_and_small_tails_keep_their_precision(k: int, p: float) -> None:
    tail = sum(comb(12, i) * p**i * (1 - p) ** (12 - i) for i in range(k, 13))
    assert isclose(chance_of_at_least(k, [p] * 12), tail, rel_tol=1e-9)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_no_probability_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        chance_of_at_least(1, [0.5, share])
