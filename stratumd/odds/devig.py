"""De-vig: from the prices of all sides of one market at one book to probabilities that sum to one.

`q = 1/price` is a side's implied probability, `B = Σq`, overround `B − 1`, hold `1 − 1/B`. Each method is a
function of the implied probabilities; all but `multiplicative` ask for `B ≥ 1`, which `devig` sees to.
"""

from collections.abc import Callable, Sequence
from math import exp, log, sqrt
from typing import Literal, NamedTuple, get_args

from .normal import cdf, inv_cdf
from .prices import PriceError, implied

Method = Literal["multiplicative", "additive", "power", "shin", "odds_ratio", "probit"]
METHODS: tuple[Method, ...] = get_args(Method)

UNDERROUND = "underround"
ADDITIVE_NONPOSITIVE = "additive_nonpositive"

_WORST_CASE_OF: tuple[Method, ...] = ("multiplicative", "additive", "power")
_FAIR = 1e-12  # an overround smaller than this is rounding, and no margin to take out
_MAX_STEPS = 200

Probabilities = tuple[float, ...]


class Devigged(NamedTuple):
    """Fair probabilities of one market at one book, in the order of its prices.

    `overround` is `B − 1`, `hold` is `1 − 1/B` (both fractions). `flag` is None, `underround` (`B < 1`:
    prices of different books or times; taken multiplicatively) or `additive_nonpositive` (a long shot at or
    below 0; taken by power).
    """

    probabilities: tuple[float, ...]
    overround: float
    hold: float
    flag: str | None


def devig(prices: Sequence[float], method: Method = "multiplicative") -> Devigged:
    """Return the fair probabilities of a complete market from the decimal prices of all its sides.

    Raises PriceError for a bad price or fewer than two sides, ValueError for an unknown method. Whether all
    sides are there only the caller knows (`fair_quotes` does); never mix sides of different lines or times.
    """
    if len(prices) < 2:
        raise PriceError("a market has at least two sides; one price alone has no fair probability")
    return devig_implied([implied(price) for price in prices], method)


def devig_implied(q: Sequence[float], method: Method = "multiplicative") -> Devigged:
    """Return the same as `devig`, from the implied probabilities of checked prices."""
    total = sum(q)
    probabilities, flag = _probabilities(q, total, method)
    return Devigged(probabilities, total - 1.0, 1.0 - 1.0 / total, flag)


def worst_case(prices: Sequence[float]) -> tuple[float, ...]:
    """Return per side the lowest probability that the multiplicative, additive and power methods give it.

    A bet that has value here has it under each of them. No distribution: the sum is at most one. Raises
    like `devig`.
    """
    views = [devig(prices, method).probabilities for method in _WORST_CASE_OF]
    return tuple(map(min, *views))


def is_underround(total: float) -> bool:
    """Return whether implied probabilities that sum to `total` leave the book less than nothing, rounding
    apart.
    """
    return total < 1.0 - _FAIR


def multiplicative(q: Sequence[float]) -> Probabilities:
    """Return `q/B`: the margin in proportion to each side's probability."""
    total = sum(q)
    return tuple([each / total for each in q])


def additive(q: Sequence[float]) -> Probabilities:
    """Return `q − (B−1)/n`: the margin in equal parts. A long shot of a many-sided market may come out at 0
    or below.
    """
    part = (sum(q) - 1.0) / len(q)
    return tuple([each - part for each in q])


def power(q: Sequence[float]) -> Probabilities:
    """Return `q^k` with the `k ≥ 1` that makes the sum one: more of the margin sits on long shots."""
    logs = [log(each) for each in q]
    k = _convex_root(_excess_of_two(*logs) if len(q) == 2 else _excess_of_many(logs), 1.0)
    return tuple([exp(k * each) for each in logs])


def _excess_of_two(a: float, b: float) -> Callable[[float], tuple[float, float]]:
    """Return the same as `_excess_of_many`, three times as fast: most markets have two sides."""

    def excess(k: float) -> tuple[float, float]:
        first, second = exp(k * a), exp(k * b)
        return first + second - 1.0, first * a + second * b

    return excess


def _excess_of_many(logs: Sequence[float]) -> Callable[[float], tuple[float, float]]:
    def excess(k: float) -> tuple[float, float]:
        terms = [exp(k * each) for each in logs]
        return sum(terms) - 1.0, sum([term * each for term, each in zip(terms, logs, strict=True)])

    return excess


def shin(q: Sequence[float]) -> Probabilities:
    """Return Shin's probabilities: the margin as the book's cover against a share `z` of informed bettors.

    `p = (√(z² + 4(1−z)q²/B) − z) / (2(1−z))` with the `z` that makes the sum one (Jullien & Salanié 1994).
    With two sides the closed form is the additive method.
    """
    if len(q) == 2:
        return additive(q)
    total = sum(q)
    squares = [each * each / total for each in q]

    # The same expression with the difference of near numbers multiplied out, so that it also stands at z = 1.
    def terms(z: float) -> list[float]:
        return [2.0 * s / (z + sqrt(z * z + 4.0 * (1.0 - z) * s)) for s in squares]

    z = _bracketed_root(lambda z: sum(terms(z)) - 1.0, 0.0, 1.0)
    return tuple(terms(z))


def odds_ratio(q: Sequence[float]) -> Probabilities:
    """Return `q / (c + q − cq)` with the `c ≥ 1` that makes the sum one: every side's odds divided alike
    (Cheung 2015).

    The same as a constant shift of the log-odds.
    """
    odds = [each / (1.0 - each) for each in q]

    def excess(c: float) -> tuple[float, float]:
        return sum([o / (c + o) for o in odds]) - 1.0, -sum([o / (c + o) ** 2 for o in odds])

    c = sqrt(odds[0] * odds[1]) if len(q) == 2 else _convex_root(excess, 1.0)
    return tuple([o / (c + o) for o in odds])


def probit(q: Sequence[float]) -> Probabilities:
    """Return `Φ(Φ⁻¹(q) − s)` with the `s ≥ 0` that makes the sum one: a constant shift on the normal
    scale.
    """
    scores = [inv_cdf(each) for each in q]
    if len(q) == 2:
        shift = (scores[0] + scores[1]) / 2.0
    else:  # with the favourite at 1/n no side is above it, so the sum is at most one
        most = max(scores) - inv_cdf(1.0 / len(q))
        shift = _bracketed_root(lambda s: sum([cdf(score - s) for score in scores]) - 1.0, 0.0, most)
    return tuple([cdf(score - shift) for score in scores])


_METHOD: dict[str, Callable[[Sequence[float]], Probabilities]] = {
    "multiplicative": multiplicative,
    "additive": additive,
    "power": power,
    "shin": shin,
    "odds_ratio": odds_ratio,
    "probit": probit,
}


def _probabilities(q: Sequence[float], total: float, method: str) -> tuple[Probabilities, str | None]:
    if method not in _METHOD:
        raise ValueError(f"unknown de-vig method {method!r}; there are {', '.join(METHODS)}")
    if is_underround(total):
        return multiplicative(q), UNDERROUND
    if total <= 1.0 + _FAIR:
        return multiplicative(q), None
    probabilities = _METHOD[method](q)
    if method == "additive" and min(probabilities) <= 0.0:
        return power(q), ADDITIVE_NONPOSITIVE
    return probabilities, None


def _convex_root(f: Callable[[float], tuple[float, float]], x: float) -> float:
    """Return the root right of `x` of a falling convex `f`, given as (value, slope).

    Newton's steps from the left of such a root never pass it, so it needs no bracket.
    """
    for _ in range(_MAX_STEPS):
        value, slope = f(x)
        step = -value / slope
        x += step
        if step <= 1e-15 * x:
            return x
    raise ArithmeticError("the root of a de-vig method was not found")


def _bracketed_root(f: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a falling `f` with `f(low) ≥ 0 ≥ f(high)` to 1e-15, by the Illinois
    method.
    """
    at_low, at_high, side, tolerance = f(low), f(high), 0, 1e-15 * (high - low)
    for _ in range(_MAX_STEPS):
        if at_low == 0.0 or high - low <= tolerance:
            return low
        x = (low * at_high - high * at_low) / (at_high - at_low)
        value = f(x)
        if abs(value) <= 1e-15:
            return x
        # An end that stays put twice has its value halved: plain regula falsi would creep up to the root
        # from one side.
        if value > 0.0:
            low, at_low, at_high, side = x, value, at_high / 2.0 if side > 0 else at_high, 1
        else:
            high, at_high, at_low, side = x, value, at_low / 2.0 if side < 0 else at_low, -1
    raise ArithmeticError("the root of a de-vig method was not found")
