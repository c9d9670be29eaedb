"""What is read of the history for the page. Each function is one moment of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from stratumd.odds import Kind, kind
from stratumd.plugin import HOUR, ConsensusPoint, Micros, Signal, to_datetime
from stratumd.plugin.history import History
from stratumd.plugin.views import Comparison, ConsensusRow, EventRow, PathPoint
from stratumd_dashboard.shapes import (
    Board,
    BoardLine,
    EventPage,
    GameShown,
    HealthPage,
    MarketShown,
    Offer,
    PathShown,
    SignalsPage,
)

IN_PLAY: Micros = 5 * HOUR
"""How long after its start an event is still shown, where nobody says that it is over."""
MOST_POINTS = 400
"""Of a path: more than a screen shows."""
MOST_CHANGES = 20_000
CYCLES = 60
_FIRST_SIDES = ("home", "over", "yes")
_OVER = ("final", "cancelled", "postponed")


def board(history: History, now: Micros) -> Board:
    """Return the events that are in play or to come."""
    items = []
    for row in history.board(now - IN_PLAY):
        if row.event.phase not in _OVER:
            markets = [_market(each) for each in row.consensus]
            items.append(BoardLine(_game(row.event), markets, _brief(row.last_signal)))
    return Board(to_datetime(now), items)


def event(history: History, id: str, market: str | None, player: str | None, now: Micros) -> EventPage:
    """Return one event in one of its markets, and there of one player where it is a players' market.

    Where none is named that there is, it is the first. `LookupError` for no such id.
    """
    found = history.event(id)
    offers, points = history.compare(found.id), history.consensus(found.id)
    known = {(each.market, each.player) for each in offers} | {each.point.key for each in points}
    markets = sorted({name for name, _ in known}, key=_by_custom)
    chosen = market if market in markets else next(iter(markets), "")
    players = sorted({each for name, each in known if name == chosen and each is not None})
    if player not in players:
        player = None if (chosen, None) in known else next(iter(players), None)
    shown = [each for each in offers if (each.market, each.player) == (chosen, player)]
    ladders = {book for (book, _), lines in Counter((each.book, each.outcome) for each in shown).items() if lines > 1}
    by_line = kind(chosen) in (Kind.SPREAD, Kind.TOTAL)
    changes = history.movement(found.id, market=chosen, player=player, limit=MOST_CHANGES) if chosen else []
    return EventPage(
        at=to_datetime(now),
        event=_game(found),
        market=chosen,
        markets=markets,
        player=player,
        players=players,
        measure="line" if by_line else "probability",
        consensus=_agreed([each for each in points if each.point.key == (chosen, player)], by_line),
        books=_paths([each for each in changes if each.player == player and each.book not in ladders], by_line),
        offers=[_offer(each) for each in shown],
        signals=[each.public() for each in reversed(history.signals(event=found.id, limit=200))],
    )


def signals(history: History, limit: int, now: Micros) -> SignalsPage:
    """Return the newest signals."""
    found = [each.public() for each in reversed(history.signals(limit=limit))]
    return SignalsPage(to_datetime(now), history.ends()[1], found)


def health(history: History, now: Micros) -> HealthPage:
    """Return how everything is."""
    return HealthPage(history.status(now).public(), [each.public() for each in history.cycles(limit=CYCLES)])


def _game(row: EventRow) -> GameShown:
    start = to_datetime(row.commence_at)
    scores = row.home_score, row.away_score
    return GameShown(row.id, row.sport, row.home, row.away, start, row.phase, *scores, row.clock)


def _market(row: ConsensusRow) -> MarketShown:
    point = row.point
    return MarketShown(
        point.key.market,
        point.key.player,
        point.line,
        list(point.outcomes),
        list(point.probabilities),
        list(point.prices),
        point.operators,
        point.dispersion,
        point.reason,
        to_datetime(row.observed_at),
    )


def _brief(signal: Signal | None) -> dict[str, Any] | None:
    return None if signal is None else signal.public()


def _offer(row: Comparison) -> Offer:
    changed = to_datetime(row.changed_at)
    return Offer(row.market, row.player, row.book, row.outcome, row.line, row.price, row.best, changed)


def _by_custom(market: str) -> tuple[int, str]:
    usual = ("spreads", "totals", "h2h")
    return (usual.index(market) if market in usual else len(usual), market)


def _agreed(rows: Iterable[ConsensusRow], by_line: bool) -> PathShown:
    path = [(row.observed_at // 1000, _agreed_value(row.point, by_line)) for row in rows]
    return PathShown("consensus", _thinned(path))


def _agreed_value(point: ConsensusPoint, by_line: bool) -> float | None:
    if by_line:
        return point.line if point.fair_line is None else point.fair_line
    return point.probabilities[0] if point.probabilities else None


def _paths(changes: Sequence[PathPoint], by_line: bool) -> list[PathShown]:
    """Return the path of each book: the line of one of its sides, or how probable that side's price says it is."""
    paths: dict[str, list[tuple[int, float | None]]] = {}
    for each in sorted(changes, key=attrgetter("observed_at")):
        if each.outcome in _FIRST_SIDES:
            value = None if each.price is None else each.line if by_line else 1.0 / each.price
            paths.setdefault(each.book, []).append((each.observed_at // 1000, value))
    return [PathShown(book, _thinned(points)) for book, points in sorted(paths.items())]


def _thinned(points: list[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    """Leave out points that change nothing, and then evenly where there are still too many; first and last stay."""
    kept = [each for i, each in enumerate(points) if i in (0, len(points) - 1) or each[1] != points[i - 1][1]]
    if len(kept) <= MOST_POINTS:
        return kept
    step = (len(kept) - 1) / (MOST_POINTS - 1)
    return [kept[round(i * step)] for i in range(MOST_POINTS)]
