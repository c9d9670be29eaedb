"""Reading phases, scores and games, and a person's decision on the event of a game."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from stratumd.engine.matching import suggestions
from stratumd.plugin import Micros, Phase
from stratumd.plugin.views import DecisionRow, GameRow, PhaseRow, SuggestedRow
from stratumd.store.conditions import equal
from stratumd.store.games import HAND, near_events, restored_game, with_offers
from stratumd.store.keys import event_key
from stratumd.store.lives import Settling
from stratumd.store.tables import event_phases, event_results, events, game_matches, games
from stratumd.store.writes import Bulk

_TOGETHER = 500


def words(connection: Connection, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return by event the newest phase and score, as the fields of an `EventRow`."""
    return {
        row.event_id: {
            "phase": row.phase,
            "home_score": row.home_score,
            "away_score": row.away_score,
            "clock": row.clock,
            "scored_by": row.source,
        }
        for row in _of_events(connection, select(event_results), keys)
    }


def phases(connection: Connection, keys: Sequence[int]) -> dict[int, list[PhaseRow]]:
    """Return by event every phase it entered, oldest first."""
    found: dict[int, list[PhaseRow]] = {}
    for row in _of_events(connection, select(event_phases).order_by(event_phases.c.observed_at), keys):
        entered = PhaseRow(row.observed_at, row.phase, row.source, row.home_score, row.away_score)
        found.setdefault(row.event_id, []).append(entered)
    return found


def over(connection: Connection, since: Micros) -> list[str]:
    """Return the events that are final or cancelled, by a word from `since` on."""
    ended = [phase.value for phase in Phase if phase.over]
    query = (
        select(events.c.event)
        .join(event_results, event_results.c.event_id == events.c.event_id)
        .where(event_results.c.phase.in_(ended), event_results.c.observed_at >= since)
    )
    return [*connection.scalars(query)]


def list_games(
    connection: Connection, *, unmatched: bool, source: str | None = None, sport: str | None = None
) -> list[GameRow]:
    """Return games by their start, each of those without an event with suggestions."""
    query = (
        select(games, events.c.event)
        .outerjoin(events, events.c.event_id == games.c.event_id)
        .where(*equal((games.c.source, source), (games.c.sport, sport)))
        .order_by(games.c.commence_at, games.c.source, games.c.game)
    )
    if unmatched:
        query = query.where(games.c.event_id.is_(None))
    return [_game(connection, row) for row in connection.execute(query).all()]


def decisions(connection: Connection, source: str | None = None, game: str | None = None) -> list[DecisionRow]:
    """Return which events games were given, and by whom, oldest first."""
    query = (
        select(game_matches, events.c.event)
        .outerjoin(events, events.c.event_id == game_matches.c.event_id)
        .where(*equal((game_matches.c.source, source), (game_matches.c.game, game)))
        .order_by(game_matches.c.decided_at, game_matches.c.source, game_matches.c.game)
    )
    return [
        DecisionRow(row.decided_at, row.source, row.game, row.event, row.matched_by, row.reason)
        for row in connection.execute(query)
    ]


def decide(
    connection: Connection, bulk: Bulk, source: str, game: str, event: str | None, *, by: str, note: str, at: Micros
) -> bool:
    """Give a game the event that a person chose, or none. Returns False where there is no such game.

    It stands whatever is observed later, and the game speaks of its event from then on.
    """
    settling = Settling(connection)
    event_id = None if event is None else event_key(event)
    if not settling.decide((source, game), event_id, f"{HAND}: {by}", note or "chosen by hand", at):
        return False
    settling.tell((source, game))
    settling.write(bulk)
    return True


def _game(connection: Connection, row: Row[Any]) -> GameRow:
    return GameRow(
        row.source,
        row.game,
        row.sport,
        row.home,
        row.away,
        row.commence_at,
        row.phase,
        row.home_score,
        row.away_score,
        row.observed_at,
        row.event,
        row.matched_by,
        row.reason,
        () if row.event_id is not None else tuple(_suggested(connection, row)),
    )


def _suggested(connection: Connection, row: Row[Any]) -> Iterator[SuggestedRow]:
    result = restored_game(row).result
    candidates = with_offers(connection, near_events(connection, result))
    known = {each.event.id: each.event for each in candidates}
    for each in suggestions(result, candidates):
        event = known[each.event]
        yield SuggestedRow(event.id, event.home, event.away, event.commence_at, each.why)


def _of_events(connection: Connection, query: Select[Any], keys: Sequence[int]) -> Iterator[Row[Any]]:
    for first in range(0, len(keys), _TOGETHER):
        wanted = query.selected_columns["event_id"].in_(keys[first : first + _TOGETHER])
        yield from connection.execute(query.where(wanted))
