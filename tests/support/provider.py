"""Content for the fake provider, and a source that polls it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from stratumd.config import Budget
from stratumd.plugin import Clock, Log, Poll, Source, parse_iso
from stratumd.runtime.till import Till
from stratumd.testing.clock import VirtualClock
from stratumd.testing.provider import Content, FakeOddsApi, RecordedContent
from stratumd_odds_api import OddsApiSource
from tests.support.odds_api import EVENT, MONEYLINE, SPREAD, TOTAL, Row, book, event, market, outcome

KEY = "canary-9f2b"
NOON = parse_iso("2026-01-10T12:00:00Z")
SPORTS = ("basketball_nba", "basketball_ncaab", "americanfootball_nfl")
POINTS = market("player_points", outcome("Over", -110, 20.5, description="Kai Ito"))


class OneGame:
    """One game in each of `SPORTS`, at two books; winner markets in a fourth sport."""

    def __init__(self) -> None:
        self.games = [event(book("fanduel", MONEYLINE, SPREAD, TOTAL, POINTS), book("betmgm", MONEYLINE, SPREAD))]

    def sports(self) -> list[Row]:
        rows = [(key, False, True) for key in SPORTS]
        rows += [("basketball_nba_championship_winner", True, True), ("cricket_odi", False, False)]
        return [
            {"key": key, "group": "", "title": key, "description": "", "active": active, "has_outrights": winner}
            for key, winner, active in rows
        ]

    def events(self, sport: str) -> list[Row]:
        return [{key: value for key, value in game.items() if key != "bookmakers"} for game in self._games(sport)]

    def odds(self, sport: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]) -> list[Row]:
        return self._games(sport)

    def event_odds(
        self, sport: str, event_id: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]
    ) -> Row | None:
        return next((game for game in self._games(sport) if game["id"] == event_id), None)

    def scores(self, sport: str, days_from: int | None) -> list[Row]:
        return [{**self.events(sport)[0], "completed": False, "scores": None, "last_update": None}]

    def _games(self, sport: str) -> list[Row]:
        return [{**game, "sport_key": sport} for game in self.games]


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def debug(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    info = warning = error = debug


class Context:
    """What core lends to a source, on a clock that stands still."""

    def __init__(self) -> None:
        self.name = "nba"
        self.clock: Clock = VirtualClock(NOON)
        self.log: Log = Lines()
        self.over: set[str] = set()
        self.purse = Till("nba", Budget(), self.clock)

    def source(self, use: str, options: object) -> Source:
        raise AssertionError("the odds-api source stands in front of no other")

    def is_over(self, event: str) -> bool:
        return event in self.over


QUICK = {"backoff": "1ms", "max_backoff": "2ms", "timeout": "5s"}


def source(url: str, **options: Any) -> OddsApiSource:
    """Return the source with quick retries, asking `url` for one sport unless `options` say otherwise."""
    chosen = {"api_key": KEY, "base_url": url, "sports": [SPORTS[0]], **QUICK, **options}
    if "bookmakers" not in chosen:
        chosen.setdefault("regions", ["us"])
    return OddsApiSource(OddsApiSource.config.model_validate(chosen), Context())


@asynccontextmanager
async def polling(
    content: Content | RecordedContent | None = None, *, fake: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[FakeOddsApi, OddsApiSource]]:
    """Give a fake provider and an opened source that polls it; both are closed at the end."""
    async with FakeOddsApi(content or OneGame(), key=KEY, **(fake or {})) as provider:
        polled = source(provider.url, **options)
        await polled.open()
        try:
            yield provider, polled
        finally:
            await polled.close()


async def polls(polled: OddsApiSource) -> list[Poll]:
    """Poll once."""
    return [poll async for poll in polled.poll()]


__all__ = ["EVENT", "KEY", "NOON", "QUICK", "SPORTS", "Context", "OneGame", "polling", "polls", "source"]
