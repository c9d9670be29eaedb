"""De-vig: each method by its definition, by hand-made numbers, and by independent reference values."""

import json
from itertools import pairwise
from math import isclose, log, prod, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import METHODS, Method, PriceError, devig, implied, multiplicative, worst_case
from stratumd.odds.normal import inv_cdf
from tests.support import shared

# A book that offers 1.25 and 4.00 has implied 0.80 and 0.25, B = 1.05; the numbers follow by hand.
LOPSIDED = (1.25, 4.0)
BY_HAND: dict[Method, float] = {
    "multiplicative": 0.8 / 1.05,
    "additive": 0.775,
    "shin": 0.775,
    "odds_ratio": 4 / (4 + sqrt(4 / 3)),
}

WORST_OF: tuple[Method, ...] = ("multiplicative", "additive", "power")

prices = st.floats(1.001, 500)
markets = st.lists(prices, min_size=2, max_size=12).filter(lambda m: sum(1 / o for o in m) > 1.0)


@pytest.mark.parametrize(("method", "favourite"), BY_HAND.items())
def test_two_sides_by_hand(method: Method, favourite: float) -> None:
    p = devig(LOPSIDED, method).probabilities
    assert p == pytest.approx((favourite, 1 - favourite), abs=1e-12)


def test_overround_and_hold() -> None:
    fair = devig(LOPSIDED)
    assert isclose(fair.overround, 0.05)
    assert isclose(fair.hold, 1 - 1 / 1.05)
    assert fair.flag is None


@pytest.mark.parametrize("method", METHODS)
def test_equal_prices_are_equal_chances(method: Method) -> None:
    assert devig((1.9, 1.9), method).probabilities == pytest.approx((0.5, 0.5), abs=1e-13)
    assert devig((2.8, 2.8, 2.8), method).probabilities == pytest.approx((1 / 3,) * 3, abs=1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("market", [(2.0, 2.0), (3.0, 3.0, 3.0), (1.5, 3.0), (1.2, 6.0)])
def test_a_market_without_margin_is_left_as_it_is(method: Method, market: list[float]) -> None:
    fair = devig(market, method)
    assert fair.probabilities == pytest.approx([1 / o for o in market], abs=1e-13)
    assert fair.flag is None


@given(markets, st.sampled_from(METHODS))
def test_probabilities_sum_to_one_and_keep_the_order_of_the_prices(market: list[float], method: Method) -> None:
    p = devig(market, method).probabilities
    assert isclose(sum(p), 1.0, abs_tol=1e-10)
    assert all(0.0 <= each <= 1.0 for each in p)
    by_price = sorted(zip(market, p, strict=True))
    assert all(a[1] >= b[1] - 1e-12 for a, b in pairwise(by_price))


@given(markets, st.sampled_from(METHODS))
def test_no_method_makes_a_longshot_likelier_than_the_multiplicative_does(market: list[float], method: Method) -> None:
    """The favourite-longshot correction goes one way: the last in order loses, the first gains."""
    p, plain = devig(market, method).probabilities, devig(market).probabilities
    favourite, longshot = market.index(min(market)), market.index(max(market))
    assert p[favourite] >= plain[favourite] - 1e-10
    assert p[longshot] <= plain[longshot] + 1e-10


@given(st.lists(st.floats(1.05, 20), min_size=3, max_size=8).filter(lambda m: sum(1 / o for o in m) > 1.001))
def test_power_odds_ratio_and_probit_shift_every_side_alike(market: list[float]) -> None:
    q = [implied(o) for o in market]

    def spread(values: list[float]) -> float:
        return max(values) - min(values)

    p = devig(market, "power").probabilities
    assert spread([log(a) / log(b) for a, b in zip(p, q, strict=True)]) < 1e-7
    p = devig(market, "odds_ratio").probabilities
    ratios = [b * (1 - a) / (a * (1 - b)) for a, b in zip(p, q, strict=True)]
    assert spread(ratios) < 1e-7 * max(ratios)
    p = devig(market, "probit").probabilities
    assert spread([inv_cdf(b) - inv_cdf(a) for a, b in zip(p, q, strict=True)]) < 1e-7


@given(prices, prices)
def test_shin_with_two_sides_is_the_additive_method(a: float, b: float) -> None:
    assert devig((a, b), "shin").probabilities == devig((a, b), "additive").probabilities


@given(st.lists(st.floats(1.05, 20), min_size=3, max_size=8).filter(lambda m: sum(1 / o for o in m) > 1.001))
def test_shin_names_one_share_of_informed_bettors_for_all_sides(market: list[float]) -> None:
    """Solving the definition for z gives the same from each side: (q²/B − p²) / (p + … ) is constant."""
    total = sum(1 / o for o in market)
    shares = []
    for o, p in zip(market, devig(market, "shin").probabilities, strict=True):
        square = 1 / (o * o * total)  # q²/B = p²(1 − z) + pz, from squaring the definition
        shares.append((square - p * p) / (p - p * p))
    assert max(shares) - min(shares) < 1e-7
    assert 0.0 < min(shares) < 1.0


@pytest.mark.parametrize("method", METHODS)
def test_prices_that_leave_the_book_nothing_are_taken_multiplicatively_and_flagged(method: Method) -> None:
    fair = devig((2.1, 2.05), method)
    assert fair.flag == "underround"
    assert fair.hold < 0.0
    assert fair.probabilities == multiplicative([1 / 2.1, 1 / 2.05])


def test_an_additive_longshot_below_zero_is_taken_by_power_and_flagged() -> None:
    field = (1 / 0.87, 5.0, 10.0, 20.0, 50.0, 100.0)
    fair = devig(field, "additive")
    assert fair.flag == "additive_nonpositive"
    assert fair.probabilities == devig(field, "power").probabilities
    assert min(fair.probabilities) > 0.0


@given(markets)
def test_the_worst_case_is_never_above_the_methods_it_is_the_worst_of(market: list[float]) -> None:
    worst = worst_case(market)
    for method in WORST_OF:
        assert all(w <= p for w, p in zip(worst, devig(market, method).probabilities, strict=True))
    assert sum(worst) <= 1.0 + 1e-10


@pytest.mark.parametrize("market", [(), (1.9,), (1.9, 1.0), (1.9, float("nan")), (1.9, float("inf"))])
def test_no_fair_price_from_one_side_or_a_bad_price(market: list[float]) -> None:
    with pytest.raises(PriceError):
        devig(market)


def test_an_unknown_method_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown de-vig method 'goto'; there are multiplicative, additive"):
        devig(LOPSIDED, "goto")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("market", [(1.0000001, 1e6), (1.0001, 1.0001), (1.001, 501.0), (1.01, 1.01, 1.01)])
def test_extreme_prices_still_sum_to_one(method: Method, market: list[float]) -> None:
    assert isclose(sum(devig(market, method).probabilities), 1.0, abs_tol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_reference_values(method: Method) -> None:
    """119 markets in 50-digit arithmetic, confirmed by independent packages."""
    reference = json.loads(shared("vectors/devig.json").read_text())
    tolerance = reference["tolerance_abs"]
    for vector in reference["vectors"]:
        expected, fair = vector["expected"][method], devig(vector["decimal"], method)
        if not expected["valid"]:
            assert (method, fair.flag) == ("additive", "additive_nonpositive"), vector["id"]
            continue
        assert fair.probabilities == pytest.approx(expected["p"], abs=tolerance, rel=0), vector["id"]
        assert fair.overround == pytest.approx(vector["overround"], abs=tolerance)
        assert fair.hold == pytest.approx(vector["hold"], abs=tolerance)


def test_reference_worst_case() -> None:
    """The reference takes Shin in as well, which lies between the others where the additive is valid."""
    reference = json.loads(shared("vectors/devig.json").read_text())
    for vector in reference["vectors"]:
        views = [vector["expected"][method] for method in WORST_OF]
        expected = [min(side) for side in zip(*(view["p"] for view in views if view["valid"]), strict=True)]
        if all(view["valid"] for view in views):
            assert expected == pytest.approx(vector["worst_case_of_mult_add_power_shin"], abs=1e-12)
        worst = worst_case(vector["decimal"])
        assert worst == pytest.approx(expected, abs=reference["tolerance_abs"], rel=0), vector["id"]


def test_awkward_input_of_the_reference_gives_a_distribution_or_a_reason() -> None:
    for case in json.loads(shared("vectors/devig_edge.json").read_text())["cases"]:
        market = case["odds"]
        for method in METHODS:
            if len(market) < 2 or min(market) <= 1.0:
                with pytest.raises(PriceError):
                    devig(market, method)
                continue
            fair = devig(market, method)
            assert isclose(sum(fair.probabilities), 1.0, abs_tol=1e-12), case["id"]
            assert (fair.flag == "underround") == (sum(1 / o for o in market) < 1 - 1e-12), case["id"]


def test_two_sided_odds_ratio_divides_the_odds_of_both_sides_alike() -> None:
    p = devig((1.6, 2.6), "odds_ratio").probabilities
    ratios = [q / (1 - q) / (x / (1 - x)) for q, x in zip((1 / 1.6, 1 / 2.6), p, strict=True)]
    assert isclose(*ratios, rel_tol=1e-12)
    assert isclose(prod(x / (1 - x) for x in p), 1.0, rel_tol=1e-12)
