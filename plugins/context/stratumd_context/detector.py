"""The annotator: what was known beside the quotes when a signal came, each with where it is from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from stratumd.odds import canonical_team
from stratumd.plugin import (
    SECOND,
    ConsensusPoint,
    Detector,
    MarketKey,
    Micros,
    Record,
    State,
    Tick,
    Told,
    micros,
    rounded,
)
from stratumd_context.normalizer import TOPIC
from stratumd_context.options import Options
from stratumd_context.shapes import ContextMetadata, Injuries, Known, Line, Pace, PlayerProps

_WEIGHTS = {"out": 1.0, "doubtful": 0.75, "questionable": 0.5, "probable": 0.15}
_OTHER_WEIGHT = 0.5
"""What a status counts that none of these words is."""
_MINUTE = 60.0

REPORTED = "who is on the report; not how much a player matters, nor what happened since it was received"
GUESSED = "a guess from the speed of the spread: anything that moves it looks the same"
WITHDRAWN = "books withdraw props for other reasons too; players without props do not show"
MOVED = "a total moves with scoring as well as with pace"


class ContextNotes(Detector):
    """Adds what was known of injuries, player props and pace to signals. It gives none of its own."""

    name, config = "context", Options
    needs, state = ("consensus",), Known
    annotates, hears = ContextMetadata, (TOPIC,)
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._max_age = micros(options.max_age)
        self._window = micros(options.window)

    @property
    def lookback(self) -> Micros:
        """As far back as a report counts."""
        return self._max_age

    def detect(self, tick: Tick) -> Iterator[Record | State]:
        """Yield what is to be remembered of the event."""
        if tick.in_play:
            return
        before: Known = tick.state if tick.state is not None else Known()
        known = self._lines(_props(before, tick, tick.at - self._window), tick)
        if known != before:
            yield known

    def annotate(self, tick: Tick, key: MarketKey) -> ContextMetadata | None:
        """Return what is known at `tick`; None where that is nothing."""
        if tick.in_play:
            return None
        known: Known = tick.state if tick.state is not None else Known()
        told = tick.news.get(TOPIC)
        injuries = self._velocity(known, tick.at) if told is None else self._reported(told, tick)
        found = ContextMetadata(injuries, self._withdrawn(known, tick.at), self._pace(known, tick.at))
        return None if found == ContextMetadata(None, None, None) else found

    def _lines(self, known: Known, tick: Tick) -> Known:
        spread, total = _fair_line(tick, "spreads"), _fair_line(tick, "totals")
        if spread is not None:
            lines = known.spreads
            if not lines or lines[-1].value != spread:
                lines = (*lines, Line(tick.at, spread))
            begun = [number for number, line in enumerate(lines) if line.at <= tick.at - self._window]
            lines = lines[begun[-1] :] if begun else lines
            known = msgspec.structs.replace(known, spreads=lines, spread_at=tick.at)
        if total is not None:
            first = total if known.first_total is None else known.first_total
            known = msgspec.structs.replace(known, first_total=first, total=total, total_at=tick.at)
        return known

    def _reported(self, told: Told, tick: Tick) -> Injuries:
        event = tick.event
        home, away = (told.news.teams.get(canonical_team(event.sport, team), []) for team in (event.home, event.away))
        burden = sum([_WEIGHTS.get(each["status"], _OTHER_WEIGHT) for each in (*home, *away)])
        score = _score(burden, self.options.injured_half)
        return Injuries(told.news.source, _age(tick.at, told.at), score, REPORTED, home, away, None, None)

    def _velocity(self, known: Known, at: Micros) -> Injuries | None:
        if not known.spreads:
            return None
        first, last = known.spreads[0], known.spreads[-1]
        moved = rounded(last.value - first.value) or 0.0
        since = known.spreads[1].at if len(known.spreads) > 1 else last.at
        minutes = rounded((known.spread_at - since) / SECOND / _MINUTE, 3) if moved else None
        score = _score(abs(moved), self.options.spread_half)
        age = _age(at, known.spread_at)
        return Injuries("spread_velocity", age, score, GUESSED, None, None, moved, minutes)

    def _withdrawn(self, known: Known, at: Micros) -> PlayerProps | None:
        if not known.props_at:
            return None
        lately = [player for player, gone_at in known.gone if gone_at > at - self._window]
        score = _score(len(lately), self.options.players_half)
        age = _age(at, known.props_at)
        return PlayerProps("player_props", age, score, WITHDRAWN, len(known.props), lately)

    def _pace(self, known: Known, at: Micros) -> Pace | None:
        if known.total is None or known.first_total is None:
            return None
        total, first = rounded(known.total) or 0.0, rounded(known.first_total) or 0.0
        score = _score(abs(total - first), self.options.total_half)
        return Pace("consensus_total", _age(at, known.total_at), score, MOVED, total, first)


def _props(known: Known, tick: Tick, since: Micros) -> Known:
    """Return what is known of player props after a tick: who has any, and whose were all withdrawn."""
    seen: dict[str, bool] = {}
    for market in tick.markets:
        player = market.key.player
        if player is not None:
            seen[player] = seen.get(player, False) or market.offering > 0
    if not seen:
        return known
    there = {player for player, offered in seen.items() if offered}
    before = set(known.props)
    gone = [each for each in known.gone if each[0] not in there and each[1] > since]
    gone += [(player, tick.at) for player in sorted(before) if not seen.get(player, True)]
    players = tuple(sorted((before | there) - {player for player, _ in gone}))
    return msgspec.structs.replace(known, props=players, gone=tuple(gone), props_at=tick.at)


def _fair_line(tick: Tick, market: str) -> float | None:
    point: Any = tick.record("consensus", MarketKey(market))
    return point.fair_line if isinstance(point, ConsensusPoint) and point.reason is None else None


def _score(amount: float, half: float) -> float:
    return rounded(1.0 - 2.0 ** (-amount / half), 3) or 0.0


def _age(at: Micros, then: Micros) -> float:
    return rounded((at - then) / SECOND, 3) or 0.0
