"""What settled bets did to a bankroll: records, drawdown, Sharpe."""

import json
from math import inf, isclose, nan, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import (
    MIN_PERIODS,
    Drawdown,
    PriceError,
    SettledBet,
    bankroll_curve,
    bet_record,
    max_drawdown,
    period_returns,
    sharpe,
)
from tests.support import shared

levels = st.lists(st.floats(0.1, 100.0), min_size=1, max_size=30)
ALTERNATING = [0.03, -0.01] * 15  # mean 0.01, every deviation 0.02


def test_a_record_by_hand() -> None:
    """Won 10 at 2.0, lost 10 at 4.0, and 5 came back: 0 of 25; one of two decided."""
    bets = [SettledBet(2.0, 10.0, 10.0), SettledBet(4.0, 10.0, -10.0), SettledBet(4.0, 5.0, 0.0)]
    record = bet_record(bets)
    assert record is not None
    assert (record.bets, record.staked, record.profit, record.roi, record.win_rate) == (3, 25.0, 0.0, 0.0, 0.5)
    assert isclose(record.average_price, 3.0)  # the mean of ½, ¼ and ¼ is ⅓


def test_the_return_is_per_unit_staked_not_per_bet() -> None:
    record = bet_record([SettledBet(2.0, 30.0, 30.0), SettledBet(2.0, 10.0, -10.0)])
    assert record is not None
    assert record.roi == 0.5


def test_at_the_win_rate_of_the_average_price_level_stakes_break_even() -> None:
    """One of two won at 1.5, one of four at 3.0 …: what counts is the mean of the probabilities."""
    bets = [SettledBet(1.5, 1.0, 0.5)] * 2 + [SettledBet(1.5, 1.0, -1.0), SettledBet(3.0, 1.0, 2.0)]
    bets += [SettledBet(3.0, 1.0, -1.0)] * 2
    record = bet_record(bets)
    assert record is not None
    assert record.win_rate is not None
    assert isclose(record.roi, 0.0, abs_tol=1e-12)
    assert isclose(record.average_price * record.win_rate, 1.0)


def test_without_bets_or_stakes_there_is_no_record_and_without_decisions_no_rate() -> None:
    assert bet_record([]) is None
    assert bet_record([SettledBet(2.0, 0.0, 0.0)]) is None
    refunded = bet_record([SettledBet(2.0, 5.0, 0.0)])
    assert refunded is not None
    assert refunded.win_rate is None


def test_a_bet_at_no_price_is_refused() -> None:
    with pytest.raises(PriceError):
        bet_record([SettledBet(1.0, 5.0, 0.0)])


def test_a_curve_begins_with_the_start() -> None:
    curve = bankroll_curve(100.0, [10.0, -22.0])
    assert curve == [100.0, 110.0, 88.0]
    assert period_returns(curve) == pytest.approx([0.1, -0.2])
    assert bankroll_curve(100.0, []) == [100.0]


def test_a_bankroll_that_is_gone_earns_nothing_more() -> None:
    assert period_returns([100.0, 0.0]) == [-1.0]
    with pytest.raises(ValueError, match="above zero"):
        period_returns([100.0, 0.0, 10.0])


def test_a_drawdown_is_measured_from_the_running_peak() -> None:
    assert max_drawdown([100.0, 120.0, 90.0, 130.0, 104.0]) == (0.25, 1, 2)


def test_the_start_is_a_peak() -> None:
    """A series that only loses has lost since its start, though its first result is below it."""
    assert max_drawdown([100.0, 80.0, 60.0, 70.0]) == (0.4, 0, 2)


def test_a_curve_that_never_fell_has_no_drawdown() -> None:
    assert max_drawdown([1.0, 1.0, 2.0]) == Drawdown(0.0, 0, 0)


@given(levels)
def test_the_drawdown_is_the_deepest_of_all_pairs(curve: list[float]) -> None:
    every = [(before - after) / before for i, before in enumerate(curve) for after in curve[i:]]
    share, peak, trough = max_drawdown(curve)
    assert isclose(share, max(every), abs_tol=1e-12)
    assert share == (curve[peak] - curve[trough]) / curve[peak]
    assert peak <= trough


@pytest.mark.parametrize("curve", [[], [0.0, 1.0], [-1.0], [inf], [nan]])
def test_no_drawdown_without_a_start(curve: list[float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        max_drawdown(curve)


def test_sharpe_by_hand() -> None:
    """Thirty deviations of 0.02 with ddof 1 make a standard deviation of 0.02·√(30/29)."""
    found = sharpe(ALTERNATING)
    assert found is not None
    expected = 0.5 * sqrt(29 / 30)
    assert isclose(found.ratio, expected)
    assert isclose(found.se, sqrt((1 + expected**2 / 2) / 30))
    assert found.periods == 30


def test_few_periods_have_no_sharpe() -> None:
    assert sharpe(ALTERNATING[: MIN_PERIODS - 1]) is None
    assert sharpe([0.1], min_periods=0) is None


def test_equal_returns_have_no_sharpe() -> None:
    assert sharpe([0.1] * 40) is None


def test_reference_values() -> None:
    """10 series of returns: drawdown with its place, Sharpe with Lo's standard error."""
    reference = json.loads(shared("vectors/risk.json").read_text())
    tolerance = reference["tolerance_abs"]
    assert reference["vectors"]
    for vector in reference["vectors"]:
        curve = [1.0]
        for each in vector["returns"]:
            curve.append(curve[-1] * (1.0 + each))
        assert curve[-1] == pytest.approx(vector["final"], abs=tolerance, rel=0), vector["id"]
        assert period_returns(curve) == pytest.approx(vector["returns"], abs=tolerance, rel=0)
        share, *places = max_drawdown(curve)
        assert share == pytest.approx(vector["max_drawdown"], abs=tolerance, rel=0), vector["id"]
        assert places == [vector["peak_index"], vector["trough_index"]], vector["id"]
        found = sharpe(vector["returns"], min_periods=2)
        assert found is not None
        assert found.ratio == pytest.approx(vector["sharpe_per_period"], abs=tolerance, rel=0), vector["id"]
        assert found.se == pytest.approx(vector["se_sharpe_lo2002"], abs=tolerance, rel=0), vector["id"]
