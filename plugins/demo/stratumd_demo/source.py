"""The source: the simulated market behind the fake provider, polled by the very source that polls the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import Field

from stratumd.plugin import HOUR, Context, Credits, Micros, PluginConfig, Poll, Source
from stratumd.testing.provider import FakeOddsApi
from stratumd_demo.books import BOOKS, REGIONS
from stratumd_demo.fixtures import MOST_GAMES, SEASON
from stratumd_demo.market import Market
from stratumd_demo.quoting import MARKETS, SPORT
from stratumd_demo.timeline import Tempo
from stratumd_demo.wire import SimulatedContent

REOPENED: Micros = 30 * HOUR
"""The market is opened as of the last multiple of this, UTC, in its own time, an hour at the usual pace: started
again soon, it goes on where it would be, and to get there takes a fraction of a second."""


class DemoOptions(PluginConfig):
    """What to simulate."""

    games: Annotated[int, Field(ge=1, le=MOST_GAMES)] = 6
    """Games in the feed at once."""
    books: Annotated[int, Field(ge=1, le=BOOKS)] = BOOKS
    """Bookmakers, the most followed first."""
    pace: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """How fast the market lives: at 30, what takes an hour takes two minutes. Games start and end in their own time."""
    incidents: Annotated[float, Field(ge=0, le=10)] = 1.0
    """How often something is injected (steam, mistakes, outages), relative to the usual; 0 for a market left alone."""
    seed: int = 7
    """The same seed gives the same market."""


class DemoSource(Source):
    """A keyless first run: a market on loopback that speaks The Odds API's wire format."""

    name = "demo"
    format = "odds-api"
    config = DemoOptions
    requires = ("odds-api",)
    options: DemoOptions

    def __init__(self, options: DemoOptions, context: Context) -> None:
        super().__init__(options, context)
        self._client: Source | None = None
        self._provider: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def open(self) -> None:
        """Open the market, serve it on a free port of 127.0.0.1, and make the source that polls it."""
        provider = await self._serve(await asyncio.to_thread(self._market))
        self._client = self.context.source(
            "odds-api",
            {
                "api_key": provider.key,
                "base_url": provider.url,
                "sports": [SPORT],
                "regions": list(REGIONS),
                "markets": list(MARKETS),
            },
        )
        await self._client.open()

    async def close(self) -> None:
        """Close the client, then the provider."""
        try:
            if self._client is not None:
                await self._client.close()
        finally:
            self._stop.set()
            if self._provider is not None:
                await self._provider

    def _market(self) -> Market:
        asked, now = self.options, self.context.clock.now()
        every = Tempo(asked.pace).span(REOPENED)
        market = Market(
            asked.seed,
            now - now % every,
            games=asked.games,
            books=asked.books,
            pace=asked.pace,
            incidents=asked.incidents,
            season=SEASON,
        )
        market.advance(now)
        return market

    async def _serve(self, market: Market) -> FakeOddsApi:
        """Start the provider in a task of its own, so that any task may end it, and wait until it listens."""
        self._stop = asyncio.Event()
        listening: asyncio.Future[FakeOddsApi] = asyncio.get_running_loop().create_future()
        self._provider = asyncio.create_task(self._provide(market, listening), name="demo provider")
        first: set[asyncio.Future[Any]] = {self._provider, listening}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            self._provider.result()  # raises what kept it from listening
        return listening.result()

    async def _provide(self, market: Market, listening: asyncio.Future[FakeOddsApi]) -> None:
        async with FakeOddsApi(SimulatedContent(market, self.context.clock)) as provider:
            listening.set_result(provider)
            await self._stop.wait()

    def poll(self) -> AsyncIterator[Poll]:
        """Poll the simulated provider over HTTP."""
        assert self._client is not None, "poll comes after open"
        return self._client.poll()

    def credits(self) -> Credits | None:
        """Return what the simulated provider says of its quota."""
        return self._client.credits() if self._client is not None else None
