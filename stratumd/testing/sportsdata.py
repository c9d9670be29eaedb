"""A fake of SportsDataIO's lists of injured players on loopback, with faults on demand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from stratumd.testing.provider_http import HttpReply, HttpRequest
from stratumd.testing.site import JSON, FakeSite

KEY = "sportsdata-canary-key"
"""The key that it takes."""
PATH = "/v3/nba/projections/json/InjuredPlayers"

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


class FakeSportsData(FakeSite):
    """SportsDataIO at `url` while entered: `players` are those that are injured, or the bytes of the answer."""

    statuses = (401, *FakeSite.statuses)
    cut = b'[{"PlayerID":'

    def __init__(self, players: Iterable[Row] | bytes = ()) -> None:
        super().__init__()
        self.players: Iterable[Row] | bytes = players

    def refusal(self, status: int) -> HttpReply:
        """Refuse as the site's servers do."""
        return HttpReply(status, b'{"HttpStatusCode":0,"Description":"no"}', JSON)

    def answer(self, request: HttpRequest) -> HttpReply:
        """Return the list, to whoever has the key."""
        if request.headers.get("ocp-apim-subscription-key") != KEY:
            return HttpReply(401, b'{"statusCode":401,"message":"invalid subscription key"}', JSON)
        if request.path != PATH:
            return HttpReply(404, b'{"HttpStatusCode":404}', JSON)
        players = self.players
        return HttpReply(200, players if isinstance(players, bytes) else msgspec.json.encode([*players]), JSON)
