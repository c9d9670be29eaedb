"""The life of events: phases, scores, and the games of score providers with their events. Part of T2.

What is written here is a function of the steps in their order and of what a person decided; an event that becomes known
after a game's last word gives the game another chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from stratumd.engine import Play
from stratumd.engine.matching import Match, drifted, match
from stratumd.engine.phases import OFFERS, counts
from stratumd.plugin import Event, Micros, Phase, Result
from stratumd.store import writes
from stratumd.store.games import (
    Game,
    Key,
    Word,
    around,
    cleaned,
    game_row,
    is_around,
    near,
    near_events,
    restored_event,
    restored_game,
    restored_word,
    with_offers,
    word_row,
)
from stratumd.store.keys import event_key
from stratumd.store.tables import event_results, events, games
from stratumd.store.text import clean
from stratumd.store.writes import Bulk
from stratumd.store.writes import Row as Values

_TOGETHER = 500  # values in one condition


class Life(NamedTuple):
    """What one step says of events' lives."""

    at: Micros
    source: str
    observation: str
    announced: Sequence[Event]
    plays: Sequence[Play]
    results: Sequence[Result]


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
                self._read(and_(games.c.event_id.is_(None), or_(*around(life.announced))))

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
        results = [word_row(key, word) for key in self._spoken if (word := self._words[key])]
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
            if game.event_id is None and any(is_around(game.result, event) for event in life.announced):
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
        self._read(and_(games.c.source == source, *near(game)))
        mine = {k: g for k, g in self._games.items() if k[0] == source and g.result.sport == game.sport}
        return [each.result for other, each in mine.items() if other[1] != id and not each.by_hand]

    def _drifted(self, game: Game) -> bool:
        if game.matched_by == "id":
            return False
        row = self._connection.execute(select(events).where(events.c.event_id == game.event_id)).first()
        return row is None or drifted(game.result, restored_event(row))

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
    return life._replace(source=clean(life.source), results=[cleaned(each) for each in life.results])
