"""Prices: American and decimal odds, the probability they imply, the value of a bet.

Everything downstream works in decimal odds and probabilities. American odds jump from −100 to +100 at even
money, so they are converted where they come in, rounded where they go out, and never averaged, subtracted
or ranked between.
"""

from math import inf


class PriceError(ValueError):
    """A price that no bookmaker can mean: at or under even return, inside ±100, or not a finite number."""


def american_to_decimal(a: float) -> float:
    """Return the decimal odds of American odds `a`: `1 + a/100` for `a ≥ 100`, `1 + 100/|a|` for `a ≤ −100`.

    Raises PriceError for `|a| < 100`, NaN and infinities.
    """
    if 100 <= a < inf:
        return 1.0 + a / 100.0
    if -inf < a <= -100:
        return 1.0 - 100.0 / a
    raise PriceError(f"American odds are at least 100 away from zero and finite, not {a!r}")


def decimal_to_american(o: float) -> int:
    """Return decimal odds `o` as American odds, rounded to a whole number; even money is 100, never −100.

    For display only. Raises PriceError like `implied`.
    """
    if not 1.0 < o < inf:
        raise _bad_decimal(o)
    if o >= 2.0:
        return round((o - 1.0) * 100.0)
    a = round(-100.0 / (o - 1.0))
    return a if a < -100 else 100


def implied(o: float) -> float:
    """Return the implied probability `1/o` of decimal odds `o`, the book's margin still in it.

    Raises PriceError for `o ≤ 1`, NaN and infinities.
    """
    if not 1.0 < o < inf:
        raise _bad_decimal(o)
    return 1.0 / o


def expected_value(price: float, probability: float) -> float:
    """Return the expected profit per unit staked at decimal odds `price`: `price·probability − 1`.

    Pushes are not in it: where a bet can push, see `outcome_probabilities` in `stratumd.odds.margin`.
    """
    return price * probability - 1.0


def _bad_decimal(o: float) -> PriceError:
    return PriceError(f"decimal odds are greater than 1 and finite, not {o!r}")
