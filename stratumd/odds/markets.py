"""Market keys: what a market asks, read from its key.

The families of The Odds API's market keys, which other sources are normalised to:

* MONEYLINE: `h2h`, `h2h_3_way`, `draw_no_bet`, `to_qualify`, and their periods (`h2h_q1`): who wins.
* SPREAD: `spreads`, `alternate_spreads` and their periods: who wins after a head start.
* TOTAL: `totals`, `team_totals`, their alternates and periods, and props (`player_points`, `batter_hits`,
  `pitcher_strikeouts`): over or under a number.
* OTHER: the rest, with its outcomes as they come: `btts`, `outrights`, `double_chance`, yes-or-no and
  who-is-first props.
"""

from enum import Enum
from functools import lru_cache


class Kind(Enum):
    """The families of markets, which decide the outcomes and lines that a complete quote has."""

    MONEYLINE = "moneyline"
    SPREAD = "spread"
    TOTAL = "total"
    OTHER = "other"


OVERLAPPING = frozenset({"double_chance"})
"""Markets in which more than one outcome wins: their probabilities do not sum to one."""

_FAMILIES = (
    (Kind.MONEYLINE, ("h2h", "draw_no_bet", "to_qualify")),
    (Kind.SPREAD, ("spreads", "alternate_spreads")),
    (Kind.TOTAL, ("totals", "alternate_totals", "team_totals", "alternate_team_totals")),
)
_PROPS = ("player_", "batter_", "pitcher_")
# Props that ask whether or who, not how many.
_NO_COUNT = (
    "_first_",
    "_last_",
    "_1st_",
    "_anytime",
    "_goal_scorer",
    "_double_double",
    "_triple_double",
    "_record_a_win",
    "_to_receive_",
)


@lru_cache(maxsize=4096)
def kind(market: str) -> Kind:
    """Return the family of a market key; an unknown key is OTHER."""
    for family, stems in _FAMILIES:
        if market.startswith(tuple(f"{stem}_" for stem in stems)) or market in stems:
            return family
    if market.startswith(_PROPS) and not any(mark in market for mark in _NO_COUNT):
        return Kind.TOTAL
    return Kind.OTHER


def is_lay(market: str) -> bool:
    """Return whether the market's prices are an exchange's lay side (`h2h_lay`, `outrights_lay`): no offer
    to back.
    """
    return market.endswith("_lay")
