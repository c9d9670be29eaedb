"""Several questions at a time, each exchange given out as soon as it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import NamedTuple

import anyio

from stratumd.plugin import Poll, Request


class Question(NamedTuple):
    """One request to ask."""

    request: Request
    expand: bool = False
    """True for `/events` where each event found is to be asked for its own odds."""
    by_event: bool = False
    feature: str = "base"
    """The budget that it is paid from."""


class Exchange(NamedTuple):
    """A question's end."""

    poll: Poll
    following: tuple[Question, ...] = ()
    """What is to be asked now that this is known."""
    last: bool = False
    """True where the provider would refuse every further question too."""


class Round:
    """Asks what is due once; where the answer is None a question was not asked.

    Plain asyncio tasks, because a generator must not yield inside a task group.
    """

    def __init__(self, ask: Callable[[Question], Awaitable[Exchange | None]], concurrency: int) -> None:
        self._ask = ask
        self._turns = asyncio.Semaphore(concurrency)
        self._over = False

    async def exchanges(self, questions: Iterable[Question]) -> AsyncIterator[Poll]:
        """Yield the exchanges of `questions` and of what follows from them, in the order in which they end."""
        running = {self._start(question) for question in questions}
        try:
            while running:
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for exchange in filter(None, [task.result() for task in ended]):
                    running |= {self._start(question) for question in exchange.following}
                    yield exchange.poll
        finally:
            for task in running:
                task.cancel()
            with anyio.CancelScope(shield=True):  # also where the poll itself is being cancelled
                await asyncio.gather(*running, return_exceptions=True)

    def _start(self, question: Question) -> asyncio.Task[Exchange | None]:
        return asyncio.create_task(self._in_turn(question))

    async def _in_turn(self, question: Question) -> Exchange | None:
        async with self._turns:
            if self._over:
                return None
            exchange = await self._ask(question)
            self._over = self._over or (exchange is not None and exchange.last)
            return exchange
