"""Student's t distribution with a whole number of degrees of freedom, which the standard library lacks."""

from math import atan, cos, exp, lgamma, log1p, pi, sin, sqrt

from .normal import inv_cdf

_PRECISION = 1e-12  # of a critical value: beyond it the series' own rounding shows


def two_sided(t: float, df: int) -> float:
    """Return the probability that |T| is at least |t|: the finite series of Abramowitz & Stegun 26.7.3 and 26.7.4.

    Exact but for rounding, so tails below 1e-14 are not resolved. Raises ValueError for `df < 1`.
    """
    if df < 1:
        raise ValueError(f"degrees of freedom are at least 1, not {df!r}")
    angle = atan(abs(t) / sqrt(df))
    c = cos(angle)
    odd = df % 2 == 1
    term = total = c if odd else 1.0
    for k in range(3 if odd else 2, df - 1, 2):
        term *= c * c * (k - 1) / k
        total += term
    total = 0.0 if df == 1 else total * sin(angle)
    inside = (angle + total) * 2.0 / pi if odd else total
    return min(1.0, max(0.0, 1.0 - inside))


def critical(confidence: float, df: int) -> float:
    """Return the t that |T| stays below with a probability of `confidence`.

    By Newton's method from the normal's quantile, which is never above it; the tail is convex, so it is not passed.
    Raises ValueError for a confidence outside (0, 1), or `df < 1`.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence is between 0 and 1, not {confidence!r}")
    t = inv_cdf(0.5 + confidence / 2.0)
    while (step := (two_sided(t, df) - (1.0 - confidence)) / (2.0 * _density(t, df))) > t * _PRECISION:
        t += step
    return t


def _density(t: float, df: int) -> float:
    return exp(lgamma((df + 1) / 2) - lgamma(df / 2) - (df + 1) / 2 * log1p(t * t / df)) / sqrt(df * pi)
