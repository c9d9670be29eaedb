"""The Odds API's `/scores` as results. Its ids are those of the odds, so that no event has to be searched for."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from stratumd.plugin import Issue, Micros, Observation, Phase, Request, Result, Severity, Snapshot, parse_iso
from stratumd_odds_api.wire import UNREADABLE, is_name

HIGHEST_SCORE = 9999
"""Cricket has hundreds; whatever lies above is no score."""


class _Side(msgspec.Struct):
    name: str
    score: str | int


class _Game(msgspec.Struct):
    id: str
    sport_key: str
    commence_time: str
    home_team: str
    away_team: str
    completed: bool
    scores: list[_Side] | None = None


class _Named(msgspec.Struct):
    id: str


class _Read(NamedTuple):
    result: Result | None
    issue: Issue | None = None


_GAMES: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


def is_scores(request: Request) -> bool:
    """Say whether `request` asked for scores."""
    return request.path.startswith("/v4/sports/") and request.path.endswith("/scores")


def read_scores(observation: Observation) -> Snapshot:
    """Return what an answer to `/scores` says. A game that is missing there is concluded to be nothing."""
    try:
        games = _GAMES.decode(observation.body)
    except UNREADABLE:
        return Snapshot(None, [], [Issue("malformed_body", "the answer is no JSON of its kind", Severity.ERROR)])
    read = [_read(raw) for raw in games]
    results = [each.result for each in read if each.result is not None]
    return Snapshot(None, [], [each.issue for each in read if each.issue is not None], results=results)


def _read(raw: msgspec.Raw) -> _Read:
    try:
        game = msgspec.json.decode(raw, type=_Game)
    except UNREADABLE:
        return _Read(None, Issue("malformed_score", "a game is not as documented and is left out", event=_id(raw)))
    start = _time(game.commence_time)
    if start is None or not all(map(is_name, (game.id, game.sport_key, game.home_team, game.away_team))):
        return _Read(None, Issue("malformed_score", "a game's id, teams or start cannot be read", event=_id(raw)))
    home, away = _points(game, game.home_team), _points(game, game.away_team)
    result = Result(
        game.id, game.sport_key, game.home_team, game.away_team, start, _phase(game), home, away, "", game.id
    )
    if game.scores is not None and (home is None or away is None):
        return _Read(result, Issue("malformed_score", "the score of a team cannot be read", event=game.id))
    return _Read(result)


def _phase(game: _Game) -> Phase:
    if game.completed:
        return Phase.FINAL
    return Phase.SCHEDULED if game.scores is None else Phase.LIVE


def _points(game: _Game, team: str) -> int | None:
    """Return a team's score by its name: the order of the two says nothing."""
    found = [str(side.score) for side in game.scores or () if side.name == team]
    if len(found) != 1 or not found[0].isdecimal() or not found[0].isascii():
        return None
    points = int(found[0]) if len(found[0]) <= len(str(HIGHEST_SCORE)) else HIGHEST_SCORE + 1
    return points if points <= HIGHEST_SCORE else None


def _time(text: str) -> Micros | None:
    try:
        return parse_iso(text)
    except (ValueError, OverflowError):
        return None


def _id(raw: msgspec.Raw) -> str | None:
    try:
        id = msgspec.json.decode(raw, type=_Named).id
    except UNREADABLE:
        return None
    return id if is_name(id) else None
