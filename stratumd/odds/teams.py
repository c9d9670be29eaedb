"""Teams: one canonical name for each, whatever a provider calls it.

The names are those of The Odds API, which are the league's own full names for all 30 teams (measured over 3,963 NBA
events: exactly these strings). The NBA's files give city and name apart and say `LA` for the Clippers' city; they are
read by team id or tricode. Aliases are spellings of other providers and of people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Team(NamedTuple):
    """A team of a league."""

    id: int
    """The league's own id."""
    tricode: str
    name: str
    """The canonical name."""
    aliases: tuple[str, ...] = ()
    """Other spellings, besides the tricode and the name without its city."""


NBA_TEAMS: tuple[Team, ...] = (
    Team(1610612737, "ATL", "Atlanta Hawks"),
    Team(1610612738, "BOS", "Boston Celtics"),
    Team(1610612751, "BKN", "Brooklyn Nets", ("BRK", "New Jersey Nets")),
    Team(1610612766, "CHA", "Charlotte Hornets", ("CHO", "Charlotte Bobcats")),
    Team(1610612741, "CHI", "Chicago Bulls"),
    Team(1610612739, "CLE", "Cleveland Cavaliers", ("Cavs", "Cleveland Cavs")),
    Team(1610612742, "DAL", "Dallas Mavericks", ("Mavs", "Dallas Mavs")),
    Team(1610612743, "DEN", "Denver Nuggets"),
    Team(1610612765, "DET", "Detroit Pistons"),
    Team(1610612744, "GSW", "Golden State Warriors", ("GS", "Golden St Warriors")),
    Team(1610612745, "HOU", "Houston Rockets"),
    Team(1610612754, "IND", "Indiana Pacers"),
    Team(1610612746, "LAC", "Los Angeles Clippers", ("LA Clippers", "L.A. Clippers")),
    Team(1610612747, "LAL", "Los Angeles Lakers", ("LA Lakers", "L.A. Lakers")),
    Team(1610612763, "MEM", "Memphis Grizzlies"),
    Team(1610612748, "MIA", "Miami Heat"),
    Team(1610612749, "MIL", "Milwaukee Bucks"),
    Team(1610612750, "MIN", "Minnesota Timberwolves", ("Wolves", "Minnesota Wolves")),
    Team(1610612740, "NOP", "New Orleans Pelicans", ("NO", "New Orleans Hornets")),
    Team(1610612752, "NYK", "New York Knicks", ("NY", "NY Knicks")),
    Team(1610612760, "OKC", "Oklahoma City Thunder", ("OKC Thunder",)),
    Team(1610612753, "ORL", "Orlando Magic"),
    Team(1610612755, "PHI", "Philadelphia 76ers", ("Sixers", "Philadelphia Sixers")),
    Team(1610612756, "PHX", "Phoenix Suns", ("PHO",)),
    Team(1610612757, "POR", "Portland Trail Blazers", ("Blazers", "Portland Blazers")),
    Team(1610612758, "SAC", "Sacramento Kings"),
    Team(1610612759, "SAS", "San Antonio Spurs", ("SA",)),
    Team(1610612761, "TOR", "Toronto Raptors"),
    Team(1610612762, "UTA", "Utah Jazz", ("UTAH",)),
    Team(1610612764, "WAS", "Washington Wizards", ("WSH",)),
)
"""The 30 teams of the NBA, by name."""

TEAMS: Mapping[str, tuple[Team, ...]] = {
    "basketball_nba": NBA_TEAMS,
    "basketball_nba_preseason": NBA_TEAMS,
    "basketball_nba_summer_league": NBA_TEAMS,
}
"""The teams by sport key; a sport that is not here has none that are known."""

_NOISE = re.compile(r"[\W_]+")
_TWO_WORDS = frozenset({"Trail Blazers"})


def team_of(sport: str, name: str) -> Team | None:
    """Return the team of `sport` that `name` means: its name, id, tricode or an alias, in any case; None if unknown."""
    return _INDEX.get(sport, {}).get(_folded(name))


def canonical_team(sport: str, name: str) -> str:
    """Return the name under which a team is compared: a known team's own, else `name` in lower case without marks."""
    team = team_of(sport, name)
    return _folded(name) if team is None else team.name


def _folded(name: str) -> str:
    return _NOISE.sub(" ", name.casefold()).strip()


def _spellings(team: Team) -> tuple[str, ...]:
    words = team.name.split(" ")
    nickname = " ".join(words[-2:]) if " ".join(words[-2:]) in _TWO_WORDS else words[-1]
    return (str(team.id), team.tricode, team.name, nickname, *team.aliases)


def _index(teams: tuple[Team, ...]) -> dict[str, Team]:
    return {_folded(spelling): team for team in teams for spelling in _spellings(team)}


_INDEX: Mapping[str, Mapping[str, Team]] = {sport: _index(teams) for sport, teams in TEAMS.items()}
