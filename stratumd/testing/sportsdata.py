"""A fake of SportsDataIO's lists of injured players on loopback, with faults on demand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Self

import msgspec

from stratumd.testing.provider_http import MANNERS, HttpReply, HttpRequest, LoopbackServer

KEY = "sportsdata-canary-key"
"""The key that it takes."""
PATH = "/v3/nba/projections/json/InjuredPlayers"
FAULTS = ("401", "403", "404", "429", "500", "503", "not_json", *MANNERS[1:])
"""What `fail_next` takes."""

_JSON = {"content-type": "application/json; charset=utf-8"}

Row = dict[str, Any]


def injured(team: str, name: str, status: str = "Out", part: str | None = "Knee", position: str = "PG") -> Row:
    """Return a player as SportsDataIO writes one; `team` is its own short name, such as `GS`."""
    first, _, last = name.partition(" ")
    return {
        "PlayerID": 20_000_000 + len(name),
        "Status": "Active",
        "Team": team,
        "Position": position,
        "FirstName": first,
        "LastName": last,
        "InjuryStatus": status,
        "InjuryBodyPart": part,
        "InjuryStartDate": "2026-01-08T00:00:00",
        "InjuryNotes": "Scrambled",
    }


class FakeSportsData:
    """SportsDataIO at `url` while entered: `players` are those that are injured, or the bytes of the answer."""

    def __init__(self, players: Iterable[Row] | bytes = ()) -> None:
        self.players: Iterable[Row] | bytes = players
        self.served: deque[HttpRequest] = deque(maxlen=1_000)
        """The newest requests, oldest first."""
        self._faults: deque[str] = deque()
        self._server = LoopbackServer(self._reply)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, known once entered."""
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
            return HttpReply(int(fault), b'{"HttpStatusCode":0,"Description":"no"}', _JSON)
        if fault == "not_json":
            return HttpReply(200, b'[{"PlayerID":', _JSON)
        if request.headers.get("ocp-apim-subscription-key") != KEY:
            return HttpReply(401, b'{"statusCode":401,"message":"invalid subscription key"}', _JSON)
        if request.path != PATH:
            return HttpReply(404, b'{"HttpStatusCode":404}', _JSON)
        players = self.players
        body = players if isinstance(players, bytes) else msgspec.json.encode([*players])
        return HttpReply(200, body, _JSON, fault or "whole")
