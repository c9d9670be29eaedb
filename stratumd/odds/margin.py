"""The margin model: what a spread or total at one line and price says about another.

The home margin is normal, `m ~ N(mu, σ)`. A home line `L` covers where `m + L > 0`, so a fair home-cover
probability `p` gives `mu = −L + σ·Φ⁻¹(p)`; the total works the same way with `mu = T + σ·Φ⁻¹(p_over)`. The
**fair line** is the line at 50 %: `−mu` for spreads (home side), `mu` for totals. Lines and σ are in
points. All is continuous but the push probabilities, which only expected value and staking use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from types import MappingProxyType
from typing import NamedTuple

from .normal import cdf, inv_cdf


@dataclass(frozen=True, slots=True)
class MarginModel:
    """How wide final margins and totals of a sport spread around the line, in points.

    The σ are those near the line (what half a point is worth there); the standard deviation of all
    residuals is wider. `assumed` is False where the spread's σ was measured, True where it is a judgement;
    `source` says which.
    """

    spread_sigma: float
    total_sigma: float
    assumed: bool
    source: str


_ASSUMED = "assumed, not measured"

MARGIN_MODELS: Mapping[str, MarginModel] = MappingProxyType(
    {
        "basketball_nba": MarginModel(
            11.2, 16.1, False, "7,702 NBA games; total: residual sd × 0.9, the ratio of the spread"
        ),
        "americanfootball_nfl": MarginModel(
            11.9, 11.9, False, "2,693 NFL games; total: residual sd × 0.9, the ratio of the spread"
        ),
        "basketball_wnba": MarginModel(10.5, 14.5, True, _ASSUMED),
        "basketball_ncaab": MarginModel(10.5, 14.5, True, _ASSUMED),
        "americanfootball_ncaaf": MarginModel(15.5, 15.0, True, _ASSUMED),
    }
)
"""By sport key. Others (baseball, hockey, soccer; preseason, summer league and all-star games, which nobody
measured) have none: their lines are compared by probability at equal lines."""

_WHOLE_GAME_SPREADS = frozenset({"spreads", "alternate_spreads"})
_WHOLE_GAME_TOTALS = frozenset({"totals", "alternate_totals"})


class Settlement(NamedTuple):
    """Probabilities that a bet wins, is refunded and loses; they sum to one."""

    win: float
    push: float
    lose: float


def margin_model(sport: str) -> MarginModel | None:
    """Return the margin model of a sport key, or None where the sport has none."""
    return MARGIN_MODELS.get(sport)


def model_for(sport: str, market: str, margins: Mapping[str, MarginModel] | None = None) -> MarginModel | None:
    """Return the margin model that fits a market of a sport: `margins` first, then MARGIN_MODELS.

    Only whole-game spreads and totals have one. A period, a team or a player varies less than a game does,
    and a moneyline has no line: None.
    """
    if market not in _WHOLE_GAME_SPREADS and market not in _WHOLE_GAME_TOTALS:
        return None
    return (margins or {}).get(sport) or margin_model(sport)


def sigma_for(sport: str, market: str, margins: Mapping[str, MarginModel] | None = None) -> float | None:
    """Return the σ in points of `model_for`'s model that belongs to the market, or None where no model
    fits.
    """
    model = model_for(sport, market, margins)
    if model is None:
        return None
    return model.spread_sigma if market in _WHOLE_GAME_SPREADS else model.total_sigma


def fair_spread(probability_home: float, line: float, sigma: float) -> float:
    """Return the fair line of the home side from its fair cover probability at the home `line`: `L −
    σ·Φ⁻¹(p)`.

    Raises statistics.StatisticsError for a probability outside (0, 1).
    """
    return line - sigma * inv_cdf(probability_home)


def fair_total(probability_over: float, line: float, sigma: float) -> float:
    """Return the fair total from the fair over probability at `line`: `T + σ·Φ⁻¹(p)`. Raises like
    `fair_spread`.
    """
    return line + sigma * inv_cdf(probability_over)


def cover_probability(fair_line: float, line: float, sigma: float) -> float:
    """Return the probability that the home side covers `line`, given the home side's fair line."""
    return cdf((line - fair_line) / sigma)


def over_probability(fair_total: float, line: float, sigma: float) -> float:
    """Return the probability that the total goes over `line`, given the fair total."""
    return cdf((fair_total - line) / sigma)


def translate_spread(p: float, from_line: float, to_line: float, sigma: float) -> float:
    """Return a side's cover probability at `to_line` from that at `from_line`; both lines are of the
    bettor's own side.
    """
    return cdf(inv_cdf(p) + (to_line - from_line) / sigma)


def translate_total_over(p: float, from_line: float, to_line: float, sigma: float) -> float:
    """Return the over's probability at `to_line` from that at `from_line`."""
    return cdf(inv_cdf(p) - (to_line - from_line) / sigma)


def translate_total_under(p: float, from_line: float, to_line: float, sigma: float) -> float:
    """Return the under's probability at `to_line` from that at `from_line`."""
    return cdf(inv_cdf(p) + (to_line - from_line) / sigma)


def push_probability(mu: float, k: int, sigma: float) -> float:
    """Return the probability that the margin (or total) is exactly `k`: `Φ((k+½−mu)/σ) − Φ((k−½−mu)/σ)`.

    Smooth in `k`: football's key numbers are likelier than this (a measured 9.1 % at 3 in the NFL, 7.2 % at
    7).
    """
    return cdf((k + 0.5 - mu) / sigma) - cdf((k - 0.5 - mu) / sigma)


def outcome_probabilities(mu: float, line: float, sigma: float, *, no_tie: bool = False) -> Settlement:
    """Return how a bet at `line` settles, with the margin of its side rounded to whole points around `mu`.

    For the over of a total pass the fair total and the negated total; for the under negate both. `no_tie`
    says that a margin of 0 cannot be (NBA). Raises ValueError for a line that is no multiple of ½ (quarter
    lines settle in halves).
    """
    if not (2.0 * line).is_integer():
        raise ValueError(f"a line settles in whole or half points, not {line!r}")
    k = floor(-line)
    win = cdf((mu - k - 0.5) / sigma)
    push = push_probability(mu, k, sigma) if line.is_integer() else 0.0
    return _without_tie(mu, line, sigma, win, push) if no_tie else Settlement(win, push, 1.0 - win - push)


def _without_tie(mu: float, line: float, sigma: float, win: float, push: float) -> Settlement:
    tie = push_probability(mu, 0, sigma)
    if line > 0.0:
        win -= tie
    elif line == 0.0:
        push = 0.0
    rest = 1.0 - tie
    return Settlement(win / rest, push / rest, 1.0 - (win + push) / rest)
