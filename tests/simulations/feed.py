"""A week of games behind the fake provider, and a source that is polled as the daemon would, on a clock of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from stratumd.config import Budget, Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, Micros, Poll, iso, parse_iso
from stratumd.runtime.build import Feed
from stratumd.runtime.calls import Owner
from stratumd.runtime.collector import Collector, Turning
from stratumd.runtime.pacing import Pacer
from stratumd.runtime.till import Till
from stratumd.runtime.watched import Watched, reserved, schedule_of
from stratumd.testing.provider import FakeOddsApi
from stratumd_odds_api import OddsApiSource
from tests.support.odds_api import Row, book, event, market, outcome
from tests.support.provider import QUICK, Lines
from tests.unit.runtime.bench import MemoryStore, core, store_of, timer_of
from tests.unit.runtime.virtual import VirtualTimer

BEGIN = parse_iso("2026-01-11T00:00:00Z")
"""A Sunday."""
LISTED = 4 * DAY
"""How long before its start the provider lists a game."""
PLAYED = 150 * MINUTE
"""How long after its start it still does."""
BOOKS = ("betmgm", "betrivers", "bovada", "draftkings", "fanduel", "fanatics", "espnbet", "fliff")


@dataclass(frozen=True)
class Steam:
    """All books but the last move the spread of one game, one after the other."""

    game: str
    at: Micros
    step: Micros = 20_000_000
    points: float = 1.5

    def shift(self, game: str, number: int, now: Micros) -> float:
        moved = game == self.game and number < len(BOOKS) - 1 and now >= self.at + number * self.step
        return self.points if moved else 0.0


@dataclass
class Season:
    """The provider's content: games by id, each listed for a while around its start."""

    timer: VirtualTimer
    starts: dict[str, tuple[str, Micros]] = field(default_factory=dict)
    steam: Steam | None = None

    def add(self, sport: str, start: Micros) -> str:
        """Let a game start then, and return its id."""
        id = md5(f"{sport} {start}".encode(), usedforsecurity=False).hexdigest()
        self.starts[id] = (sport, start)
        return id

    def sports(self) -> list[Row]:
        keys = sorted({sport for sport, _ in self.starts.values()})
        names = {"group": "", "title": "", "description": "", "active": True, "has_outrights": False}
        return [{"key": key, **names} for key in keys]

    def events(self, sport: str) -> list[Row]:
        return [{key: value for key, value in game.items() if key != "bookmakers"} for game in self._games(sport)]

    def odds(self, sport: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]) -> list[Row]:
        return self._games(sport)

    def event_odds(
        self, sport: str, event_id: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]
    ) -> Row | None:
        return next((game for game in self._games(sport) if game["id"] == event_id), None)

    def scores(self, sport: str, days_from: int | None) -> list[Row]:
        return []

    def _games(self, sport: str) -> list[Row]:
        now = self.timer.now()
        return [
            self._game(id, sport, start)
            for id, (own, start) in self.starts.items()
            if own == sport and start - LISTED <= now < start + PLAYED
        ]

    def _game(self, id: str, sport: str, start: Micros) -> Row:
        names = BOOKS if self.steam else BOOKS[:2]
        books = [
            book(name, *self._markets(id, number), last_update=iso(self.timer.now()))
            for number, name in enumerate(names)
        ]
        return event(*books, id=id, sport_key=sport, commence_time=iso(start))

    def _markets(self, id: str, number: int) -> list[Row]:
        now = self.timer.now()
        line = -3.5 - (self.steam.shift(id, number, now) if self.steam else 0.0)
        stamp = {"last_update": iso(now)}
        home, away = outcome("Utah Jazz", -110, line), outcome("Boston Celtics", -110, -line)
        sides = outcome("Boston Celtics", 140), outcome("Utah Jazz", -160)
        total = outcome("Over", -110, 221.5), outcome("Under", -110, 221.5)
        return [
            market("h2h", *sides, **stamp),
            market("spreads", home, away, **stamp),
            market("totals", *total, **stamp),
        ]


class Context:
    """What core lends to the source."""

    def __init__(self, timer: VirtualTimer, till: Till) -> None:
        self.name, self.clock, self.purse, self.log = "nba", timer, till, Lines()

    def source(self, use: str, options: object) -> Any:
        raise AssertionError("it stands in front of no other")

    def is_over(self, event: str) -> bool:
        return False


@dataclass
class Running:
    """A source being polled."""

    provider: FakeOddsApi
    season: Season
    timer: VirtualTimer
    collector: Collector
    pacer: Pacer
    till: Till
    store: MemoryStore

    @property
    def polls(self) -> list[Poll]:
        """Every exchange so far."""
        return [poll for _, poll in self.store.polls]

    cycles: Sequence[Turning] = ()

    async def until(self, end: Micros, step: Micros) -> None:
        """Poll at every instant, `step` apart, until `end`: what the schedule asks for, then what cycles do."""
        while self.timer.now() < end:
            await self.collector.poll()
            for cycle in self.cycles:
                await self.collector.poll(cycle.pacer)
            self.timer.pass_by(step)


@asynccontextmanager
async def running(
    schedule: Schedule,
    budget: Budget,
    games: Sequence[tuple[str, Micros]],
    *,
    begin: Micros = BEGIN,
    store: MemoryStore | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    """Give a source behind the fake provider, opened at `begin`; `store` is what a run before left."""
    shared = core(store)
    timer = timer_of(shared)
    timer.wall = begin
    season = Season(timer)
    for sport, start in games:
        season.add(sport, start)
    async with FakeOddsApi(season) as provider:
        till = Till("nba", budget, timer)
        chosen = {
            "api_key": provider.key,
            "base_url": provider.url,
            "sports": sorted({sport for sport, _ in games}),
            "regions": ["us"],
            **QUICK,
            **options,
        }
        source = OddsApiSource(OddsApiSource.config.model_validate(chosen), Context(timer, till))
        found = source.cycles(source.options)
        pacer = Pacer(schedule, budget, source, till, timer, reserved=reserved(found, budget))
        cycles = [
            Turning(None, Pacer(schedule_of(each), budget, Watched(source, each), till, timer, cycle=each.name))
            for each in found
        ]
        owner = Owner(source, "nba", "odds-api", "1")
        collector = Collector(Feed(source, owner, till), None, shared, lambda: None, pacer=pacer, cycles=cycles)
        await collector._recall()
        await source.open()
        try:
            yield Running(provider, season, timer, collector, pacer, till, store_of(shared), cycles)
        finally:
            await source.close()


def evening(
    sport: str, days: int, *, begin: Micros = BEGIN, at: Sequence[Micros] = (19 * HOUR, 22 * HOUR, 23 * HOUR)
) -> list[tuple[str, Micros]]:
    """Return games on each of so many days."""
    return [(sport, begin + day * DAY + start) for day in range(days) for start in at]
