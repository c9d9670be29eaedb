"""The source: the live scoreboard at every poll, and past days until they have ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from stratumd.client import Client
from stratumd.client.asking import ask
from stratumd.errors import RateLimited, SourceError, TransientError
from stratumd.plugin import Context, Micros, Poll, Request, Source, micros, to_datetime
from stratumd_nba_scores.options import NbaScoresOptions
from stratumd_nba_scores.wire import FINAL, LIVE, PAST, is_off, read_board, read_game

NEW_YORK = ZoneInfo("America/New_York")
"""Where the NBA's days begin and end."""


class NbaScores(Source):
    """Polls the NBA's own scoreboards. They cost nothing and need no key."""

    name = "nba-scores"
    format = "nba-scores"
    quotes = False
    config = NbaScoresOptions
    options: NbaScoresOptions

    def __init__(self, options: NbaScoresOptions, context: Context) -> None:
        super().__init__(options, context)
        self._live: Client | None = None
        self._past: Client | None = None
        self._asked: dict[date, Micros] = {}
        """When each past day that may still change was asked for."""
        self._ended: set[date] = set()
        """Past days all of whose games have ended, as far back as is asked."""

    async def open(self) -> None:
        """Make the clients; nothing is asked yet."""
        self._live = Client(self.options.base_url, headers=self.options.headers, connections=1)
        self._past = Client(self.options.stats_url, headers=self.options.headers, connections=1)

    async def close(self) -> None:
        """Close the connections."""
        for client in (self._live, self._past):
            if client is not None:
                await client.close()
        self._live = self._past = None

    async def probe(self) -> str:
        """Ask for the live scoreboard. Raises the `SourceError` of a refusal."""
        await self.open()
        assert self._live is not None, "just opened"
        poll = await self._ask(self._live, Request(LIVE))
        if poll.error is not None:
            raise poll.error
        board = None if poll.observation is None else read_board(poll.observation.body)
        return "it answers" if board is None else f"{len(board.games)} games on {board.day}"

    async def poll(self) -> AsyncIterator[Poll]:
        """Ask for the live scoreboard, then for the past days that are due."""
        assert self._live is not None, "opened before it is polled"
        assert self._past is not None, "opened before it is polled"
        yield await self._ask(self._live, Request(LIVE))
        for day in self._due():
            poll = await self._ask(self._past, Request(PAST, {"GameDate": day.isoformat(), "LeagueID": "00"}))
            if poll.observation is not None and _all_ended(poll.observation.body):
                self._ended.add(day)
            yield poll

    def _due(self) -> list[date]:
        """Return the past days to ask for now, the newest first, and note that they are."""
        now = self.context.clock.now()
        today = to_datetime(now).astimezone(NEW_YORK).date()
        days = [today - timedelta(days=back) for back in range(1, self.options.past_days + 1)]
        self._ended.intersection_update(days)
        pause = micros(self.options.past_every)
        due = [day for day in days if day not in self._ended and now - self._asked.get(day, -pause) >= pause]
        self._asked = {day: now if day in due else self._asked[day] for day in days if day in due or day in self._asked}
        return due

    async def _ask(self, client: Client, request: Request) -> Poll:
        deadline = self.options.timeout.total_seconds()
        return await ask(self, client, request, deadline=deadline, refusal=_refusal)


def _refusal(status: int) -> SourceError:
    code = str(status)
    if status == 429:
        return RateLimited("the NBA asks for fewer requests; poll less often", code=code, status=status)
    if status >= 500:
        return TransientError(f"the NBA's server has a problem (status {status})", code=code, status=status)
    if status in (401, 403):
        text = f"the NBA refuses this network or these headers (status {status}): try other 'headers', or past_days: 0"
        return SourceError(text, code=code, status=status)
    return SourceError(f"an unexpected answer (status {status}): is this the NBA's address?", code=code, status=status)


def _all_ended(body: bytes) -> bool:
    board = read_board(body)
    if board is None:
        return False
    games = [read_game(raw) for raw in board.games]
    return all(game is not None and (game.gameStatus == FINAL or is_off(game)) for game in games)
