"""Weighted medians, MAD and the median of the others."""

import json
from math import isclose, nan
from random import Random
from statistics import median
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import (
    NORMAL_CONSISTENCY,
    american_to_decimal,
    devig,
    fair_spread,
    leave_one_out_medians,
    median_of_others,
    weighted_mad,
    weighted_median,
)
from tests.support import shared

values = st.lists(st.floats(-50, 50), min_size=1, max_size=15)
several = st.lists(st.floats(-50, 50), min_size=2, max_size=15)
weighted = st.lists(st.tuples(st.floats(-50, 50), st.sampled_from([0.5, 1.0, 1.5, 3.0])), min_size=1, max_size=12)


T = TypeVar("T")


def without(items: list[T], index: int) -> list[T]:
    return items[:index] + items[index + 1 :]


def test_by_hand() -> None:
    assert weighted_median([3.0, 1.0, 2.0]) == 2.0
    assert weighted_median([1.0, 2.0]) == 1.5
    assert weighted_median([1.0, 2.0, 3.0], [1, 1, 3]) == 3.0
    assert weighted_median([1.0, 2.0, 4.0], [1, 1, 2]) == 3.0  # half of the weight below 4 exactly
    assert weighted_median([1.0, 2.0], [0, 1]) == 2.0
    assert weighted_mad([1.0, 2.0, 4.0, 9.0], 3.0) == 1.5
    assert [median_of_others([1.0, 2.0, 4.0], i) for i in range(3)] == [3.0, 2.5, 1.5]


def test_an_exact_half_is_found_through_rounding() -> None:
    """0.1 + 0.2 is not 0.3 in binary; the midpoint is taken all the same, in whichever order they come."""
    assert weighted_median([1.0, 2.0, 5.0], [0.1, 0.2, 0.3]) == 3.5
    assert weighted_median([5.0, 2.0, 1.0], [0.3, 0.2, 0.1]) == 3.5


@given(values)
def test_without_weights_it_is_the_median(xs: list[float]) -> None:
    assert weighted_median(xs) == median(xs)
    assert isclose(weighted_median(xs, [2.5] * len(xs)), median(xs))


@given(weighted, st.randoms(use_true_random=False))
def test_the_order_of_the_books_does_not_matter(pairs: list[tuple[float, float]], random: Random) -> None:
    shuffled = random.sample(pairs, len(pairs))
    assert weighted_median(*zip(*pairs, strict=True)) == weighted_median(*zip(*shuffled, strict=True))


@given(st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 4)), min_size=1, max_size=8))
def test_a_weight_counts_as_that_many_books(pairs: list[tuple[float, int]]) -> None:
    repeated = [value for value, weight in pairs for _ in range(weight)]
    assert weighted_median(*zip(*pairs, strict=True)) == median(repeated)


@given(weighted)
def test_at_most_half_of_the_weight_lies_on_either_side(pairs: list[tuple[float, float]]) -> None:
    center = weighted_median(*zip(*pairs, strict=True))
    total = sum(weight for _, weight in pairs)
    assert sum(weight for value, weight in pairs if value < center) <= total / 2
    assert sum(weight for value, weight in pairs if value > center) <= total / 2


@given(values, st.floats(-20, 20))
def test_the_mad_ignores_where_the_values_lie(xs: list[float], shift: float) -> None:
    moved = [x + shift for x in xs]
    assert isclose(weighted_mad(xs, weighted_median(xs)), weighted_mad(moved, weighted_median(moved)), abs_tol=1e-9)


@given(several)
def test_the_median_of_the_others_is_what_taking_one_out_gives(xs: list[float]) -> None:
    expected = [median(without(xs, i)) for i in range(len(xs))]
    assert leave_one_out_medians(xs) == expected
    assert [median_of_others(xs, i) for i in range(len(xs))] == expected


@given(weighted.filter(lambda pairs: len(pairs) > 1))
def test_the_weighted_median_of_the_others_too(pairs: list[tuple[float, float]]) -> None:
    xs, weights = zip(*pairs, strict=True)
    for i in range(len(pairs)):
        assert median_of_others(xs, i, weights) == weighted_median(*zip(*without(pairs, i), strict=True))


@given(several, st.data())
def test_a_book_has_no_say_in_what_it_is_judged_by(xs: list[float], draw: st.DataObject) -> None:
    judged = draw.draw(st.integers(0, len(xs) - 1))
    wild = [*xs[:judged], 1e6, *xs[judged + 1 :]]
    assert median_of_others(xs, judged) == median_of_others(wild, judged)


def test_a_book_without_weight_is_judged_by_those_that_have_one() -> None:
    assert [median_of_others([1.0, 2.0, 9.0], i, [1, 1, 0]) for i in range(3)] == [2.0, 1.0, 1.5]


@pytest.mark.parametrize(
    ("xs", "weights"),
    [([], None), ([], []), ([1.0], [0.0]), ([1.0], [-1.0]), ([1.0], [nan]), ([1.0], [1.0, 2.0])],
)
def test_no_median_of_nothing_or_of_bad_weights(xs: list[float], weights: list[float] | None) -> None:
    with pytest.raises(ValueError):
        weighted_median(xs, weights)


def test_one_book_has_no_others() -> None:
    with pytest.raises(ValueError, match="at least two"):
        leave_one_out_medians([1.0])
    with pytest.raises(ValueError, match="no value"):
        median_of_others([1.0], 0)


def reference_consensus(vector: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Fair margins and weights as the reference defines them: fresh books, multiplicative, line 0 for h2h."""
    fresh = [quote for quote in vector["quotes"] if quote["age_s"] <= vector["max_age_s"]]
    margins = []
    for quote in fresh:
        prices = american_to_decimal(quote["home_price"]), american_to_decimal(quote["away_price"])
        home = devig(prices).probabilities[0]
        margins.append(-fair_spread(home, quote["line"] or 0.0, vector["sigma"]))
    return margins, [quote["weight"] for quote in fresh]


def test_reference_values() -> None:
    """20 markets: the consensus and its dispersion put together from the functions of this room."""
    reference = json.loads(shared("vectors/consensus.json").read_text())
    tolerance, reached = reference["tolerance_abs"], 0
    for vector in reference["vectors"]:
        margins, weights = reference_consensus(vector)
        expected = vector["expected"]
        if expected.get("mu_weighted_median") is None:
            assert len(margins) < vector["min_books"], vector["id"]
            continue
        reached += 1
        center = weighted_median(margins, weights)
        dispersion = NORMAL_CONSISTENCY * weighted_mad(margins, center, weights)
        assert margins == pytest.approx(expected["mu"], abs=tolerance, rel=0), vector["id"]
        assert center == pytest.approx(expected["mu_weighted_median"], abs=tolerance, rel=0), vector["id"]
        assert dispersion == pytest.approx(expected["dispersion_wmad_sigma"], abs=tolerance, rel=0), vector["id"]
    assert reached > 10
