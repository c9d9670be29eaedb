"""The simulated market in the wire format of The Odds API v4:

American prices, sides by name in alphabetical order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from stratumd.plugin import SECOND, Clock, Micros, iso
from stratumd_demo.books import Book
from stratumd_demo.desks import Desk, Game
from stratumd_demo.fixtures import PLAYING
from stratumd_demo.market import Market
from stratumd_demo.quoting import MARKETS, SPORT, Posted

TITLE: Final = "NBA"
OUT_OF_STEP: Final = 1.0173
"""Keeps a book's rhythm from falling in step with polls every half minute, so that ages differ from poll to poll."""

Json = dict[str, Any]


def odds(
    market: Market,
    markets: Sequence[str] = MARKETS,
    regions: Sequence[str] = (),
    bookmakers: Sequence[str] = (),
) -> list[Json]:
    """Return the body of `/odds` at the market's present instant.

    Named bookmakers win over regions; none means all.
    """
    return [
        {**event(game), "bookmakers": list(_bookmakers(market, game, markets, regions, bookmakers))}
        for game in market.games.values()
    ]


def event(game: Game) -> Json:
    """Return a game as `/events` shows it."""
    return {
        "id": game.fixture.id,
        "sport_key": SPORT,
        "sport_title": TITLE,
        "commence_time": seconds(game.announced),
        "home_team": game.fixture.home,
        "away_team": game.fixture.away,
    }


def seconds(at: Micros) -> str:
    """Return `at` in whole seconds, as the provider writes times."""
    return iso(at - at % SECOND)


def _bookmakers(
    market: Market, game: Game, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]
) -> Iterator[Json]:
    for desk in game.desks:
        for book in desk.operator.books:
            wanted = book.key in bookmakers if bookmakers else not regions or book.region in regions
            shown = _markets(market, game, desk, book, markets) if wanted else []
            if shown:
                newest = max(one["last_update"] for one in shown)
                yield {"key": book.key, "title": book.title, "last_update": newest, "markets": shown}


def _markets(market: Market, game: Game, desk: Desk, book: Book, markets: Sequence[str]) -> list[Json]:
    shown = []
    for key in MARKETS:
        posted = desk.posted.get((book.key, key))
        if posted is None or key not in markets or key in desk.withdrawn:
            continue
        confirmed = _confirmed(market, desk, book, key)
        if market.now - confirmed < market.expiry:
            outcomes = _outcomes(game, key, posted)
            shown.append({"key": key, "last_update": seconds(confirmed), "outcomes": outcomes})
    return shown


def _confirmed(market: Market, desk: Desk, book: Book, key: str) -> Micros:
    """Return when the book last confirmed its quote: at the last beat of its rhythm, or when it changed."""
    period = market.tempo.span(2.0 * book.age * OUT_OF_STEP * SECOND)
    until = desk.silent.get(key, market.now)
    beat = until - (until + market.tempo.span(desk.phase[book.key])) % period
    return max(beat, desk.changed[book.key, key])


def _outcomes(game: Game, key: str, posted: Posted) -> list[Json]:
    first, second = posted.prices
    if key == "totals":
        return [
            {"name": "Over", "price": first, "point": posted.line},
            {"name": "Under", "price": second, "point": posted.line},
        ]
    home: Json = {"name": game.fixture.home, "price": first}
    away: Json = {"name": game.fixture.away, "price": second}
    if posted.line is not None:
        home["point"], away["point"] = posted.line, 0.0 - posted.line
    return sorted((home, away), key=lambda side: str(side["name"]))


class SimulatedContent:
    """What the fake provider serves: the market at the clock's time."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self.market = market
        self.clock = clock

    def sports(self) -> list[Json]:
        """Return the body of `/sports`."""
        return [
            {
                "key": SPORT,
                "group": "Basketball",
                "title": TITLE,
                "description": "Simulated games",
                "active": True,
                "has_outrights": False,
            }
        ]

    def events(self, sport: str) -> list[Json]:
        """Return the body of `/events`."""
        return [event(game) for game in self._games(sport)]

    def odds(self, sport: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]) -> list[Json]:
        """Return the body of `/odds`."""
        return odds(self.market, markets, regions, bookmakers) if self._games(sport) else []

    def event_odds(
        self,
        sport: str,
        event_id: str,
        markets: Sequence[str],
        regions: Sequence[str] = (),
        bookmakers: Sequence[str] = (),
    ) -> Json | None:
        """Return the body of `/events/{id}/odds`, in which books have no time of their own; None for an
        unknown game.
        """
        for game in self.odds(sport, markets, regions, bookmakers):
            if game["id"] == event_id:
                for book in game["bookmakers"]:
                    del book["last_update"]
                return game
        return None

    def scores(self, sport: str, days_from: int | None) -> list[Json]:
        """Return the body of `/scores`:

        the scheduled and the live games. Ended games leave the simulated market.
        """
        return [self._score(game) for game in self._games(sport)]

    def _games(self, sport: str) -> list[Game]:
        self.market.advance(max(self.clock.now(), self.market.now))
        return list(self.market.games.values()) if sport in (SPORT, "upcoming") else []

    def _score(self, game: Game) -> Json:
        score: Json = {**event(game), "completed": False, "scores": None, "last_update": None}
        if game.live:
            share = min(1.0, (self.market.now - game.announced) / PLAYING)
            names = (game.fixture.home, game.fixture.away)
            score["scores"] = [
                {"name": name, "score": str(round(points * share))}
                for name, points in zip(names, game.result, strict=True)
            ]
            score["last_update"] = seconds(self.market.now)
        return score
