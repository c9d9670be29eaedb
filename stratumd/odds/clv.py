"""Closing-line value: what a price taken was worth by the fair price at the close.

Prices are decimal, lines are in points and always of the bettor's own side: home −3.5 is −3.5 for who took
home and +3.5 for who took away. Points say little alone (half a point is worth more near the line of a
low-scoring sport, and its price may have moved with it), so they come with the value in money.
"""

from math import log
from typing import NamedTuple

from .margin import translate_spread
from .prices import expected_value, implied


class ClosingValue(NamedTuple):
    """What a bet was worth at the close.

    `probability` is the fair closing probability at the line taken. `ev` is the expected profit per unit, `log`
    the logarithm of one plus that. `points` is the bettor-side difference of lines, None for a market without.
    """

    probability: float
    ev: float
    log: float
    points: float | None

    @property
    def beat_close(self) -> bool:
        """Whether the price taken was better than the fair price at the close; equal is not better."""
        return self.ev > 0.0


def clv_ev(price: float, closing_probability: float) -> float:
    """Return the expected profit per unit of a price taken, by the fair closing probability at the line taken:
    `d·p − 1`. Raises PriceError for a price that is none.
    """
    implied(price)  # refuses what is no price
    return expected_value(price, closing_probability)


def clv_log(price: float, closing_probability: float) -> float:
    """Return `ln(d·p)`, which adds up over bets and treats both sides of a price alike.

    Raises PriceError for a price that is none, ValueError for a probability that is not above zero.
    """
    return log(closing_probability / implied(price))


def clv_points(outcome: str, taken: float, close: float) -> float:
    """Return by how many points the line taken beats the closing line, from the bettor's side.

    Home, away and under gain by a higher line (`taken − close`), the over by a lower one (`close − taken`).
    Raises ValueError for another outcome.
    """
    if outcome in ("home", "away", "under"):
        return taken - close
    if outcome == "over":
        return close - taken
    raise ValueError(f"points are won by home, away, over or under, not by {outcome!r}")


def closing_probability(
    outcome: str, probability: float, close: float | None, taken: float | None, sigma: float | None
) -> float | None:
    """Return the fair closing `probability` of a side carried from the closing line to the line taken.

    `Φ(Φ⁻¹(p) + points/σ)` with σ in points (`sigma_for`'s; None where no margin model fits). None where the lines
    differ and cannot be compared: without a margin model, or where only one of them is known. Raises
    statistics.StatisticsError for a probability outside (0, 1) at another line, and ValueError like `clv_points`.
    """
    if close == taken:
        return probability
    if close is None or taken is None or sigma is None:
        return None
    return translate_spread(probability, 0.0, clv_points(outcome, taken, close), sigma)


def closing_value(
    outcome: str,
    price: float,
    probability: float,
    *,
    taken: float | None = None,
    close: float | None = None,
    sigma: float | None = None,
) -> ClosingValue | None:
    """Return what a bet on `outcome` at `price` and the line `taken` was worth at the close, or None where its
    line cannot be compared with the closing one.

    `probability` is the fair closing probability of that side at the line `close`; both lines are None for a
    moneyline. Raises like `clv_log` and `closing_probability`.
    """
    p = closing_probability(outcome, probability, close, taken, sigma)
    if p is None:
        return None
    points = None if taken is None or close is None else 0.0 if taken == close else clv_points(outcome, taken, close)
    return ClosingValue(p, clv_ev(price, p), clv_log(price, p), points)
