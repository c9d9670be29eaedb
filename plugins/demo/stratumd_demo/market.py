"""The simulated market:

many books, NBA-like games, and what befalls them. The same seed gives the same market.
"""

from __future__ import annotations

from functools import partial
from math import sqrt
from random import Random
from typing import Final

from stratumd.plugin import HOUR, MINUTE, SECOND, Micros
from stratumd_demo.books import BOOKS, WALK, first_books
from stratumd_demo.desks import Desk, Family, Game
from stratumd_demo.fixtures import MOST_GAMES, PLAYING, Season, draw_fixture
from stratumd_demo.incidents import OPENINGS, Incidents
from stratumd_demo.labels import Label
from stratumd_demo.quoting import MARKETS
from stratumd_demo.timeline import Tempo, Timeline

EXPIRY: Final = 15 * MINUTE
"""A quote that was not confirmed for so long is not shown any more; none older was ever seen in a real
feed.
"""
WALK_STEP: Final = 10 * MINUTE
WALK_SHARE: Final = 0.7
"""Share of the measured walk that is slow; incidents make the rest."""
REVIEWS: Final = 1.6
"""Reviews per change: the others confirm what was posted, to the half point and the price."""

LIVE_WALK: Final = 8.0
"""How much faster the truth walks in play."""
LIVE_REVIEWS: Final = 20.0
SHOW: Final = 8 * MINUTE
"""How often something befalls a game of a season beside what befalls it anyway: there is something to see soon."""
CLOSE_AT_START: Final = ("betonlineag", "betus")
"""Operators that leave the feed when the game starts."""
START_DELAYS: Final = (0, 6)
"""How often the announced start is put off when it comes, at the least and at the most."""
START_DELAY: Final = 2 * MINUTE


class Market:
    """A market from `opened` on.

    `season` is when the season began that its games belong to: who opens a market again finds those that have not
    started, and who opens it as of the same instant the very same market. Without one they are this market's own.
    `pace` speeds up everything but the fixtures. `incidents` scales how often they come; 0 injects nothing.
    `ValueError` where there are no games or books, or more than can be.
    """

    def __init__(
        self,
        seed: int,
        opened: Micros,
        *,
        games: int = 6,
        books: int = BOOKS,
        pace: float = 1.0,
        incidents: float = 1.0,
        season: Micros | None = None,
    ) -> None:
        if not (1 <= games <= MOST_GAMES and 1 <= books <= BOOKS and pace > 0 and incidents >= 0):
            raise ValueError(f"1 to {MOST_GAMES} games, 1 to {BOOKS} books, a positive pace, no negative incidents")
        self.seed = seed
        self.opened = opened
        self.tempo = Tempo(pace)
        self.expiry = self.tempo.span(EXPIRY)
        self.games: dict[int, Game] = {}
        """Those in the feed, by number."""
        self._operators = first_books(books)
        self._rate = incidents
        self._labels: list[Label] = []
        self._timeline = Timeline(opened)
        self._incidents: dict[int, Incidents] = {}
        """By game, where there are any."""
        self._season = Season(opened if season is None else season, games, season is not None)
        for slot in range(games):
            self._announce(self._season.coming(slot, opened), None if self._season.goes_on else slot)
        if incidents and self._season.goes_on:
            self._timeline.after(self.tempo.span(SHOW), partial(self._show, 0))

    @property
    def now(self) -> Micros:
        """Return the instant up to which the market has been simulated."""
        return self._timeline.now

    @property
    def labels(self) -> list[Label]:
        """Return what happened and is over, in order of its beginning."""
        return sorted(self._labels, key=lambda label: (label.at, label.event, label.market or ""))

    def advance(self, to: Micros) -> None:
        """Simulate up to and including `to`. The size of the steps changes nothing."""
        self._timeline.run(to)

    # A game's life

    def _announce(self, number: int, opening: int | None = None) -> None:
        random = Random(f"{self.seed}/{number}")  # noqa: S311  # a simulation; the seed makes it the same again
        fixture = draw_fixture(random, number, self._season)
        game = self.games[number] = Game(fixture, self._operators, random, self.now)
        self._walk(game, "margin", WALK.spreads)
        self._walk(game, "total", WALK.totals)
        for desk in game.desks:
            for market in MARKETS:
                self._wait_for_review(game, desk, market)
        self._timeline.at(fixture.starts, partial(self._start, number, random.randint(*START_DELAYS)))
        if self._rate:
            incidents = Incidents(self._timeline, game, self.tempo, self._rate, self._labels)
            self._incidents[number] = incidents
            incidents.begin(opening)

    def _show(self, turn: int) -> None:
        """Let something befall one game after the other; one near its start or in play is passed over."""
        numbers, kind = sorted(self._incidents), OPENINGS[turn % len(OPENINGS)]
        first = turn // len(OPENINGS) % len(numbers)
        any(self._incidents[number].show(kind) for number in [*numbers[first:], *numbers[:first]])  # until one does
        self._timeline.after(self.tempo.span(SHOW), partial(self._show, turn + 1))

    def _walk(self, game: Game, family: Family, per_root_hour: float) -> None:
        steps = sqrt(WALK_STEP / HOUR) * WALK_SHARE * (LIVE_WALK if game.live else 1.0)
        game.truth.drift[family] += game.random.gauss(0.0, per_root_hour * steps)
        if not game.over:
            self._timeline.after(self.tempo.span(WALK_STEP), partial(self._walk, game, family, per_root_hour))

    def _wait_for_review(self, game: Game, desk: Desk, market: str) -> None:
        per_hour = getattr(desk.operator.changes, market) * REVIEWS * (LIVE_REVIEWS if game.live else 1.0)
        wait = self.tempo.wait(game.random, HOUR / per_hour)
        self._timeline.after(wait, partial(self._review, game, desk, market))

    def _review(self, game: Game, desk: Desk, market: str) -> None:
        desk.review(market, self.now)
        if not game.over:
            self._wait_for_review(game, desk, market)

    def _start(self, number: int, delays: int) -> None:
        """Start the game, or wait: the announced start is put off again and again until it is played."""
        game = self.games[number]
        if self.now < game.announced:
            self._timeline.at(game.announced, partial(self._start, number, delays))
        elif delays > 0:
            game.announced += START_DELAY
            self._timeline.at(game.announced, partial(self._start, number, delays - 1))
        else:
            self._play(number)

    def _play(self, number: int) -> None:
        game = self.games[number]
        game.live = True
        game.announced = self.now - self.now % SECOND
        for desk in game.desks:
            if desk.operator.key in CLOSE_AT_START:
                desk.close()
        self._timeline.after(PLAYING, partial(self._end, number))

    def _end(self, number: int) -> None:
        self.games.pop(number).over = True
        self._incidents.pop(number, None)
        self._announce(number + self._season.games)
