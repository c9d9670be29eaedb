"""Staking: how much of a bankroll a bet is worth by Kelly's rule, where bets can push.

A bet at decimal odds `d` wins `b = d − 1` per unit with probability `p`, is refunded with the push
probability, and loses the unit with `q = 1 − p − push`. Stakes are shares of the bankroll (0 to 1), growth is
the expected logarithm of the bankroll's factor per bet.
"""

from math import inf, log1p

from .prices import implied


def kelly(price: float, win: float, push: float = 0.0) -> float:
    """Return the share of the bankroll that grows it fastest: `f* = (p·b − q) / (b·(p + q))`.

    Not cut off at zero: a negative share says that there is no value in the bet. 0 where it always pushes.
    Source: Kelly (1956), maximising `p·ln(1 + f·b) + q·ln(1 − f)`. Raises PriceError for a price that is
    none, ValueError for probabilities outside 0..1 or more than one together.
    """
    b, q = _odds(price, win, push)
    return (win * b - q) / (b * (win + q)) if win + q > 0.0 else 0.0


def kelly_stake(price: float, win: float, push: float = 0.0, *, fraction: float) -> float:
    """Return the share of the bankroll to stake at a `fraction` of Kelly (¼: quarter Kelly), 0 without value.

    Raises like `kelly`, and ValueError for a fraction outside 0..1: beyond full Kelly risk grows and growth falls.
    """
    return _fraction(fraction) * max(0.0, kelly(price, win, push))


def growth_rate(stake: float, price: float, win: float, push: float = 0.0) -> float:
    """Return the expected logarithmic growth per bet at a `stake`: `p·ln(1 + f·b) + q·ln(1 − f)`.

    −inf where the whole bankroll can be lost. Raises like `kelly`, and ValueError for a stake outside 0..1.
    """
    b, q = _odds(price, win, push)
    if not 0.0 <= stake <= 1.0:
        raise ValueError(f"a stake is a share of the bankroll, from 0 to 1, not {stake!r}")
    if q == 0.0:
        return win * log1p(stake * b)
    return win * log1p(stake * b) + q * log1p(-stake) if stake < 1.0 else -inf


def growth_kept(fraction: float) -> float:
    """Return the share of full Kelly's growth that a `fraction` of it keeps: `c·(2 − c)`; ¼ keeps 43.75 %, ½ 75 %.

    The limit for small edges (Thorp 2006); `growth_rate` gives the exact figures of one bet. Raises
    ValueError for a fraction outside 0..1.
    """
    return _fraction(fraction) * (2.0 - fraction)


_SLACK = 1e-12  # probabilities that are computed add up to one only nearly


def _odds(price: float, win: float, push: float) -> tuple[float, float]:
    """Return the profit of a winning unit and the probability to lose it."""
    implied(price)  # refuses what is no price
    lose = 1.0 - win - push
    if not (win >= 0.0 and push >= 0.0 and lose >= -_SLACK):
        raise ValueError(f"win {win!r} and push {push!r} are no probabilities of one bet")
    return price - 1.0, max(0.0, lose)


def _fraction(fraction: float) -> float:
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"a fraction of Kelly is from 0 to 1, not {fraction!r}")
    return fraction
