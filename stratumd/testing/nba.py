"""A fake of the NBA's scoreboards on loopback: the live file and those of past days, with faults on demand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Self

import msgspec

from stratumd.odds import NBA_TEAMS, team_of
from stratumd.plugin import HOUR, Micros, iso, to_datetime
from stratumd.testing.provider_http import MANNERS, HttpReply, HttpRequest, LoopbackServer

LIVE = "/static/json/liveData/scoreboard/todaysScoreboard_00.json"
PAST = "/stats/scoreboardv3"
FAULTS = ("403", "404", "429", "500", "503", "not_json", *MANNERS[1:])
"""What `fail_next` takes."""

_NEW_YORK_BEHIND = 5 * HOUR
_JSON = {"content-type": "application/json"}

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


class FakeNba:
    """The NBA at `url` while entered: `today` is the live scoreboard, `days` those of past days, by `YYYY-MM-DD`.

    A day is a list of games, or the bytes of a file.
    """

    def __init__(self, today: Iterable[Row] | bytes = (), days: dict[str, Iterable[Row] | bytes] | None = None) -> None:
        self.today: Iterable[Row] | bytes = today
        self.days: dict[str, Iterable[Row] | bytes] = days or {}
        self.served: deque[HttpRequest] = deque(maxlen=1_000)
        """The newest requests, oldest first."""
        self._faults: deque[str] = deque()
        self._server = LoopbackServer(self._reply)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, known once entered; both addresses of the source lead there."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> bool | None:
        return await self._server.__aexit__(*error)

    def fail_next(self, kind: str, count: int = 1) -> None:
        """Answer the next `count` requests with a fault of `FAULTS`."""
        if kind not in FAULTS:
            raise ValueError(f"unknown fault {kind!r}; there are {', '.join(FAULTS)}")
        self._faults.extend([kind] * count)

    async def _reply(self, request: HttpRequest) -> HttpReply:
        self.served.append(request)
        fault = self._faults.popleft() if self._faults else ""
        if fault.isdigit():
            return HttpReply(int(fault), b"<html>Access Denied</html>", {"content-type": "text/html"})
        if fault == "not_json":
            return HttpReply(200, b'{"scoreboard":', _JSON)
        body = self._body(request)
        if body is None:
            return HttpReply(404, b"<html>Not Found</html>", {"content-type": "text/html"})
        return HttpReply(200, body, _JSON, fault or "whole")

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
