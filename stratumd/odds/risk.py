"""Risk: what a series of settled bets did to a bankroll.

Money is in any one unit, prices are decimal odds, returns are changes of the bankroll as a share of it.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import inf, sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from .prices import implied

MIN_PERIODS = 30
"""Returns of fewer periods than this have no Sharpe ratio: its standard error would be as large as itself."""


class SettledBet(NamedTuple):
    """A bet that is over: decimal price, stake, and profit (negative where lost, 0 where refunded)."""

    price: float
    stake: float
    profit: float


class BetRecord(NamedTuple):
    """What settled bets add up to.

    `roi` is profit per unit staked. `win_rate` counts won among won and lost, without refunds; None where all
    were refunded. `average_price` is the decimal price of the mean implied probability, so that
    `1 / average_price` is the win rate at which bets of equal stakes break even on average.
    """

    bets: int
    staked: float
    profit: float
    roi: float
    win_rate: float | None
    average_price: float


class Drawdown(NamedTuple):
    """The deepest fall of a curve below its running peak: the share lost, and where peak and trough are."""

    share: float
    peak: int
    trough: int


class Sharpe(NamedTuple):
    """Mean over standard deviation of returns per period, its standard error, and how many periods."""

    ratio: float
    se: float
    periods: int


def bet_record(bets: Iterable[SettledBet]) -> BetRecord | None:
    """Return what settled bets add up to, or None where there is none or nothing was staked.

    Raises PriceError for a price that is none.
    """
    settled = list(bets)
    staked = sum([bet.stake for bet in settled])
    if staked <= 0.0:
        return None
    profit = sum([bet.profit for bet in settled])
    won = sum([bet.profit > 0.0 for bet in settled])
    decided = sum([bet.profit != 0.0 for bet in settled])
    price = 1.0 / fmean([implied(bet.price) for bet in settled])
    win_rate = won / decided if decided else None
    return BetRecord(len(settled), staked, profit, profit / staked, win_rate, price)


def bankroll_curve(start: float, profits: Iterable[float]) -> list[float]:
    """Return the bankroll before the first and after each profit or loss, the start included."""
    return list(accumulate(profits, initial=start))


def period_returns(curve: Sequence[float]) -> list[float]:
    """Return the change of each period as a share of the bankroll it began with.

    Raises ValueError where a period begins with nothing, or with debts.
    """
    _check_positive(curve[:-1])
    return [after / before - 1.0 for before, after in pairwise(curve)]


def max_drawdown(curve: Sequence[float]) -> Drawdown:
    """Return the deepest fall below the running peak, `(peak − level) / peak`, the start being the first peak.

    `peak` and `trough` are indices into the curve; of equals the first; all 0 where it never fell. Raises
    ValueError for an empty curve or a start that is not above zero.
    """
    _check_positive(curve[:1] or [0.0])
    deepest, peak = Drawdown(0.0, 0, 0), 0
    for index, level in enumerate(curve):
        if level > curve[peak]:
            peak = index
        share = (curve[peak] - level) / curve[peak]
        if share > deepest.share:
            deepest = Drawdown(share, peak, index)
    return deepest


def sharpe(returns: Sequence[float], *, min_periods: int = MIN_PERIODS) -> Sharpe | None:
    """Return mean over standard deviation (ddof 1, risk-free rate 0) of the returns per period, not annualised.

    None for fewer than `min_periods` (never fewer than two), and where all returns are equal. The standard
    error is that of independent returns, `√((1 + SR²/2) / n)` (Lo 2002).
    """
    n = len(returns)
    if n < max(2, min_periods):
        return None
    sd = stdev(returns)
    if sd == 0.0:
        return None
    ratio = fmean(returns) / sd
    return Sharpe(ratio, sqrt((1.0 + ratio * ratio / 2.0) / n), n)


def _check_positive(levels: Sequence[float]) -> None:
    if not all(0.0 < level < inf for level in levels):
        raise ValueError("a bankroll is finite and above zero while there is something to stake")
