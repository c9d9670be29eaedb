"""The NBA's scoreboards as results."""

from __future__ import annotations

from stratumd.odds import team_of
from stratumd.plugin import Issue, Micros, Normalizer, Observation, Phase, Result, Severity, Snapshot, parse_iso
from stratumd_nba_scores.wire import FINAL, LIVE_STATUS, Game, Side, is_off, read_board, read_game

LONGEST_NAME = 100
HIGHEST_SCORE = 999

_SPORTS = {"001": "basketball_nba_preseason", "003": "basketball_nba_all_stars"}
"""By the first digits of a game's id; all others, play-in and playoffs included, are `basketball_nba`."""


class NbaScoresNormalizer(Normalizer):
    """Reads the live scoreboard and those of past days."""

    name = "nba-scores"

    def normalize(self, observation: Observation) -> Snapshot:
        """Return what `observation` says; whatever the bytes are, this does not raise."""
        if observation.status != 200:
            return Snapshot(None, [], [])
        board = read_board(observation.body)
        if board is None:
            return Snapshot(None, [], [Issue("malformed_body", "the answer is no scoreboard", Severity.ERROR)])
        results: dict[str, Result] = {}
        issues: list[Issue] = []
        for raw in board.games:
            game = read_game(raw)
            result = None if game is None else _result(game)
            if result is None:
                issues.append(Issue("malformed_score", "a game is not as it should be and is left out"))
            else:
                results.setdefault(result.game, result)
        return Snapshot(None, [], issues, results=[*results.values()])


def _result(game: Game) -> Result | None:
    start = _time(game.gameTimeUTC)
    home, away = _name(game.homeTeam), _name(game.awayTeam)
    if start is None or home is None or away is None or not _is_name(game.gameId):
        return None
    phase = _phase(game)
    played = phase in (Phase.LIVE, Phase.FINAL)
    return Result(
        game.gameId,
        _SPORTS.get(game.gameId[:3], "basketball_nba"),
        home,
        away,
        start,
        phase,
        _points(game.homeTeam) if played else None,  # before the game the file says 0
        _points(game.awayTeam) if played else None,
        " ".join((game.gameStatusText or "").split())[:LONGEST_NAME] if phase is Phase.LIVE else "",
    )


def _phase(game: Game) -> Phase:
    off = is_off(game)
    if off is not None:
        return Phase(off)
    return {LIVE_STATUS: Phase.LIVE, FINAL: Phase.FINAL}.get(game.gameStatus, Phase.SCHEDULED)


def _name(side: Side) -> str | None:
    """Return the team's canonical name, or for a team that is none of the league's what the file calls it."""
    sport = "basketball_nba"
    team = team_of(sport, str(side.teamId)) or team_of(sport, side.teamTricode or "")
    name = team.name if team else f"{side.teamCity or ''} {side.teamName or ''}".strip()
    return name if _is_name(name) else None


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and text.isprintable()


def _points(side: Side) -> int | None:
    return side.score if side.score is not None and 0 <= side.score <= HIGHEST_SCORE else None


def _time(text: str) -> Micros | None:
    try:
        return parse_iso(text)
    except (ValueError, OverflowError):
        return None
