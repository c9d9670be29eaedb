"""How far the store has got, for those who wait for more: one look at the store for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import anyio
from anyio import to_thread

from stratumd.observe.logs import logger
from stratumd.store import StoreError

LOOK = 1.0
"""Seconds after which it looks by itself."""
LOOK_SHARED = 0.05
"""The same where others commit, too: they do not tell, and streams have 150 ms from a commit to every client."""
_RETRY = 1.0

_log = logger("stratumd.bulletin")


class Progress(Protocol):
    """What is asked of the store. The calls block."""

    def ends(self) -> tuple[int, int]:
        """Return the first and the newest sequence number of the feed."""

    def steps(self, pipeline: str) -> int:
        """Return the pipeline's newest position."""


class Bulletin:
    """Says that there is something new. `tell` may be called from any task; the rest lives on the event loop."""

    def __init__(self) -> None:
        self._told = anyio.Event()
        self._news = anyio.Event()
        self._newest = 0
        self._steps: dict[str, int] = {}

    def tell(self) -> None:
        """Say that something was committed here."""
        self._told.set()

    async def watch(self, progress: Progress, *, shared: Callable[[], bool]) -> None:
        """Look at the store whenever somebody told, and now and then, until cancelled."""
        while True:
            self._told = anyio.Event()
            wait = LOOK_SHARED if shared() else LOOK
            try:
                await self._look(progress)
            except StoreError as error:
                _log.debug("cannot look", error=str(error))
                wait = _RETRY
            with anyio.move_on_after(wait):
                await self._told.wait()

    async def _look(self, progress: Progress) -> None:
        pipelines = [*self._steps]
        found = await to_thread.run_sync(partial(_read, progress, pipelines))
        if found != (self._newest, {name: self._steps[name] for name in pipelines}):
            self._newest = found[0]
            self._steps |= found[1]
            news, self._news = self._news, anyio.Event()
            news.set()

    async def news(self, after: int) -> int:
        """Wait until the feed has a signal after `after`, and return the newest sequence number."""
        while self._newest <= after:
            await self._news.wait()
        return self._newest

    async def steps(self, pipeline: str, after: int) -> int:
        """Wait until the pipeline has a step after `after`, and return its newest position."""
        if pipeline not in self._steps:
            self._steps[pipeline] = 0
            self.tell()
        while self._steps[pipeline] <= after:
            await self._news.wait()
        return self._steps[pipeline]


def _read(progress: Progress, pipelines: list[str]) -> tuple[int, dict[str, int]]:
    return progress.ends()[1], {name: progress.steps(name) for name in pipelines}
