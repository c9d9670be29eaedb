"""How a book turns what it believes into what it posts: half points, American prices, its hold."""

from __future__ import annotations

from typing import Final, NamedTuple

from stratumd.odds import (
    MARGIN_MODELS,
    Pricing,
    american_to_decimal,
    compared_values,
    cover_probability,
    decimal_to_american,
    fair_quotes,
    over_probability,
)
from stratumd_demo.books import Book

SPORT: Final = "basketball_nba"
MODEL: Final = MARGIN_MODELS[SPORT]
MARKETS: Final = ("h2h", "spreads", "totals")
SIDES: Final = {"h2h": ("home", "away"), "spreads": ("home", "away"), "totals": ("over", "under")}

SLACK: Final = 0.55
"""Points that a line may be off before it moves; until then only the price does."""
FIXED_SLACK: Final = 0.3
"""The same for a book that prices every line alike."""
EXTREME: Final = 0.97
"""The surest side that a book still prices."""

_PRICING = Pricing()


class Posted(NamedTuple):
    """What a book posts in one market: the reference side first (home, over)."""

    line: float | None
    """Points for the home side, or the total; None for a moneyline."""
    prices: tuple[int, int]
    """American."""


def to_half(points: float) -> float:
    """Return the nearest half point; never −0.0."""
    return round(points * 2.0) / 2.0 + 0.0


def choose_line(fair: float, posted: float | None, slack: float) -> float:
    """Return the line to hang for a fair line: the posted one for as long as the price can make up for it."""
    if posted is not None and abs(fair - posted) <= slack:
        return posted
    return to_half(fair)


def rehung(fair: float, line: float) -> float:
    """Return the half point on the other side of `fair`: a new line that says the same at another price."""
    return line + 0.5 if fair > line else line - 0.5


def win_probability(margin: float) -> float:
    """Return the home side's probability to win, given the fair margin in points."""
    return cover_probability(-margin, 0.0, MODEL.spread_sigma)


def post(market: str, fair: float, line: float | None, book: Book, *, fixed: bool) -> Posted:
    """Price `market` at `line`.

    `fair` is the fair home margin for a moneyline, else the fair line in points.
    """
    if market == "h2h":
        return Posted(None, _prices(win_probability(fair), book.h2h_hold, book.cents))
    assert line is not None, "a spread or a total has a line"
    if fixed:
        return Posted(line, _prices(0.5, book.line_hold, book.cents))
    if market == "spreads":
        chance = cover_probability(fair, line, MODEL.spread_sigma)
    else:
        chance = over_probability(fair, line, MODEL.total_sigma)
    return Posted(line, _prices(chance, book.line_hold, book.cents))


def compared(market: str, posted: Posted) -> float:
    """Return what detectors compare: the fair line, or the home side's fair probability for a moneyline."""
    lines = (posted.line, posted.line)
    if market == "spreads" and posted.line is not None:
        lines = (posted.line, -posted.line)
    quotes = [
        (side, american_to_decimal(price), line)
        for side, price, line in zip(SIDES[market], posted.prices, lines, strict=True)
    ]
    fair = fair_quotes(market, SPORT, quotes, _PRICING)
    assert not isinstance(fair, str), fair
    return compared_values(fair)[0]


def _prices(chance: float, hold: float, cents: int) -> tuple[int, int]:
    chance = min(max(chance, 1.0 - EXTREME), EXTREME)
    booked = 1.0 / (1.0 - hold)
    return _american(chance * booked, cents), _american((1.0 - chance) * booked, cents)


def _american(implied: float, cents: int) -> int:
    """Round to the book's steps, which widen with the price.

    American prices jump at ±100, so count from there.
    """
    exact = decimal_to_american(1.0 / min(implied, 0.99))
    away = exact - 100 if exact > 0 else exact + 100
    step = cents * (1 if abs(away) < 100 else 2 if abs(away) < 400 else 10)
    away = round(away / step) * step
    return 100 + away if away >= 0 else away - 100
