"""SportsDataIO's list of injured players."""

from __future__ import annotations

import msgspec

LEAGUES = {"basketball_nba": "nba"}
"""What the provider calls a sport."""
SCRAMBLED = "scrambled"
"""What a trial key gets in place of facts."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Everything that decoding any bytes can raise."""


class Player(msgspec.Struct):
    """A player who is injured, as far as it is read here."""

    Team: str | None = None
    FirstName: str | None = None
    LastName: str | None = None
    Position: str | None = None
    InjuryStatus: str | None = None
    InjuryBodyPart: str | None = None


def path_of(sport: str) -> str:
    """Return where the injured players of a sport are listed."""
    return f"/v3/{LEAGUES[sport]}/projections/json/InjuredPlayers"


def sport_of(path: str) -> str | None:
    """Return whose injured players a path lists; None where it lists none."""
    return next((sport for sport in LEAGUES if path_of(sport) == path), None)


def read_players(body: bytes) -> list[msgspec.Raw] | None:
    """Return the players of an answer, each as bytes, or None where it is no list."""
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except UNREADABLE:
        return None


def read_player(raw: msgspec.Raw) -> Player | None:
    """Return one player, or None where it is not as it should be."""
    try:
        return msgspec.json.decode(raw, type=Player)
    except UNREADABLE:
        return None
