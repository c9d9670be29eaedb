"""Fair quotes: one book's whole quote of one market, de-vigged, or the reason why it has no fair price.

This runs for every quote that changed, so a two-sided market priced multiplicatively takes a straight path. Sides are
found by name, never by position: providers list them alphabetically. Lines are tested against None, never for truth: a
pick'em is 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from operator import itemgetter
from statistics import StatisticsError
from typing import Final, Literal, NamedTuple

from .devig import METHODS, UNDERROUND, Method, devig_implied
from .margin import MarginModel, fair_spread, fair_total, sigma_for
from .markets import Kind, is_lay, kind

Quote = tuple[str, float, float | None]
"""One side of a market at a book: outcome (`home`, `over`, ..., else a name), decimal price, its own line or None."""

Unfair = Literal["one_sided", "lay", "ladder", "lines_differ", "unknown_outcomes", "bad_price"]
"""Why a quote has no fair price: a side is missing; a lay market; one outcome at several lines or prices; the sides' lines
do not belong together; outcomes the market does not have; a price no bookmaker can mean."""


class Fair(NamedTuple):
    """The fair side of one book's quote of one market.

    `outcomes`, `prices` (decimal) and `probabilities` share one order: home, draw, away; over, under; yes, no; else by name.
    `line` is the posted line of the reference side, home for spreads and the total for totals, else None. `fair_line` is the
    line at 50 %, where a margin model applies, else None. `overround`-free: the probabilities sum to one. `hold` is the share
    the book keeps, `1 − 1/B`. `flag` as in `Devigged`.
    """

    outcomes: tuple[str, ...]
    prices: tuple[float, ...]
    probabilities: tuple[float, ...]
    line: float | None
    fair_line: float | None
    hold: float
    flag: str | None


@dataclass(frozen=True, slots=True)
class Pricing:
    """How fair prices are made: the de-vig method for two and for more sides, and margin models by sport key that come
    before MARGIN_MODELS. Raises ValueError for an unknown method.
    """

    two_way: Method = "multiplicative"
    three_way: Method = "power"
    margins: Mapping[str, MarginModel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for method in (self.two_way, self.three_way):
            if method not in METHODS:
                raise ValueError(f"unknown de-vig method {method!r}; there are {', '.join(METHODS)}")


def fair_quotes(market: str, sport: str, quotes: Sequence[Quote], pricing: Pricing) -> Fair | Unfair:
    """Return the fair quote of a book's complete market, or the reason (a string) why there is none.

    `quotes` are all sides that one book shows for one market of one event (and player or team) in one observation, in any
    order. A moneyline whose sport can draw in regular time (soccer) needs the draw.
    """
    shape = _shape(market, sport)
    if shape.lay:
        return "lay"
    if len(quotes) == 2 and shape.pair is not None:
        first, second = quotes
        if first[0] == shape.pair[1]:
            first, second = second, first
        if first[0] == shape.pair[0] and second[0] == shape.pair[1]:
            return _two_sided(shape, sport, first, second, pricing)
    return _any_sided(shape, sport, quotes, pricing)


def compared_values(fair: Fair) -> tuple[float, ...]:
    """Return what a book's quote is compared by: its fair line where it has one, else its probabilities in order."""
    return fair.probabilities if fair.fair_line is None else (fair.fair_line,)


_HOME_AWAY: Final = ("home", "away")
_HOME_DRAW_AWAY: Final = ("home", "draw", "away")
_OVER_UNDER: Final = ("over", "under")
_YES_NO: Final = ("yes", "no")

_PAIRS = {Kind.MONEYLINE: _HOME_AWAY, Kind.SPREAD: _HOME_AWAY, Kind.TOTAL: _OVER_UNDER, Kind.OTHER: None}


class _Shape(NamedTuple):
    """What a market's key and its sport say about a complete quote."""

    market: str
    kind: Kind
    lay: bool
    draws: bool
    pair: tuple[str, str] | None  # the sides, where there can be two and they are known
    sigma: float | None


@lru_cache(maxsize=4096)
def _shape(market: str, sport: str) -> _Shape:
    family = kind(market)
    draws = market.startswith("h2h_3_way") or (sport.startswith("soccer_") and market.startswith("h2h"))
    pair = None if draws else _PAIRS[family]
    return _Shape(market, family, is_lay(market), draws, pair, sigma_for(sport, market))


def _two_sided(shape: _Shape, sport: str, first: Quote, second: Quote, pricing: Pricing) -> Fair | Unfair:
    """The fast path: both sides by their names, in order."""
    outcome_a, price_a, line_a = first
    outcome_b, price_b, line_b = second
    if not (1.0 < price_a < inf and 1.0 < price_b < inf):
        return "bad_price"
    family = shape.kind
    if family is Kind.MONEYLINE:
        line_a = None
    elif line_a is None or line_b is None:
        return "lines_differ"
    elif line_a != (-line_b if family is Kind.SPREAD else line_b):
        return "lines_differ"
    else:
        line_a += 0.0  # −0.0 becomes 0.0
    qa, qb = 1.0 / price_a, 1.0 / price_b
    if pricing.two_way == "multiplicative":
        total = qa + qb
        probabilities: tuple[float, ...] = (qa / total, qb / total)
        hold = 1.0 - 1.0 / total
        flag = UNDERROUND if total < 0.999999999999 else None
    else:
        probabilities, _, hold, flag = devig_implied((qa, qb), pricing.two_way)
