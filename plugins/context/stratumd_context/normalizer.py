"""Lists of injured players as news."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from stratumd.odds import team_of
from stratumd.plugin import Issue, News, Normalizer, Observation, Severity, Snapshot
from stratumd_context.wire import SCRAMBLED, Player, read_player, read_players, sport_of

TOPIC = "injuries"
SOURCE = "sportsdataio"
_LONGEST = 60


class InjuryReports(Normalizer):
    """Reads SportsDataIO's injured players. A report stands in place of the one before, as a whole."""

    name = "context"

    def normalize(self, observation: Observation) -> Snapshot:
        """Return what `observation` says; whatever the bytes are, this does not raise."""
        sport = sport_of(observation.request.path)
        if observation.status != 200 or sport is None:
            return Snapshot(None, [], [])
        players = read_players(observation.body)
        if players is None:
            return Snapshot(None, [], [Issue("malformed_body", "the answer is no list of players", Severity.ERROR)])
        teams: dict[str, list[dict[str, Any]]] = {}
        wrong: Counter[str] = Counter()
        for raw in players:
            player = read_player(raw)
            found = "malformed_injury" if player is None else _understood(sport, player)
            if isinstance(found, str):
                wrong[found] += 1
            else:
                teams.setdefault(found[0], []).append(found[1])
        for some in teams.values():
            some.sort(key=lambda each: (each["status"], each["player"]))
        news = News(sport, TOPIC, SOURCE, {team: teams[team] for team in sorted(teams)})
        return Snapshot(None, [], [*_issues(wrong)], news=[news])


def _understood(sport: str, player: Player) -> tuple[str, dict[str, Any]] | str:
    """Return the team, and what is said of the player; or the rule by which nothing is."""
    name, status = _text(player.FirstName, player.LastName), _text(player.InjuryStatus).lower()
    if SCRAMBLED in (status, name.lower(), _text(player.LastName).lower()):
        return "scrambled_injury"
    if not name or not status:
        return "malformed_injury"
    team = team_of(sport, player.Team or "")
    if team is None:
        return "unknown_team"
    part = _text(player.InjuryBodyPart)
    hidden = part.lower() == SCRAMBLED
    return team.name, {
        "player": name,
        "position": _text(player.Position) or None,
        "status": status,
        "body_part": None if hidden or not part else part.lower(),
    }


_SAID = {
    "malformed_injury": ("injured players are not as they should be and are left out", Severity.WARNING),
    "unknown_team": ("injured players are of a team that is not known and are left out", Severity.WARNING),
    "scrambled_injury": ("injured players are scrambled, as a trial key gets them, and are left out", Severity.WARNING),
}


def _issues(wrong: Counter[str]) -> Iterator[Issue]:
    for rule, number in sorted(wrong.items()):
        text, severity = _SAID[rule]
        yield Issue(rule, f"{number} {text}", severity)


def _text(*parts: str | None) -> str:
    """Return words on one line, short enough for evidence."""
    words = " ".join(" ".join(part.split()) for part in parts if part)
    return "".join([each for each in words if each.isprintable()])[:_LONGEST].strip()
