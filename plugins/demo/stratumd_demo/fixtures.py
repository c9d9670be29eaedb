"""Who plays whom, when: NBA-like fixtures under 32-digit ids, as the provider names them."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Final, NamedTuple

from stratumd.plugin import HOUR, MINUTE, Micros

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


def draw_fixture(random: Random, number: int, opened: Micros, games: int) -> Fixture:
    """Return the fixture of slot `number`.

    The first `games` follow each other, a later one takes an ended one's teams.
    """
    slot, lap = number % games, number // games
    home, away = _pair(random, slot, games)
    starts = opened + FIRST_START + slot * BETWEEN_STARTS + lap * (NEXT_START + PLAYING)
    return Fixture(
        id=_id(random, opened),
        home=home,
        away=away,
        starts=starts - starts % MINUTE,
        margin=max(-13.0, min(13.0, random.gauss(2.0, 6.0))),
        total=max(210.0, min(245.0, random.gauss(228.0, 7.0))),
    )


def _id(random: Random, opened: Micros) -> str:
    """A market that is opened again has other games: what was stored of the first says nothing about them."""
    return hashlib.blake2b(f"{random.getrandbits(128)}/{opened}".encode(), digest_size=16).hexdigest()


def _pair(random: Random, slot: int, games: int) -> tuple[str, str]:
    """Each slot has its own teams, so that no team plays twice at once."""
    share = len(TEAMS) // games
    home, away = random.sample(TEAMS[slot * share : (slot + 1) * share], 2)
    return home, away
