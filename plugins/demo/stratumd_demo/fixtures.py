"""Who plays whom, when: NBA-like fixtures under 32-digit ids, as the provider names them."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Final, NamedTuple

from stratumd.plugin import HOUR, MINUTE, Micros, parse_iso

TEAMS: Final = (
    "Atlanta Hawks",
    "Boston Celtics",
    "Brooklyn Nets",
    "Charlotte Hornets",
    "Chicago Bulls",
    "Cleveland Cavaliers",
    "Dallas Mavericks",
    "Denver Nuggets",
    "Detroit Pistons",
    "Golden State Warriors",
    "Houston Rockets",
    "Indiana Pacers",
    "Los Angeles Clippers",
    "Los Angeles Lakers",
    "Memphis Grizzlies",
    "Miami Heat",
    "Milwaukee Bucks",
    "Minnesota Timberwolves",
    "New Orleans Pelicans",
    "New York Knicks",
    "Oklahoma City Thunder",
    "Orlando Magic",
    "Philadelphia 76ers",
    "Phoenix Suns",
    "Portland Trail Blazers",
    "Sacramento Kings",
    "San Antonio Spurs",
    "Toronto Raptors",
    "Utah Jazz",
    "Washington Wizards",
)

FIRST_START: Final = 3 * HOUR
"""From the opening of the market to the first game's start."""
BETWEEN_STARTS: Final = 90 * MINUTE
NEXT_START: Final = 24 * HOUR
"""A game that ended is replaced by one that starts so much later."""
PLAYING: Final = 132 * MINUTE
"""How long a game stays in the feed after its start (median of 65 real games)."""
ROUND: Final = NEXT_START + PLAYING
"""From one game of a slot to its next."""
SEASON: Final = parse_iso("2026-01-01T00:00:00Z")
"""When the season began that the demo's games belong to."""
MOST_GAMES: Final = len(TEAMS) // 2


class Fixture(NamedTuple):
    """A game as it is first announced."""

    id: str
    home: str
    away: str
    starts: Micros
    margin: float
    """Fair home margin, points."""
    total: float
    """Fair total, points."""


class Season(NamedTuple):
    """When games are played, each under its number: `games` slots, whose games follow each other."""

    begins: Micros
    games: int
    goes_on: bool
    """Whether it began before the market and goes on after it, with starts all day long. One that is the market's own
    begins with a pause, and its first games follow each other.
    """

    def starts(self, number: int) -> Micros:
        """Return when a game starts, in whole minutes."""
        slot, lap = number % self.games, number // self.games
        first = slot * ROUND // self.games if self.goes_on else FIRST_START + slot * BETWEEN_STARTS
        starts = self.begins + first + lap * ROUND
        return starts - starts % MINUTE

    def coming(self, slot: int, at: Micros) -> int:
        """Return the first game of a slot that starts after `at`."""
        if not self.goes_on:
            return slot
        number = slot + (at - self.starts(slot)) // ROUND * self.games
        while self.starts(number) <= at:
            number += self.games
        return number


def draw_fixture(random: Random, number: int, season: Season) -> Fixture:
    """Return the game of a number. A later one takes the teams of an ended one's slot."""
    home, away = _pair(random, number % season.games, season.games)
    return Fixture(
        id=_id(random, season),
        home=home,
        away=away,
        starts=season.starts(number),
        margin=max(-13.0, min(13.0, random.gauss(2.0, 6.0))),
        total=max(210.0, min(245.0, random.gauss(228.0, 7.0))),
    )


def _id(random: Random, season: Season) -> str:
    """Another season has other games: what was stored of the first says nothing about them."""
    mark = f"{season.begins}/{season.games}" if season.goes_on else str(season.begins)
    return hashlib.blake2b(f"{random.getrandbits(128)}/{mark}".encode(), digest_size=16).hexdigest()


def _pair(random: Random, slot: int, games: int) -> tuple[str, str]:
    """Each slot has its own teams, so that no team plays twice at once."""
    share = len(TEAMS) // games
    home, away = random.sample(TEAMS[slot * share : (slot + 1) * share], 2)
    return home, away
