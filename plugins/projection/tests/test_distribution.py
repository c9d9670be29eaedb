"""From a mean and an sd to chances: against values worked out by hand, and what holds for all of them."""

from __future__ import annotations

from math import comb, exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import Settlement
from stratumd_projection.distribution import POISSON, Family, family, named, needs_sd, settle

MEANS = st.floats(0.05, 400)
RATIOS = st.floats(0.3, 3.0)
LINES = st.integers(0, 500).map(lambda doubled: doubled / 2)


def counts(outcome: str, line: float, mean: float, sd: float | None = None) -> Settlement:
    found = settle("counts", outcome, line, mean, sd)
    assert found is not None
    return found


def test_poisson() -> None:
    """P(X ≤ 2) = e^−2.5·(1 + 2.5 + 2.5²/2) = 0.543813."""
    assert counts("over", 2.5, 2.5) == pytest.approx((0.456187, 0.0, 0.543813), abs=1e-6)
    assert counts("over", 2.0, 2.5) == pytest.approx((0.456187, exp(-2.5) * 3.125, exp(-2.5) * 3.5), abs=1e-6)


def test_negative_binomial() -> None:
    """Mean 2 and variance 6 make it geometric: p(k) = ⅓·(⅔)^k."""
    assert counts("over", 2.5, 2.0, 6**0.5) == pytest.approx((8 / 27, 0.0, 19 / 27))
    assert counts("under", 2.0, 2.0, 6**0.5) == pytest.approx((5 / 9, 4 / 27, 8 / 27))


def test_negative_binomial_of_points() -> None:
    """r = 4 and p = ¼: mean 12, variance 48; p(k) = C(k + 3, 3)·p⁴·(1 − p)^k."""
    below = sum(comb(k + 3, 3) * 0.25**4 * 0.75**k for k in range(15))
    assert counts("over", 14.5, 12.0, 48**0.5) == pytest.approx((1 - below, 0.0, below))


def test_binomial() -> None:
    """Ten tries at 0.3: mean 3, variance 2.1; past ten there is nothing."""
    below = sum(comb(10, k) * 0.3**k * 0.7 ** (10 - k) for k in range(3))
    assert counts("over", 2.5, 3.0, 2.1**0.5) == pytest.approx((1 - below, 0.0, below))
    assert counts("over", 10.5, 3.0, 2.1**0.5) == pytest.approx((0.0, 0.0, 1.0))


def test_normal() -> None:
    """Φ(0.25) = 0.598706: home wins by 5 on average, and has to win by 3. Φ(−0.03125) = 0.487535."""
    assert settle("normal", "home", -2.5, 5.0, 10.0) == pytest.approx((0.598706, 0.0, 0.401294), abs=1e-6)
    assert settle("normal", "away", -2.5, 5.0, 10.0) == pytest.approx((0.401294, 0.0, 0.598706), abs=1e-6)
    assert settle("normal", "over", 221.5, 221.0, 16.0) == pytest.approx((0.487535, 0.0, 0.512465), abs=1e-6)
    pushed = settle("normal", "home", -3.0, 3.0, 10.0)
    assert pushed is not None
    assert pushed == pytest.approx((pushed.lose, 0.039878, pushed.win), abs=1e-6)


@pytest.mark.parametrize("line", [1e5 + 0.5, 1e18, 1e300])
def test_a_line_that_no_count_comes_near_is_left_alone(line: float) -> None:
    """A provider's slip must not be counted up to."""
    assert settle("counts", "over", line, 27.5, 7.5) is None


def test_quarter_lines_settle_in_halves_and_are_left_alone() -> None:
    assert settle("counts", "over", 2.25, 2.5, None) is None
    assert settle("normal", "home", -0.75, 2.5, 10.0) is None


@given(mean=MEANS, ratio=RATIOS, line=LINES, of=st.sampled_from(["normal", "counts"]))
def test_chances_sum_to_one_and_the_under_mirrors_the_over(mean: float, ratio: float, line: float, of: Family) -> None:
    sd = (mean * ratio) ** 0.5
    over, under = settle(of, "over", line, mean, sd), settle(of, "under", line, mean, sd)
    assert over is not None
    assert sum(over) == pytest.approx(1.0)
    assert all(-1e-12 <= part <= 1 + 1e-12 for part in over)
    assert under == Settlement(over.lose, over.push, over.win)
    assert over.push == 0.0 or line.is_integer()


@given(mean=MEANS, ratio=RATIOS, line=LINES, more=st.floats(0.01, 50))
def test_a_higher_mean_never_makes_the_over_less_likely(mean: float, ratio: float, line: float, more: float) -> None:
    low, high = (counts("over", line, each, (each * max(1.0, ratio)) ** 0.5) for each in (mean, mean + more))
    assert high.win >= low.win - 1e-9


@given(mean=MEANS, ratio=RATIOS, line=LINES)
def test_a_higher_line_never_makes_the_over_more_likely(mean: float, ratio: float, line: float) -> None:
    sd = (mean * ratio) ** 0.5
    assert counts("over", line + 0.5, mean, sd).win <= counts("over", line, mean, sd).win + 1e-12


@given(mean=st.floats(0.5, 60), ratio=st.floats(0.4, 3.0))
def test_it_has_the_mean_and_the_sd_that_it_was_given(mean: float, ratio: float) -> None:
    """A binomial's number of tries is whole, so its variance is only near."""
    variance = mean * ratio
    chances = [counts("over", float(k), mean, variance**0.5).push for k in range(600)]
    assert sum(chances) == pytest.approx(1.0, abs=1e-9)
    assert sum(k * chance for k, chance in enumerate(chances)) == pytest.approx(mean, rel=1e-6)
    found = sum(k * k * chance for k, chance in enumerate(chances)) - mean * mean
    assert found == pytest.approx(variance, rel=1e-6) if ratio >= 1 else found <= mean + 1e-6


@given(mean=MEANS, line=LINES)
def test_nothing_jumps_where_one_distribution_becomes_another(mean: float, line: float) -> None:
    alone = counts("over", line, mean)
    for nearly in (1 - 1e-6, 1 + 1e-6):
        assert counts("over", line, mean, (mean * nearly) ** 0.5).win == pytest.approx(alone.win, abs=1e-3)


def test_the_chance_of_none_may_be_too_small_for_a_number() -> None:
    assert counts("over", 999.5, 1000.0).win == pytest.approx(0.504, abs=1e-3)
    assert counts("over", 599.5, 600.0, 9.0).win == pytest.approx(0.52, abs=2e-2)


@pytest.mark.parametrize(
    ("sport", "market", "found"),
    [
        ("basketball_nba", "spreads", "normal"),
        ("basketball_nba", "totals", "normal"),
        ("basketball_nba", "team_totals", "normal"),
        ("basketball_nba", "player_points", "counts"),
        ("soccer_epl", "totals", "counts"),
        ("soccer_epl", "spreads", None),
        ("basketball_nba", "h2h", None),
        ("basketball_nba", "player_double_double", None),
        ("basketball_nba", "h2h_lay", None),
    ],
)
def test_what_is_distributed_how(sport: str, market: str, found: str | None) -> None:
    assert family(sport, market) == found


def test_where_a_mean_alone_will_do() -> None:
    alone = [("basketball_nba", "spreads"), ("basketball_nba", "player_threes"), ("soccer_epl", "totals")]
    short = [("basketball_nba", "totals_q1"), ("basketball_nba", "player_points"), ("baseball_mlb", "totals")]
    assert [needs_sd(*each) for each in (*alone, *short)] == [False] * 3 + [True] * 3
    assert all(family("baseball_mlb", market) == "counts" for market in POISSON)


def test_a_distribution_has_a_name() -> None:
    assert [named("counts", 4.0, sd) for sd in (None, 2.0, 3.0, 1.0)] == [
        "poisson",
        "poisson",
        "negative_binomial",
        "binomial",
    ]
    assert named("normal", 4.0, 2.0) == "normal"
