"""The source: SportsDataIO's injured players, a request a sport."""

from __future__ import annotations

from collections.abc import AsyncIterator

from stratumd.client import Client
from stratumd.client.asking import ask
from stratumd.errors import RateLimited, SourceError, TransientError, Unauthorized
from stratumd.plugin import Context, Poll, Request, Source
from stratumd_context.options import SourceOptions
from stratumd_context.wire import path_of, read_players

HEADER = "Ocp-Apim-Subscription-Key"


class SportsDataIO(Source):
    """Asks who is injured. One sport's failure costs the others nothing."""

    name = "context"
    format = "context"
    quotes = False
    config = SourceOptions
    options: SourceOptions

    def __init__(self, options: SourceOptions, context: Context) -> None:
        super().__init__(options, context)
        self._client: Client | None = None

    async def open(self) -> None:
        """Make the client; nothing is asked yet."""
        self._client = Client(self.options.base_url, header_key=(HEADER, self.options.key), connections=1)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def probe(self) -> str:
        """Ask for the injured players of the first sport. Raises the `SourceError` of a refusal."""
        await self.open()
        poll = await self._ask(Request(path_of(self.options.sports[0])))
        if poll.error is not None:
            raise poll.error
        players = None if poll.observation is None else read_players(poll.observation.body)
        return "it answers" if players is None else f"the key is accepted; {len(players)} injured players"

    async def poll(self) -> AsyncIterator[Poll]:
        """Ask for the injured players of each sport."""
        for sport in self.options.sports:
            yield await self._ask(Request(path_of(sport)))

    async def _ask(self, request: Request) -> Poll:
        assert self._client is not None, "opened before it is polled"
        deadline = self.options.timeout.total_seconds()
        return await ask(self, self._client, request, deadline=deadline, refusal=_refusal)


def _refusal(status: int) -> SourceError:
    code = str(status)
    if status in (401, 403):
        text = f"SportsDataIO refuses the key (status {status}): is it one for the NBA, and still valid?"
        return Unauthorized(text, code=code, status=status)
    if status == 429:
        return RateLimited("SportsDataIO asks for fewer requests; poll less often", code=code, status=status)
    if status >= 500:
        return TransientError(f"SportsDataIO has a problem (status {status})", code=code, status=status)
    text = f"an unexpected answer (status {status}): is this SportsDataIO's address?"
    return SourceError(text, code=code, status=status)
