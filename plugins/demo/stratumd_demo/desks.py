"""A game's truth, and the desks of the operators that try to know it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import pi, sqrt
from random import Random
from typing import Final, Literal

from stratumd.plugin import SECOND, Micros
from stratumd_demo.books import Book, Operator
from stratumd_demo.fixtures import Fixture
from stratumd_demo.quoting import (
    FIXED_SLACK,
    MARKETS,
    MODEL,
    SLACK,
    Posted,
    choose_line,
    compared,
    post,
    rehung,
    win_probability,
)

Family = Literal["margin", "total"]
FAMILY: Final[dict[str, Family]] = {"h2h": "margin", "spreads": "margin", "totals": "total"}
"""The truth that each market is made from."""

MEMORY: Final = 0.7
"""How much of its last opinion an operator keeps at a review."""
NOISE: Final = 0.6
"""Share of the measured deviations that is opinion; rounding, late reviews and the incidents make the rest."""
BOUND: Final = 2.0
"""Opinions stay within so many standard deviations: farther off is an incident, and labelled."""
POINTS_PER_WIN: Final = MODEL.spread_sigma * sqrt(2.0 * pi)
"""Points of margin per unit of win probability, where it is even."""


def markets_of(family: Family) -> tuple[str, ...]:
    """Return the markets that a family of truth moves."""
    return tuple(market for market in MARKETS if FAMILY[market] == family)


class Desk:
    """One operator in one game: what it has seen, believes and posts."""

    def __init__(self, operator: Operator, truth: Truth, random: Random, at: Micros) -> None:
        self.operator = operator
        self.truth = truth
        self.random = random
        self.seen = {market: truth.drift[FAMILY[market]] for market in MARKETS}
        self.opinion = {market: random.gauss(0.0, 0.5) * self.spread_of(market) for market in MARKETS}
        self.mistake = dict.fromkeys(MARKETS, 0.0)
        """Points on top of everything, while an incident lasts."""
        self.pending: dict[str, dict[int, float]] = {market: {} for market in MARKETS}
        """By market, the jumps of the truth that this operator has not followed yet."""
        self.lines: dict[str, float | None] = dict.fromkeys(MARKETS)
        self.posted: dict[tuple[str, str], Posted] = {}
        self.changed: dict[tuple[str, str], Micros] = {}
        self.silent: dict[str, Micros] = {}
        """Markets that stopped updating, and since when."""
        self.withdrawn: set[str] = set()
        self.returns: dict[str, Micros] = {}
        """When somebody works again on a market that is silent or withdrawn; it misses where nobody will."""
        self.phase = {book.key: random.randrange(round(2.0 * book.age * SECOND)) for book in operator.books}
        """Where in its rhythm of confirmations a book is."""
        self.offered = {(book.key, market) for book, market in self._offers(random)}
        for market in MARKETS:
            self.repost(market, at)

    def _offers(self, random: Random) -> Iterator[tuple[Book, str]]:
        moneyline = random.random() < self.operator.books[0].h2h_share
        for book in self.operator.books:
            for market in MARKETS:
                if market != "h2h" or moneyline:
                    yield book, market

    def spread_of(self, market: str) -> float:
        """Return how far this operator's opinions spread, in points."""
        deviation: float = getattr(self.operator.deviation, market)
        return NOISE * deviation * (POINTS_PER_WIN if market == "h2h" else 1.0)

    def out(self, market: str) -> bool:
        """Say whether nobody works on this market now."""
        return market in self.silent or market in self.withdrawn

    def fair(self, market: str) -> float:
        """Return what the operator believes:

        the fair home line, the fair total, or the fair margin for a moneyline.
        """
        followed = self.truth.jumped[FAMILY[market]] - sum(self.pending[market].values())
        points = self.seen[market] + followed + self.opinion[market] + self.mistake[market]
        return -points if market == "spreads" else points

    def review(self, market: str, at: Micros) -> None:
        """Look at the market afresh, unless nobody does, or somebody is making a mistake."""
        if self.out(market) or self.mistake[market]:
            return
        spread = self.spread_of(market)
        fresh = MEMORY * self.opinion[market] + sqrt(1.0 - MEMORY**2) * self.random.gauss(0.0, spread)
        self.opinion[market] = max(-BOUND * spread, min(BOUND * spread, fresh))
        self.seen[market] = self.truth.drift[FAMILY[market]]
        self.repost(market, at)

    def come_back(self, market: str, at: Micros) -> None:
        """Work on a market again: post what is believed now, as a fresh quote. A desk that closed stays closed."""
        if self.returns.pop(market, None) is None:
            return
        self.silent.pop(market, None)
        self.withdrawn.discard(market)
        self.repost(market, at)
        for book in self.operator.books:
            self.changed[book.key, market] = at

    def close(self) -> None:
        """Withdraw everything for good."""
        self.withdrawn.update(MARKETS)
        self.returns.clear()

    def repost(self, market: str, at: Micros) -> None:
        """Post what is believed now, in all of the operator's books."""
        fair = self.fair(market)
        if market != "h2h":
            slack = FIXED_SLACK if self.operator.line_only else SLACK
            self.lines[market] = choose_line(fair, self.lines[market], slack)
        self._post(market, fair, at)

    def rehang(self, market: str, at: Micros) -> None:
        """Post the same belief at another line."""
        fair, line = self.fair(market), self.lines[market]
        assert line is not None, "a desk has hung its lines when it opened"
        self.lines[market] = rehung(fair, line)
        self._post(market, fair, at)

    def _post(self, market: str, fair: float, at: Micros) -> None:
        for book in self.operator.books:
            place = (book.key, market)
            posted = post(market, fair, self.lines[market], book, fixed=self.operator.line_only)
            if place in self.offered and self.posted.get(place) != posted:
                self.posted[place], self.changed[place] = posted, at

    def value(self, market: str) -> float | None:
        """Return the compared value that the operator's first book posts, or None where it does not offer
        the market.
        """
        posted = self.posted.get((self.operator.books[0].key, market))
        return None if posted is None or market in self.withdrawn else compared(market, posted)


class Truth:
    """What a game really is: its fair margin and total."""

    def __init__(self, fixture: Fixture) -> None:
        self.drift: dict[Family, float] = {"margin": fixture.margin, "total": fixture.total}
        """The part that walks slowly and that operators see at their reviews."""
        self.jumped: dict[Family, float] = {"margin": 0.0, "total": 0.0}
        """The part that came in jumps, which operators follow one by one."""

    def points(self, family: Family) -> float:
        """Return the fair home margin, or the fair total."""
        return self.drift[family] + self.jumped[family]

    def move(self, market: str, points: float) -> float:
        """Return how a market's compared value changes, with its sign, where the truth changes by
        `points`.
        """
        if market == "spreads":
            return -points
        if market == "totals":
            return points
        margin = self.points("margin")
        return win_probability(margin + points) - win_probability(margin)


class Game:
    """A game, its truth, its desks and its own chance."""

    def __init__(self, fixture: Fixture, operators: Sequence[Operator], random: Random, at: Micros) -> None:
        self.fixture = fixture
        self.random = random
        self.announced = fixture.starts
        """The start as the provider announces it."""
        self.live = False
        self.over = False
        self.truth = Truth(fixture)
        self.desks = [Desk(operator, self.truth, random, at) for operator in operators]
        self.result = self._result()

    def _result(self) -> tuple[int, int]:
        margin = self.random.gauss(self.fixture.margin, MODEL.spread_sigma)
        total = self.random.gauss(self.fixture.total, MODEL.total_sigma)
        home, away = round((total + margin) / 2.0), round((total - margin) / 2.0)
        return (home + 1, away) if home == away else (home, away)
