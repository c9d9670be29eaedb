"""A store with a long past: what a pipeline leaves behind that was polled every half minute for months.

A poll covers ten games and changes ten quotes of each. With it come what a daemon stores beside: the answer, the polls'
log, what was processed, consensus, issues, signals with their deliveries.
"""

from __future__ import annotations

from collections.abc import Iterator

import zstandard
from sqlalchemy import Connection, text

from stratumd.plugin import HOUR, SECOND, Micros
from stratumd.store import Store, writes
from stratumd.store.keys import event_key
from stratumd.store.writes import Bulk, Insert, Row

GAMES, QUOTES = 10, 10
"""Games of a poll, and quotes of each that change."""
POLLS = 2_000
"""Polls until the next ten games."""
SERIES = 40
"""Quotes of a game."""
TOGETHER = 500
"""Polls that are written at once."""
EVERY: Micros = 30 * SECOND
MARKETS = ("h2h", "spreads", "totals")
_COUNT = text(
    "INSERT INTO counters (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = :value"
)
_BODY = zstandard.ZstdCompressor(level=1).compress(b"[]")


def fill(store: Store, changes: int, end: Micros, *, pipeline: str, source: str) -> None:
    """Store so many changes, the last of them half a minute before `end`, as if `pipeline` had taken them."""
    polls = max(1, changes // (GAMES * QUOTES))
    past = _Past(polls, end, pipeline, source)
    for first in range(0, polls, TOGETHER):
        some = range(first, min(polls, first + TOGETHER))

        def write(connection: Connection, bulk: Bulk, some: range = some) -> None:
            for insert, rows in past.tables(some):
                if rows:
                    bulk(insert, rows)

        store._write("fill", write)
    store._write("count", lambda connection, _: past.count(connection))


class _Past:
    def __init__(self, polls: int, end: Micros, pipeline: str, source: str) -> None:
        self.polls, self.end, self.pipeline, self.source = polls, end, pipeline, source

    def tables(self, polls: range) -> Iterator[tuple[Insert, list[Row]]]:
        """Yield the rows of some polls, by table."""
        games = sorted({game for n in polls for game in self._games(n)})
        begun = [game for game in games if self._first(game) in polls]
        yield writes.OBSERVATIONS, [self._observation(n) for n in polls]
        yield writes.POLLS, [self._poll(n) for n in polls]
        yield writes.CHARGES, [(f"poll{n}", self.source, self._at(n), "odds", "", 3, 3, "[]") for n in polls]
        yield writes.PROCESSED, [self._processed(n) for n in polls]
        yield writes.EVENTS, [self._event(game) for game in begun]
        yield writes.EVENT_STARTS, [(self._key(g), self._at(self._first(g)), self._start(g)) for g in begun]
        yield writes.SERIES, [self._series(game, series) for game in begun for series in range(SERIES)]
        yield (
            writes.CHANGES,
            [self._change(n, game, q) for n in polls for game in self._games(n) for q in range(QUOTES)],
        )
        yield writes.LATEST, [self._latest(game, series) for game in begun for series in range(SERIES)]
        yield writes.COVERAGE, [self._coverage(game, market) for game in begun for market in MARKETS]
        yield writes.CONSENSUS, [self._consensus(n, game) for n in polls for game in self._games(n)]
        yield writes.ISSUES, [self._issue(n) for n in polls]
        signals = [n for n in polls if n % GAMES == 0]
        yield writes.SIGNALS, [self._signal(n) for n in signals]
        yield writes.FEED, [(n // GAMES + 1, f"signal{n}") for n in signals]
        yield writes.DELIVERIES, [self._delivery(n) for n in signals]

    def count(self, connection: Connection) -> None:
        """Set the counters and the cursor as they stand after the last poll; let the planner look at the tables."""
        raised = {"observations": self.polls, f"processed/{self.pipeline}": self.polls}
        raised["feed"] = (self.polls - 1) // GAMES + 1
        for name, value in raised.items():
            connection.execute(_COUNT, {"name": name, "value": value})
        cursor = {"pipeline": self.pipeline, "source": self.source, "floor": self.polls}
        connection.execute(text("INSERT INTO cursors VALUES (:pipeline, :source, :floor)"), cursor)
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))

    def _at(self, n: int) -> Micros:
        return self.end - (self.polls - n) * EVERY

    def _games(self, n: int) -> range:
        first = n // POLLS * GAMES
        return range(first, first + GAMES)

    def _first(self, game: int) -> int:
        return game // GAMES * POLLS

    def _last(self, game: int) -> Micros:
        return self._at(min(self.polls, self._first(game) + POLLS) - 1)

    def _start(self, game: int) -> Micros:
        return self._last(game) + HOUR

    def _name(self, game: int) -> str:
        return f"old{game:029d}"

    def _key(self, game: int) -> int:
        return event_key(self._name(game))

    def _observation(self, n: int) -> Row:
        asked = ("/v4/sports/upcoming/odds", "{}", 7, "{}", "live")
        return (n + 1, f"{n:032x}", self.source, "odds-api", self._at(n), 200, *asked, "", 2, _BODY)

    def _poll(self, n: int) -> Row:
        answered = (200, None, None, None, 9_000, 1_000, 3, 2, f"{n:032x}")
        return (f"poll{n}", self.source, self._at(n), 100_000, "/v4/sports/upcoming/odds", "{}", *answered)

    def _processed(self, n: int) -> Row:
        counts = (1, 2_700, GAMES, GAMES * QUOTES, int(n % GAMES == 0))
        return (self.pipeline, f"{n:032x}", n + 1, self.source, 7, self._at(n), self._at(n), *counts)

    def _event(self, game: int) -> Row:
        first = self._at(self._first(game))
        return (self._key(game), self._name(game), "basketball_nba", "Home", "Away", self._start(game), first, first)

    def _series(self, game: int, series: int) -> Row:
        market = MARKETS[series % 3]
        return (self._key(game), series, self.pipeline, f"book{series % 10}", market, None, "home", None)

    def _change(self, n: int, game: int, quote: int) -> Row:
        series = (n * QUOTES + quote) % SERIES
        return (self._key(game), self._at(n), series, -2.5, 1.5 + n % 50 / 100, self._at(n))

    def _latest(self, game: int, series: int) -> Row:
        return (self._key(game), self._last(game), series, -2.5, 1.91, self._last(game))

    def _coverage(self, game: int, market: str) -> Row:
        return (self.pipeline, self._key(game), market, "", self._at(self._first(game)), self._last(game))

    def _consensus(self, n: int, game: int) -> Row:
        found = ('["home","away"]', -2.5, -2.4, "[0.5,0.5]", "[1.9,1.9]", 0.1, 8, 6, b"[]", None)
        return (self._key(game), self._at(n), self.pipeline, MARKETS[n % 3], "", *found)

    def _issue(self, n: int) -> Row:
        about = ("stale", "info", "not confirmed", self._name(self._games(n)[0]), "book1", "h2h")
        return (self.pipeline, f"{n:032x}", 0, self._at(n), *about)

    def _signal(self, n: int) -> Row:
        game = self._games(n)[0]
        where = ("basketball_nba", self._name(game), "Home", "Away", self._start(game), "spreads", None, "home", "up")
        worth = (None, '["a"]', 0.5, 0.5, 61, self._at(n), None, f"{n:032x}", "{}")
        return (f"signal{n}", "MOVE", self.pipeline, "move", "1", *where, *worth)

    def _delivery(self, n: int) -> Row:
        sink, at = f"{self.pipeline}.log", self._at(n)
        ended = ("delivered", 1, at, None, None, None, None, at)
        return (f"delivery{n}", f"signal{n}", sink, self._name(self._games(n)[0]), at, None, *ended)
