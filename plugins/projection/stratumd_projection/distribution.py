"""From a mean and a spread to the chances of over and under at a line.

Three ways, by sport and market (`family`):

* **normal**: spreads and totals of sports with a margin model, as in `stratumd.odds.margin`: the final margin or total,
  rounded to whole points, around the projected mean. The standard deviation is the row's, else the model's σ.
* **counts**: everything else that is over or under a number. The distribution is the member of the (a, b, 0) class that
  has the projected mean `m` and variance `v = sd²`: negative binomial where v > m, Poisson where v = m, binomial where
  v < m. In that class `p(k) = p(k − 1)·(a + b/k)` (H. H. Panjer, ASTIN Bulletin 12, 1981):

  | | a | b | p(0) |
  |---|---|---|---|
  | Poisson | 0 | m | e^−m |
  | negative binomial, r = m²/(v − m) | m/(m + r) | (r − 1)·a | (1 + m/r)^−r |
  | binomial, n = m²/(m − v) to a whole number above m, p = m/n | −p/(1 − p) | −(n + 1)·a | (1 − p)^n |

* **none**: what is not over or under a number, and spreads of sports without a margin model.

Without an sd a count is Poisson where `POISSON` says that single, rare events are counted. Elsewhere there is no honest
default: points, yards and their like come in bunches of a size that differs from player to player.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import exp, floor, fsum, log, log1p
from typing import Literal

from stratumd.odds import Kind, Settlement, is_lay, kind, margin_model, outcome_probabilities
from stratumd.odds.margin import sigma_for

Family = Literal["normal", "counts"]

POISSON = frozenset(
    {
        "player_threes", "player_blocks", "player_steals", "player_blocks_steals",
        "player_pass_tds", "player_pass_interceptions", "player_rush_tds", "player_reception_tds",
        "player_sacks", "player_defensive_interceptions",
        "player_shots_on_goal", "player_goals", "player_blocked_shots", "player_shots", "player_shots_on_target",
        "batter_hits", "batter_home_runs", "batter_singles", "batter_doubles", "batter_triples", "batter_walks",
        "batter_strikeouts", "batter_stolen_bases", "pitcher_strikeouts", "pitcher_walks", "pitcher_hits_allowed",
    }
)  # fmt: skip
"""Player markets that count single events, for which Poisson stands in where a row gives no sd."""
_GOALS = ("soccer_", "icehockey_")
PLAYERS = ("player_", "batter_", "pitcher_")
"""How the keys of players' markets begin."""
_HIGHEST = 10_000
"""No count that is bet on comes near it: to sum up the chances to a provider's slip would take for ever."""


def family(sport: str, market: str) -> Family | None:
    """Return how a market's outcomes are distributed; None where a mean says nothing about them."""
    asked = kind(market)
    if is_lay(market) or asked not in (Kind.SPREAD, Kind.TOTAL):
        return None
    if margin_model(sport) is not None and not market.startswith(PLAYERS):
        return "normal"
    return "counts" if asked is Kind.TOTAL else None


def needs_sd(sport: str, market: str) -> bool:
    """Say whether a mean alone is too little: neither a model's σ nor Poisson stands in."""
    if family(sport, market) == "normal":
        return sigma_for(sport, market) is None
    return market not in POISSON and not (sport.startswith(_GOALS) and not market.startswith(PLAYERS))


def named(of: Family, mean: float, sd: float | None) -> str:
    """Return the distribution's own name, for evidence."""
    if of == "normal":
        return "normal"
    if sd is None or sd * sd == mean:
        return "poisson"
    return "negative_binomial" if sd * sd > mean else "binomial"


def settle(of: Family, outcome: str, line: float, mean: float, sd: float | None) -> Settlement | None:
    """Return how a bet on `outcome` settles; None at a line that is no multiple of ½, which settles in halves, and at
    one that no count comes near.

    `line` is the reference side's: home's, or the total. `mean` is home's margin for a spread, else the total; both and
    `sd` in points, or in what is counted. A normal needs an `sd`.
    """
    if not (2.0 * line).is_integer():
        return None
    if of == "counts":
        if line > _HIGHEST:
            return None
        first, reference = _counted(line, mean, sd), "over"
    else:
        assert sd is not None, "a normal has a standard deviation"
        spread = outcome in ("home", "away")
        first, reference = outcome_probabilities(mean, line if spread else -line, sd), "home" if spread else "over"
    return first if outcome == reference else Settlement(first.lose, first.push, first.win)


@lru_cache(maxsize=8192)
def _counted(line: float, mean: float, sd: float | None) -> Settlement:
    """Return how the over settles."""
    below = floor(line) if not line.is_integer() else int(line) - 1
    chances = list(_chances(floor(line), mean, sd))
    lose = min(1.0, fsum(chances[: below + 1]))
    push = min(1.0 - lose, fsum(chances[below + 1 :]))
    return Settlement(1.0 - lose - push, push, lose)


def _chances(last: int, mean: float, sd: float | None) -> Iterator[float]:
    """Yield the probabilities of 0, 1, …, `last`; in logarithms, since that of 0 may be too small for a number."""
    a, b, at_zero = _panjer(mean, sd)
    logarithm = at_zero
    for k in range(last + 1):
        if k:
            factor = a + b / k
            if factor <= 0.0:  # past the largest count that a binomial has
                return
            logarithm += log(factor)
        yield exp(logarithm)


def _panjer(mean: float, sd: float | None) -> tuple[float, float, float]:
    """Return a, b and the logarithm of p(0)."""
    variance = mean if sd is None else sd * sd
    if variance == mean:
        return 0.0, mean, -mean
    if variance > mean:
        r = mean * mean / (variance - mean)
        a = mean / (mean + r)
        return a, (r - 1.0) * a, -r * log1p(mean / r)
    n = max(floor(mean) + 1, round(mean * mean / (mean - variance)))
    p = mean / n
    a = -p / (1.0 - p)
    return a, -(n + 1) * a, n * log1p(-p)
