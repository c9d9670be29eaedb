"""A fake of the NBA's scoreboards on loopback: the live file and those of past days, with faults on demand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from stratumd.odds import NBA_TEAMS, team_of
from stratumd.plugin import HOUR, Micros, iso, to_datetime
from stratumd.testing.provider_http import HttpReply, HttpRequest
from stratumd.testing.site import JSON, FakeSite

LIVE = "/static/json/liveData/scoreboard/todaysScoreboard_00.json"
PAST = "/stats/scoreboardv3"

_NEW_YORK_BEHIND = 5 * HOUR
_HTML = {"content-type": "text/html"}

Row = dict[str, Any]


def nba_game(
    home: str,
    away: str,
    start: Micros,
    *,
    id: str = "",
    status: int = 1,
    text: str = "",
    score: tuple[int, int] = (0, 0),
) -> Row:
    """Return a game as the NBA writes it. `status` is 1 before, 2 in and 3 after the game; `text` may say `PPD`."""
    return {
        "gameId": id or f"00225{start // HOUR % 100000:05d}",
        "gameCode": "",
        "gameStatus": status,
        "gameStatusText": text or {1: "7:00 pm ET", 2: "Q2 07:15", 3: "Final"}[status],
        "period": {1: 0, 2: 2, 3: 4}[status],
        "gameClock": "PT07M15.00S" if status == 2 else "",
        "gameTimeUTC": iso(start),
        "gameEt": iso(start - _NEW_YORK_BEHIND),  # its `Z` is as false as the NBA's
        "homeTeam": _side(home, score[0]),
        "awayTeam": _side(away, score[1]),
    }


class FakeNba(FakeSite):
    """The NBA at `url` while entered: `today` is the live scoreboard, `days` those of past days, by `YYYY-MM-DD`.

    A day is a list of games, or the bytes of a file. Both addresses of the source lead here.
    """

    cut = b'{"scoreboard":'

    def __init__(self, today: Iterable[Row] | bytes = (), days: dict[str, Iterable[Row] | bytes] | None = None) -> None:
        super().__init__()
        self.today: Iterable[Row] | bytes = today
        self.days: dict[str, Iterable[Row] | bytes] = days or {}

    def refusal(self, status: int) -> HttpReply:
        """Refuse as the NBA's edge does, with a page for people."""
        return HttpReply(status, b"<html>Access Denied</html>", _HTML)

    def answer(self, request: HttpRequest) -> HttpReply:
        """Return a scoreboard."""
        body = self._body(request)
        return HttpReply(404, b"<html>Not Found</html>", _HTML) if body is None else HttpReply(200, body, JSON)

    def _body(self, request: HttpRequest) -> bytes | None:
        if request.path == LIVE:
            return _file(self.today, "")
        if request.path == PAST and request.params.get("LeagueID") == "00" and "GameDate" in request.params:
            day = request.params["GameDate"]
            return _file(self.days.get(day, ()), day)
        return None


def _file(games: Iterable[Row] | bytes, day: str) -> bytes:
    if isinstance(games, bytes):
        return games
    rows = list(games)
    board = {"gameDate": day or _day(rows), "leagueId": "00", "games": rows}
    return msgspec.json.encode({"meta": {"version": 1, "code": 200}, "scoreboard": board})


def _day(rows: list[Row]) -> str:
    return str(rows[0]["gameEt"])[:10] if rows else to_datetime(0).date().isoformat()


def _side(name: str, score: int) -> Row:
    team = team_of("basketball_nba", name)
    if team is None:
        raise ValueError(f"{name!r} is no NBA team; there are {', '.join(each.name for each in NBA_TEAMS)}")
    city, _, nickname = team.name.rpartition(" ")
    city = "LA" if team.tricode == "LAC" else city
    return {"teamId": team.id, "teamName": nickname, "teamCity": city, "teamTricode": team.tricode, "score": score}
