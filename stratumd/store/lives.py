"""The life of events: phases, scores, and the games of score providers with their events. Part of T2.

What is written here is a function of the steps in their order and of what a person decided; an event that becomes known
after a game's last word gives the game another chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from stratumd.engine import Play
from stratumd.engine.matching import LOOKED_AT, Candidate, Match, drifted, match
from stratumd.engine.phases import OFFERS, counts
from stratumd.plugin import Event, Micros, Phase, Result
from stratumd.store import writes
from stratumd.store.keys import event_key
from stratumd.store.tables import coverage, event_results, events, games
from stratumd.store.text import clean, optional
from stratumd.store.writes import Bulk
from stratumd.store.writes import Row as Values

HAND = "hand"
"""Begins `matched_by` where a person decided: that stands, whatever the providers say."""
_TOGETHER = 500  # values in one condition

Key = tuple[str, str]
"""Source and game."""


class Life(NamedTuple):
    """What one step says of events' lives."""

    at: Micros
    source: str
    observation: str
    announced: Sequence[Event]
    plays: Sequence[Play]
    results: Sequence[Result]


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


def settle(connection: Connection, bulk: Bulk, lives: Iterable[Life]) -> None:
    """Write what follows from `lives`, whose events are written already. At most a few rows an event."""
    telling = [_cleaned(life) for life in lives if life.plays or life.results or life.announced]
    if not telling:
        return
    settling = Settling(connection)
    settling.look_up(telling)
    for life in telling:
        settling.take(life)
    settling.write(bulk)


class Settling:
    """Gathers the rows of some steps over what is stored."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._games: dict[Key, Game] = {}
        self._words: dict[int, Word | None] = {}
        self._changed: set[Key] = set()
        self._spoken: set[int] = set()
        self._matches: dict[tuple[Key, Micros], Values] = {}
        self._history: dict[tuple[int, Micros], Values] = {}

    def look_up(self, lives: Sequence[Life]) -> None:
        """Read what is stored of the games that are spoken of, and of those that new events may be."""
        wanted = sorted({(life.source, each.game) for life in lives for each in life.results})
        named: dict[str, list[str]] = {}
        for source, game in wanted:
            named.setdefault(source, []).append(game)
        for source, ids in named.items():
            for first in range(0, len(ids), _TOGETHER):
                some = games.c.game.in_(ids[first : first + _TOGETHER])
                self._read(and_(games.c.source == source, some))
        self._read_words(sorted({event_key(play.event) for life in lives for play in life.plays}))
        for life in lives:
            if life.announced:
                self._read(and_(games.c.event_id.is_(None), or_(*_around(life.announced))))

    def take(self, life: Life) -> None:
        """Take in what one step says."""
        for play in life.plays:
            phase = Phase.LIVE if play.started else Phase.SCHEDULED
            self._speak(event_key(play.event), Word(phase, life.at, OFFERS, "", None, None, "", life.at))
        for result in life.results:
            self._hear(life, result)
        if life.announced:
            self._retry(life)

    def write(self, bulk: Bulk) -> None:
        """Write the rows."""
        results = [_word_row(key, word) for key in self._spoken if (word := self._words[key])]
        tables = (
            (writes.GAMES, [game_row(key, self._games[key]) for key in sorted(self._changed)]),
            (writes.GAME_MATCHES, [*self._matches.values()]),
            (writes.EVENT_PHASES, [*self._history.values()]),
            (writes.EVENT_RESULTS, results),
        )
        for statement, rows in tables:
            if rows:
                bulk(statement, rows)

    def decide(self, key: Key, event_id: int | None, by: str, reason: str, at: Micros) -> bool:
        """Give a game an event, or None, by a person's decision. Returns False where there is no such game."""
        self._read(and_(games.c.source == key[0], games.c.game == key[1]))
        if key not in self._games:
            return False
        self._assign(key, event_id, by, reason, at)
        return True

    def _hear(self, life: Life, result: Result) -> None:
        key = (life.source, result.game)
        known = self._games.get(key)
        if known is not None:
            if life.at < known.observed_at or known.result == result:
                return
            self._games[key] = known._replace(result=result, observed_at=life.at, observation=life.observation)
        else:
            self._games[key] = Game(result, life.at, life.observation, None, "", "new")
        self._changed.add(key)
        self._find(key, life.at)
        self.tell(key)

    def _retry(self, life: Life) -> None:
        for key, game in sorted(self._games.items()):
            if game.event_id is None and any(_is_around(game.result, event) for event in life.announced):
                self._find(key, life.at)
                self.tell(key)

    def _find(self, key: Key, at: Micros) -> None:
        """Find the event of a game, unless it has one that still fits, or a person decided."""
        game = self._games[key]
        if game.by_hand or (game.event_id is not None and not self._drifted(game)):
            return
        found = self._match(key, at)
        event_id = None if found.event is None else event_key(found.event)
        by = "" if event_id is None else "id" if found.reason == "id" else "teams"
        if (event_id, found.reason) != (game.event_id, game.reason):
            self._assign(key, event_id, by, found.reason, at)

    def _match(self, key: Key, at: Micros) -> Match:
        game = self._games[key].result
        if game.event is not None:
            known = self._connection.scalar(select(events.c.event).where(events.c.event_id == event_key(game.event)))
            return Match(known, "id" if known else "no_event")
        candidates = near_events(self._connection, game, at)
        siblings = self._siblings(key)
        found = match(game, candidates, siblings)
        if found.reason == "several_events":
            found = match(game, with_offers(self._connection, candidates), siblings)
        return found

    def _siblings(self, key: Key) -> list[Result]:
        source, id = key
        game = self._games[key].result
        self._read(and_(games.c.source == source, *_near(game)))
        mine = {k: g for k, g in self._games.items() if k[0] == source and g.result.sport == game.sport}
        return [each.result for other, each in mine.items() if other[1] != id and not each.by_hand]

    def _drifted(self, game: Game) -> bool:
        if game.matched_by == "id":
            return False
        row = self._connection.execute(select(events).where(events.c.event_id == game.event_id)).first()
        return row is None or drifted(game.result, _event(row))

    def _assign(self, key: Key, event_id: int | None, by: str, reason: str, at: Micros) -> None:
        self._games[key] = self._games[key]._replace(event_id=event_id, matched_by=by, reason=reason)
        self._changed.add(key)
        self._matches[key, at] = (*key, at, event_id, clean(by), clean(reason))

    def tell(self, key: Key) -> None:
        """Let a game speak of its event."""
        game = self._games[key]
        if game.event_id is None:
            return
        result, at = game.result, game.observed_at
        scores = (result.home_score, result.away_score)
        self._speak(game.event_id, Word(result.phase, at, key[0], result.game, *scores, result.clock, at))

    def _speak(self, event_id: int, word: Word) -> None:
        known = self._word(event_id)
        if known is not None:
            if known.source == OFFERS != word.source:  # a game may have found its event after its last word
                word = word._replace(observed_at=max(word.observed_at, known.observed_at))
            in_order = word.observed_at >= known.observed_at
            if not (in_order and counts(word.phase, word.source, known.phase, known.source)):
                return
        if known is None or known.phase is not word.phase:
            scores = (word.home_score, word.away_score)
            self._history[event_id, word.observed_at] = (
                *(event_id, word.observed_at, word.phase.value, clean(word.source)),
                *scores,
            )
        else:
            word = word._replace(since=known.since)
        if word != known:
            self._words[event_id] = word
            self._spoken.add(event_id)

    def _word(self, event_id: int) -> Word | None:
        if event_id not in self._words:
            self._read_words([event_id])
        return self._words[event_id]

    def _read_words(self, keys: Sequence[int]) -> None:
        self._words.update(dict.fromkeys(keys))
        for first in range(0, len(keys), _TOGETHER):
            some = event_results.c.event_id.in_(keys[first : first + _TOGETHER])
            for row in self._connection.execute(select(event_results).where(some)):
                self._words[row.event_id] = restored_word(row)

    def _read(self, condition: ColumnElement[bool]) -> None:
        for row in self._connection.execute(select(games).where(condition)):
            self._games.setdefault((row.source, row.game), restored_game(row))


def _cleaned(life: Life) -> Life:
    """Return `life` with texts that both databases keep as they are, so that they can be compared."""
    if not life.results:
        return life
    return life._replace(source=clean(life.source), results=[_cleaned_result(each) for each in life.results])


def _cleaned_result(result: Result) -> Result:
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
    return [Candidate(_event(row)) for row in connection.execute(query)]


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


def _word_row(event_id: int, word: Word) -> Values:
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


def _event(row: Row[Any]) -> Event:
    return Event(row.event, row.sport, row.home, row.away, row.commence_at)


def _near(game: Result) -> tuple[ColumnElement[bool], ...]:
    start, end = game.commence_at - LOOKED_AT, game.commence_at + LOOKED_AT
    return games.c.sport == clean(game.sport), games.c.commence_at.between(start, end)


def _around(announced: Iterable[Event]) -> list[ColumnElement[bool]]:
    """Return a condition a sport: the games that start near one of its events, or are named after one."""
    spans: dict[str, tuple[Micros, Micros]] = {}
    for event in announced:
        start, end = spans.get(event.sport, (event.commence_at, event.commence_at))
        spans[event.sport] = (min(start, event.commence_at), max(end, event.commence_at))
    return [
        and_(games.c.sport == clean(sport), games.c.commence_at.between(start - LOOKED_AT, end + LOOKED_AT))
        for sport, (start, end) in spans.items()
    ]


def _is_around(game: Result, event: Event) -> bool:
    if game.event is not None:
        return game.event == event.id
    return game.sport == event.sport and abs(game.commence_at - event.commence_at) <= LOOKED_AT
