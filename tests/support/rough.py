"""Recordings made by hand: one answer of The Odds API, and a market rougher than any that was recorded.

In the rough market books disagree, vanish and go stale, games are left out of answers, and starts move.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple, TypeAlias

from stratumd.odds import BOOKS

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
STARTS = (40, 60, 90, 300)
"""Minutes after noon."""
AGES = (5, 30, 60, 300, 590, 620, 800)
"""Seconds since a book's last update of a market: some are too old to count."""
JUICE = ((-110, -110), (-105, -115), (-116, -104), (100, -121), (-122, 101))

Outcome: TypeAlias = tuple[Any, ...]
"""Name, American price and, where it has one, line."""


class Offer(NamedTuple):
    """What a book offers in a market. `age` in seconds."""

    market: str
    outcomes: Sequence[Outcome]
    age: float = 0.0


class Game(NamedTuple):
    """A game, its start and the offers by book."""

    id: str
    starts: datetime
    offers: Mapping[str, Sequence[Offer]]


def answer(at: datetime, sport: str, games: Sequence[Game]) -> bytes:
    """Return a line of a recording. A book's own update is the answer's instant; those of its markets may be older."""
    body = [
        {
            "id": game.id,
            "sport_key": sport,
            "sport_title": sport,
            "commence_time": game.starts.isoformat(),
            "home_team": "Home",
            "away_team": "Away",
            "bookmakers": [
                {"key": book, "title": book, "last_update": at.isoformat(), "markets": [_market(at, o) for o in offers]}
                for book, offers in game.offers.items()
            ],
        }
        for game in games
    ]
    params = {"regions": "us", "markets": "h2h,spreads,totals", "oddsFormat": "american"}
    request = {"path": f"/v4/sports/{sport}/odds", "params": params}
    line = {"received_at": at.isoformat(), "source": "odds-api", "request": request, "body": body}
    return json.dumps(line).encode() + b"\n"


def _market(at: datetime, offer: Offer) -> dict[str, Any]:
    outcomes = [dict(zip(("name", "price", "point"), outcome, strict=False)) for outcome in offer.outcomes]
    updated = at - timedelta(seconds=offer.age)
    return {"key": offer.market, "last_update": updated.isoformat(), "outcomes": outcomes}


def market(seed: int, sport: str, polls: int = 40) -> list[bytes]:
    """Return the answers about three games of a rough market. The same seed gives the same."""
    random = Random(seed)
    books = random.sample([key for key, book in BOOKS.items() if book.region != "us_dfs"], random.choice((8, 14, 30)))
    pause = random.choice((2, 5, 12))
    games = [_Rough(random, f"{seed:016}{number:016}", books) for number in range(3)]
    instants = [NOON + timedelta(minutes=pause * poll, seconds=random.randrange(20)) for poll in range(polls)]
    return [answer(at, sport, [game.shown() for game in games if random.random() > 0.02]) for at in instants]


class _Rough:
    """A game whose books follow one mind, each in its own time and not quite."""

    def __init__(self, random: Random, id: str, books: Sequence[str]) -> None:
        self.random = random
        self.id = id
        self.starts = self._start()
        self.mind = 0.0
        self.offers: dict[tuple[str, str], Sequence[Outcome]] = {
            (book, key): self._offer(key) for book in books for key in ("h2h", "spreads", "totals")
        }

    def shown(self) -> Game:
        """Let some time pass, and return what is offered."""
        if self._happens(0.03):
            self.starts = self._start()
        if self._happens(0.15):
            self.mind += self.random.choice((-1.0, -0.5, 0.5, 1.0))
        shown: dict[str, list[Offer]] = {}
        for book, key in self.offers:
            if self._happens(0.25):
                self.offers[book, key] = self._offer(key)
            if not self._happens(0.05):
                offer = Offer(key, self.offers[book, key], self.random.choice(AGES))
                shown.setdefault(book, []).append(offer)
        return Game(self.id, self.starts, shown)

    def _offer(self, key: str) -> list[Outcome]:
        stray = self.random.choice((-2.0, 2.5) if self._happens(0.05) else (0.0, 0.0, 0.0, 0.5, -0.5))
        view = self.mind + stray
        if key == "h2h":
            home = 50 + round(3 * view)
            return [("Away", american(100 - home)), ("Home", american(home))]
        one, other = self.random.choice(JUICE)
        line = round(2 * view) / 2
        if key == "spreads":
            return [("Away", one, 3 - line), ("Home", other, line - 3)]
        return [("Over", one, 220 + line), ("Under", other, 220 + line)]

    def _start(self) -> datetime:
        return NOON + timedelta(minutes=self.random.choice(STARTS))

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance


def american(percent: float) -> int:
    """Return the price of a chance, with a margin of 4 %."""
    fair = 100 / (1.04 * min(95.0, max(5.0, percent))) - 1
    return round(100 * fair) if fair >= 1 else -round(100 / fair)
