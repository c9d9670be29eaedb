"""The simulated bookmakers, with the figures of real ones.

The figures were measured on real feeds of July and August 2026: `/odds` of The Odds API for the WNBA, every
15 minutes from 14 to 31 July, 3,360 times a game within 24 hours of its start. Baseball (4 to 6 August, every 5
minutes, 8,930 times a game) changes as often. What a poll every 15 minutes cannot show is assumed, and marked
so: how many seconds a book takes to follow the others.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class PerMarket(NamedTuple):
    """One figure for each of the three markets."""

    h2h: float
    spreads: float
    totals: float


class Book(NamedTuple):
    """A book as the provider shows it."""

    key: str
    title: str
    region: str
    h2h_hold: float
    """Median share of all stakes that the book keeps."""
    line_hold: float
    """The same for spreads and totals."""
    age: float
    """Median seconds since its last confirmation, as a poll finds it."""
    h2h_share: float
    """In how many of its games it shows a moneyline."""
    cents: int = 5
    """The steps of its American prices near even money."""


class Operator(NamedTuple):
    """One desk that sets the lines of one or more books."""

    key: str
    books: tuple[Book, ...]
    changes: PerMarket
    """Changes of the quote per hour before the game; what happened twice between two polls counts once."""
    deviation: PerMarket
    """Standard deviation of the compared value from the median of all books: probability, points, points."""
    delay: float
    """Median seconds until it follows the others. Assumed."""
    line_only: bool = False
    """True where it moves the line and leaves the price at −110 on both sides."""


OPERATORS: Final = (
    Operator(
        "betonlineag",
        (
            Book("betonlineag", "BetOnline.ag", "us", 0.0385, 0.0454, 31, 0.90),
            Book("lowvig", "LowVig.ag", "us", 0.0385, 0.0370, 31, 0.90, cents=1),
        ),
        PerMarket(0.55, 0.51, 0.57),
        PerMarket(0.004, 0.205, 0.331),
        delay=8,
    ),
    Operator(
        "draftkings",
        (Book("draftkings", "DraftKings", "us", 0.0416, 0.0450, 33, 1.0, cents=1),),
        PerMarket(0.40, 0.50, 0.53),
        PerMarket(0.005, 0.261, 0.333),
        delay=20,
    ),
    Operator(
        "fanduel",
        (Book("fanduel", "FanDuel", "us", 0.0478, 0.0454, 15, 1.0, cents=2),),
        PerMarket(0.84, 0.34, 0.40),
        PerMarket(0.009, 0.266, 0.506),
        delay=20,
    ),
    Operator(
        "betmgm",
        (Book("betmgm", "BetMGM", "us", 0.0426, 0.0450, 35, 0.96),),
        PerMarket(0.31, 0.34, 0.38),
        PerMarket(0.008, 0.247, 0.423),
        delay=35,
    ),
    Operator(
        "fanatics",
        (Book("fanatics", "Fanatics", "us", 0.0426, 0.0455, 34, 0.99),),
        PerMarket(0.54, 0.62, 0.71),
        PerMarket(0.004, 0.143, 0.237),
        delay=30,
    ),
    Operator(
        "williamhill_us",
        (Book("williamhill_us", "Caesars", "us", 0.0421, 0.0455, 111, 0.80),),
        PerMarket(0.37, 0.47, 0.54),
        PerMarket(0.006, 0.178, 0.299),
        delay=45,
    ),
    Operator(
        "betrivers",
        (Book("betrivers", "BetRivers", "us", 0.0504, 0.0515, 32, 1.0, cents=1),),
        PerMarket(0.48, 0.55, 0.44),
        PerMarket(0.012, 0.415, 0.573),
        delay=40,
    ),
    Operator(
        "betus",
        (Book("betus", "BetUS", "us", 0.0386, 0.0455, 34, 0.84),),
        PerMarket(0.51, 0.39, 0.50),
        PerMarket(0.005, 0.211, 0.276),
        delay=30,
    ),
    Operator(
        "bovada",
        (Book("bovada", "Bovada", "us", 0.0435, 0.0455, 117, 0.97),),
        PerMarket(1.03, 0.98, 0.97),
        PerMarket(0.008, 0.332, 0.513),
        delay=60,
    ),
    Operator(
        "mybookieag",
        (Book("mybookieag", "MyBookie.ag", "us", 0.0476, 0.0455, 61, 0.92),),
        PerMarket(1.02, 0.30, 0.42),
        PerMarket(0.006, 0.238, 0.331),
        delay=60,
        line_only=True,
    ),
    # The books of the second US region were not recorded: they take the medians of the others.
    Operator(
        "hardrockbet",
        (Book("hardrockbet", "Hard Rock Bet", "us2", 0.0424, 0.0455, 34, 0.96),),
        PerMarket(0.52, 0.49, 0.52),
        PerMarket(0.006, 0.243, 0.332),
        delay=30,
    ),
    Operator(
        "espnbet",
        (Book("espnbet", "theScore Bet", "us2", 0.0424, 0.0455, 34, 0.96),),
        PerMarket(0.52, 0.49, 0.52),
        PerMarket(0.006, 0.243, 0.332),
        delay=45,
    ),
    Operator(
        "ballybet",
        (Book("ballybet", "Bally Bet", "us2", 0.0424, 0.0455, 34, 0.96),),
        PerMarket(0.52, 0.49, 0.52),
        PerMarket(0.006, 0.243, 0.332),
        delay=60,
    ),
)
"""Sharpest and most followed first, so that a smaller market keeps the books that lead it."""

WALK: Final = PerMarket(0.0059, 0.240, 0.373)
"""Standard deviation of the median of all books over one hour, incidents included (probability, points,
points).
"""

DISPERSION: Final = PerMarket(0.0048, 0.110, 0.173)
"""Median over the polls of 1.4826 times the median absolute deviation of all books."""

REGIONS: Final = ("us", "us2")
BOOKS: Final = sum(len(operator.books) for operator in OPERATORS)


def first_books(count: int) -> tuple[Operator, ...]:
    """Return the first operators with `count` books in all; the last one may lose a book for it."""
    chosen: list[Operator] = []
    for operator in OPERATORS:
        room = count - sum(len(one.books) for one in chosen)
        if room <= 0:
            break
        chosen.append(operator._replace(books=operator.books[:room]))
    return tuple(chosen)
