"""The NBA's scoreboard files: the live one and those of past days have one shape."""

from __future__ import annotations

import msgspec

LIVE = "/static/json/liveData/scoreboard/todaysScoreboard_00.json"
"""The games of today, New York's day; it changes to the next one about noon there."""
PAST = "/stats/scoreboardv3"
"""The games of one day. Its predecessor repeats games and leaves out scores."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Everything that decoding any bytes can raise."""

SCHEDULED, LIVE_STATUS, FINAL = 1, 2, 3
"""What `gameStatus` means. A postponed or cancelled game stays at 1; only its text says so."""


class Side(msgspec.Struct):
    """A team in a game. The city of the Clippers is `LA`, so that only id and tricode name a team."""

    teamId: int = 0  # noqa: N815  # the NBA's own names
    teamTricode: str | None = ""  # noqa: N815  # the NBA's own name
    teamCity: str | None = ""  # noqa: N815  # the NBA's own name
    teamName: str | None = ""  # noqa: N815  # the NBA's own name
    score: int | None = None


class Game(msgspec.Struct):
    """A game. `gameEt` is not read: it gives New York's time with a false `Z`."""

    gameId: str  # noqa: N815  # the NBA's own name
    gameStatus: int  # noqa: N815  # the NBA's own name
    gameTimeUTC: str  # noqa: N815  # the NBA's own name
    homeTeam: Side  # noqa: N815  # the NBA's own name
    awayTeam: Side  # noqa: N815  # the NBA's own name
    gameStatusText: str | None = ""  # noqa: N815  # the NBA's own name


class _Board(msgspec.Struct):
    games: list[msgspec.Raw]
    gameDate: str | None = ""  # noqa: N815  # the NBA's own name


class _File(msgspec.Struct):
    scoreboard: _Board


class Scoreboard(msgspec.Struct):
    """The games of one day, each as bytes until it is read."""

    day: str
    games: list[msgspec.Raw]


_DECODER = msgspec.json.Decoder(_File)


def read_board(body: bytes) -> Scoreboard | None:
    """Return the scoreboard of a file, or None where it is none."""
    try:
        board = _DECODER.decode(body).scoreboard
    except UNREADABLE:
        return None
    return Scoreboard(board.gameDate or "", board.games)


def read_game(raw: msgspec.Raw) -> Game | None:
    """Return one game, or None where it is not as it should be."""
    try:
        return msgspec.json.decode(raw, type=Game)
    except UNREADABLE:
        return None


def is_off(game: Game) -> str | None:
    """Return `postponed` or `cancelled` where the text of a game says so, else None."""
    words = (game.gameStatusText or "").strip().casefold()
    if words.startswith(("ppd", "postponed")):
        return "postponed"
    if words.startswith(("cncl", "canc", "cxl")):
        return "cancelled"
    return None
