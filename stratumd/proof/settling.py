"""What a bet returns by the final score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from stratumd.errors import ConfigError
from stratumd.odds import Kind, kind
from stratumd.plugin import Bet, Micros, parse_iso
from stratumd.store import Reader


class Score(NamedTuple):
    """How a game ended. Overtime counts, as it does for the bookmakers."""

    home: int
    away: int
    final_at: Micros
    """When it was known."""


class _Line(msgspec.Struct):
    event: str
    home_score: int
    away_score: int
    final_at: str


def stored_scores(reader: Reader) -> dict[str, Score]:
    """Return the final scores that are stored, by event."""
    found = {}
    for row in reader.events():
        ended = next((each.observed_at for each in row.phases if each.phase == "final"), None)
        if row.phase == "final" and ended is not None and row.home_score is not None and row.away_score is not None:
            found[row.id] = Score(row.home_score, row.away_score, ended)
    return found


def read_scores(path: Path) -> dict[str, Score]:
    """Read JSON Lines of `event`, `home_score`, `away_score`, `final_at`. `ConfigError` names a line that is broken."""
    found = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the scores: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = msgspec.json.decode(line, type=_Line)
            found[row.event] = Score(row.home_score, row.away_score, parse_iso(row.final_at))
        except (msgspec.DecodeError, ValueError) as error:
            raise ConfigError(f"{path}:{number}: no final score: {error}") from error
    return found


def profit(bet: Bet, sport: str, score: Score) -> float | None:
    """Return the profit per unit staked: `price − 1`, 0 where refunded, −1; None where no score tells.

    A line that ends in a quarter is half a bet on either neighbour, as Asian lines are settled.
    """
    margins = [_margin(bet, sport, score, line) for line in _lines(bet.line)]
    known = [margin for margin in margins if margin is not None]
    if len(known) < len(margins):
        return None
    return sum([_return(margin, bet.price) for margin in known]) / len(known)


def _lines(line: float | None) -> Sequence[float | None]:
    if line is None or (line * 2.0).is_integer():
        return (line,)
    return (line - 0.25, line + 0.25)


def _margin(bet: Bet, sport: str, score: Score, line: float | None) -> float | None:
    """Return by how much the bet won; negative where it lost."""
    if bet.player is not None:
        return None
    ahead, total, family = float(score.home - score.away), score.home + score.away, kind(bet.market)
    if family is Kind.MONEYLINE and line is None:
        drawn = sport.startswith("soccer_") or bet.market.startswith("h2h_3_way")
        return _moneyline(bet.outcome, ahead, drawn)
    if line is None:
        return None
    if family is Kind.SPREAD and bet.outcome in ("home", "away"):
        return (ahead if bet.outcome == "home" else -ahead) + line
    if family is Kind.TOTAL and bet.outcome in ("over", "under"):
        return total - line if bet.outcome == "over" else line - total
    return None


def _moneyline(outcome: str, ahead: float, drawn: bool) -> float | None:
    """Return the margin of a bet on who wins. Where a draw is one of the outcomes it loses, else the stake is back."""
    if outcome == "draw":
        return 1.0 if ahead == 0.0 else -1.0
    if outcome not in ("home", "away"):
        return None
    own = ahead if outcome == "home" else -ahead
    return -1.0 if own == 0.0 and drawn else own


def _return(margin: float, price: float) -> float:
    return price - 1.0 if margin > 0.0 else -1.0 if margin < 0.0 else 0.0
