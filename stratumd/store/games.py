"""Games and words on events as rows and back, and the events that a game may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from stratumd.engine.matching import LOOKED_AT, Candidate
from stratumd.plugin import Event, Micros, Phase, Result
from stratumd.store.keys import event_key
from stratumd.store.tables import coverage, events, games
from stratumd.store.text import clean, optional
from stratumd.store.writes import Row as Values

HAND = "hand"
"""Begins `matched_by` where a person decided: that stands, whatever the providers say."""

Key = tuple[str, str]
"""Source and game."""


class Game(NamedTuple):
    """A row of `games`."""

    result: Result
    observed_at: Micros
    observation: str
    event_id: int | None
    matched_by: str
    reason: str

    @property
    def by_hand(self) -> bool:
        """Whether a person decided which event it is."""
        return self.matched_by.startswith(HAND)


class Word(NamedTuple):
    """A row of `event_results`."""

    phase: Phase
    since: Micros
    source: str
    game: str
    home_score: int | None
    away_score: int | None
    clock: str
    observed_at: Micros


def cleaned(result: Result) -> Result:
    """Return `result` with texts that both databases keep as they are."""
    return msgspec.structs.replace(
        result,
        game=clean(result.game),
        sport=clean(result.sport),
        home=clean(result.home),
        away=clean(result.away),
        clock=clean(result.clock),
        event=optional(result.event),
    )


def near_events(connection: Connection, game: Result, at: Micros | None = None) -> list[Candidate]:
    """Return the events of the game's sport that start near it, and were known `at` that time."""
    start = events.c.commence_at.between(game.commence_at - LOOKED_AT, game.commence_at + LOOKED_AT)
    query = select(events).where(events.c.sport == clean(game.sport), start).order_by(events.c.event)
    if at is not None:
        query = query.where(events.c.first_seen <= at)
    return [Candidate(restored_event(row)) for row in connection.execute(query)]


def with_offers(connection: Connection, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates with the time until which a book was seen to offer something on them."""
    some = {event_key(each.event.id): each.event for each in candidates}
    query = (
        select(coverage.c.event_id, func.max(coverage.c.observed_at))
        .where(coverage.c.event_id.in_(some))
        .group_by(coverage.c.event_id)
    )
    until = {row[0]: row[1] for row in connection.execute(query)}
    return [Candidate(event, until.get(key)) for key, event in some.items()]


def restored_game(row: Row[Any]) -> Game:
    """Return the game of a row that has all columns of `games`."""
    result = Result(
        game=row.game,
        sport=row.sport,
        home=row.home,
        away=row.away,
        commence_at=row.commence_at,
        phase=Phase(row.phase),
        home_score=row.home_score,
        away_score=row.away_score,
        clock=row.clock,
        event=row.named,
    )
    return Game(result, row.observed_at, row.observation, row.event_id, row.matched_by, row.reason)


def restored_word(row: Row[Any]) -> Word:
    """Return the word of a row that has all columns of `event_results`."""
    return Word(
        Phase(row.phase), row.since, row.source, row.game, row.home_score, row.away_score, row.clock, row.observed_at
    )


def game_row(key: Key, game: Game) -> Values:
    """Return the row of a game."""
    result = game.result
    return (
        *key,
        result.sport,
        result.home,
        result.away,
        result.commence_at,
        result.phase.value,
        result.home_score,
        result.away_score,
        result.clock,
        result.event,
        game.observed_at,
        game.observation,
        game.event_id,
        clean(game.matched_by),
        clean(game.reason),
    )


def word_row(event_id: int, word: Word) -> Values:
    """Return the row of the newest word on an event."""
    return (
        event_id,
        word.phase.value,
        word.since,
        clean(word.source),
        clean(word.game),
        word.home_score,
        word.away_score,
        clean(word.clock),
        word.observed_at,
    )


def restored_event(row: Row[Any]) -> Event:
    """Return the event of a row that has all columns of `events`."""
    return Event(row.event, row.sport, row.home, row.away, row.commence_at)


def near(game: Result) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on games that start near `game`."""
    start, end = game.commence_at - LOOKED_AT, game.commence_at + LOOKED_AT
    return games.c.sport == clean(game.sport), games.c.commence_at.between(start, end)


def around(announced: Iterable[Event]) -> list[ColumnElement[bool]]:
    """Return a condition a sport: the games that start near one of its events, or are named after one."""
    spans: dict[str, tuple[Micros, Micros]] = {}
    for event in announced:
        start, end = spans.get(event.sport, (event.commence_at, event.commence_at))
        spans[event.sport] = (min(start, event.commence_at), max(end, event.commence_at))
    return [
        and_(games.c.sport == clean(sport), games.c.commence_at.between(start - LOOKED_AT, end + LOOKED_AT))
        for sport, (start, end) in spans.items()
    ]


def is_around(game: Result, event: Event) -> bool:
    """Say whether `event` may be the game's, or is named by it."""
    if game.event is not None:
        return game.event == event.id
    return game.sport == event.sport and abs(game.commence_at - event.commence_at) <= LOOKED_AT
