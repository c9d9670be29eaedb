"""Fair quotes: one book's whole quote of one market, de-vigged, or the reason why it has no fair price.

This runs for every quote that changed, so a two-sided market priced multiplicatively takes a straight path.
Sides are found by name, never by position: providers list them alphabetically. Lines are tested against
None, never for truth: a pick'em is 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from statistics import StatisticsError
from typing import Final, Literal, NamedTuple

from .devig import METHODS, UNDERROUND, Method, devig_implied, is_underround
from .margin import MarginModel, fair_spread, fair_total, sigma_for
from .markets import OVERLAPPING, Kind, is_lay, kind

Quote = tuple[str, float, float | None]
"""One side of a market at a book: outcome (`home`, `over`, ..., else a name), decimal price, its own line
or None.
"""

Unfair = Literal["one_sided", "lay", "ladder", "lines_differ", "unknown_outcomes", "bad_price"]
"""Why a quote has no fair price: a side is missing; a lay market; one outcome at several lines or prices;
the sides' lines do not belong together; outcomes the market does not have; a price no bookmaker can
mean."""


class Fair(NamedTuple):
    """The fair side of one book's quote of one market.

    `outcomes`, `prices` (decimal) and `probabilities` share one order: home, draw, away; over, under; yes,
    no; else by name. `line` is the posted line of the reference side, home for spreads and the total for
    totals, else None. `fair_line` is the line at 50 %, where a margin model applies, else None. `hold` is
    the share of all stakes that the book keeps, `1 − 1/B`. `flag` as in `Devigged`.
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
    """How fair prices are made: the de-vig method for two and for more sides, and margin models by sport
    key that come before MARGIN_MODELS. Raises ValueError for an unknown method.
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

    `quotes` are all sides that one book shows for one market of one event (and player or team) in one
    observation, in any order. A moneyline that can be drawn (`h2h_3_way`, soccer's `h2h`) needs the draw. A
    market of unknown sides (a winner market) takes all that are shown, and counts as one-sided where they
    imply less than certainty together.
    """
    shape = _shape(market, sport)
    if shape.lay:
        return "lay"
    pair = shape.pair
    if pair is not None and len(quotes) == 2:
        first, second = quotes
        if first[0] == pair[0] and second[0] == pair[1]:
            return _two_sided(shape, sport, first, second, pricing)
        if first[0] == pair[1] and second[0] == pair[0]:
            return _two_sided(shape, sport, second, first, pricing)
    ordered = _in_order(shape, quotes)
    if isinstance(ordered, str):
        return ordered
    if len(ordered) == 2:
        fair = _two_sided(shape, sport, ordered[0], ordered[1], pricing)
    else:
        fair = _many_sided(shape, ordered, pricing)
    if isinstance(fair, Fair) and fair.flag == UNDERROUND and _is_open(fair.outcomes):
        return "one_sided"
    return fair


def compared_values(fair: Fair) -> tuple[float, ...]:
    """Return what a book's quote is compared by: its fair line where it has one, else its probabilities in
    order.
    """
    return fair.probabilities if fair.fair_line is None else (fair.fair_line,)


_HOME_AWAY: Final = ("home", "away")
_HOME_DRAW_AWAY: Final = ("home", "draw", "away")
_OVER_UNDER: Final = ("over", "under")
_YES_NO: Final = ("yes", "no")
_MONEYLINE, _SPREAD, _TOTAL, _OTHER = (
    Kind.MONEYLINE,
    Kind.SPREAD,
    Kind.TOTAL,
    Kind.OTHER,
)  # an enum's member is found slowly through its class
_PAIRS: Final = {_MONEYLINE: _HOME_AWAY, _SPREAD: _HOME_AWAY, _TOTAL: _OVER_UNDER, _OTHER: None}

_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much


class _Shape(NamedTuple):
    """What a market's key and its sport say about a complete quote."""

    market: str
    kind: Kind
    lay: bool
    pair: tuple[str, str] | None  # the two sides, where these are known and no draw is needed
    sigma: float | None  # of the built-in margin model


@lru_cache(maxsize=4096)
def _shape(market: str, sport: str) -> _Shape:
    family = kind(market)
    draws = market.startswith("h2h_3_way") or (sport.startswith("soccer_") and market.startswith("h2h"))
    return _Shape(market, family, is_lay(market), None if draws else _PAIRS[family], sigma_for(sport, market))


def _two_sided(shape: _Shape, sport: str, first: Quote, second: Quote, pricing: Pricing) -> Fair | Unfair:
    outcome_a, price_a, line_a = first
    outcome_b, price_b, line_b = second
    if not (1.0 < price_a < inf and 1.0 < price_b < inf):
        return "bad_price"
    line = _reference_line(shape.kind, line_a, line_b)
    if isinstance(line, str):
        return line
    qa, qb = 1.0 / price_a, 1.0 / price_b
    if pricing.two_way == "multiplicative":
        total = qa + qb
        probabilities: tuple[float, ...] = (qa / total, qb / total)
        hold, flag = 1.0 - 1.0 / total, UNDERROUND if is_underround(total) else None
    else:
        probabilities, _, hold, flag = devig_implied((qa, qb), pricing.two_way)
    fair_line = None
    sigma = sigma_for(sport, shape.market, pricing.margins) if pricing.margins else shape.sigma
    if sigma is not None and line is not None:
        try:
            fair_line = (fair_spread if shape.kind is _SPREAD else fair_total)(probabilities[0], line, sigma)
        except StatisticsError:  # prices so far apart that one side rounds to certainty
            return "bad_price"
    return _new(Fair, ((outcome_a, outcome_b), (price_a, price_b), probabilities, line, fair_line, hold, flag))


def _reference_line(family: Kind, first: float | None, second: float | None) -> float | Literal["lines_differ"] | None:
    if family is _MONEYLINE:
        return None
    if first is None or second is None:
        return None if first is second and family is _OTHER else "lines_differ"
    if first != (-second if family is _SPREAD else second):
        return "lines_differ"
    return first + 0.0  # −0.0 becomes 0.0


def _in_order(shape: _Shape, quotes: Sequence[Quote]) -> list[Quote] | Unfair:
    """Return the quotes in canonical order, or why they are no complete market."""
    shown = {quote[0]: quote for quote in quotes}
    if len(shown) < len(quotes):
        return "ladder"
    sides = _sides(shape, shown)
    if shape.market in OVERLAPPING or not shown.keys() <= set(sides):
        return "unknown_outcomes"
    if len(shown) < max(2, len(sides)):
        return "one_sided"
    return [shown[side] for side in sides]


def _sides(shape: _Shape, shown: Mapping[str, Quote]) -> Sequence[str]:
    if shape.kind is _MONEYLINE:
        return _HOME_DRAW_AWAY if shape.pair is None or "draw" in shown else _HOME_AWAY
    if shape.pair is not None:
        return shape.pair
    for pair in (_OVER_UNDER, _YES_NO):
        if not shown.keys().isdisjoint(pair):
            return pair
    return sorted(shown)


def _is_open(outcomes: tuple[str, ...]) -> bool:
    """Return whether nothing but the prices can say that these are all the sides there are."""
    return outcomes not in (_OVER_UNDER, _YES_NO, _HOME_AWAY, _HOME_DRAW_AWAY)


def _many_sided(shape: _Shape, ordered: Sequence[Quote], pricing: Pricing) -> Fair | Unfair:
    outcomes, prices, lines = zip(*ordered, strict=True)
    if not all(1.0 < price < inf for price in prices):
        return "bad_price"
    line = None if shape.kind is _MONEYLINE else lines[0]
    if shape.kind is not _MONEYLINE and any(other != line for other in lines):
        return "lines_differ"
    probabilities, _, hold, flag = devig_implied([1.0 / price for price in prices], pricing.three_way)
    return Fair(outcomes, prices, probabilities, line, None, hold, flag)
