"""The instants of a schedule, in the store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from stratumd.observe.logs import logger
from stratumd.plugin import SECOND, Micros
from stratumd.runtime.backoff import Backoff
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.states import State
from stratumd.store import Newest, StoreBroken, StoreError, Taken

T = TypeVar("T")

_log = logger("stratumd.schedule")


class StoredInstants:
    """The instants of one source or job. While the store does not answer, the calls wait for it: nothing is kept."""

    def __init__(self, kind: str, name: str, core: Core, *, part: str = "") -> None:
        """`part` names a schedule of its own within the source."""
        self._kind = kind
        self._name = name
        self._schedule = f"{kind} {name} {part}".rstrip()
        self._core = core

    async def newest(self) -> Newest:
        """Return where the schedule stands."""
        return await self._patiently(partial(self._core.store.sharing.newest, self._schedule))

    async def take(self, instant: Micros, gap: Micros) -> Taken:
        """Take an instant, as `Sharing.take` does."""
        return await self._patiently(partial(self._core.store.sharing.take, self._schedule, instant, gap))

    async def _patiently(self, call: Callable[[], T]) -> T:
        waiting, told = Backoff(first=SECOND // 4, longest=2 * SECOND), ""
        while True:
            try:
                found = await transaction(call)
            except StoreBroken:
                raise
            except StoreError as error:
                wait = waiting.failed()
                reason = f"store: {error}"
                self._core.states.put(self._kind, self._name, State.RECOVERABLE_ERROR, reason, waiting.failures)
                if told != str(error):  # an outage of hours is not to fill the log's disk
                    told = str(error)
                    _log.error("an instant waits for the store", schedule=self._schedule, error=told)
                await self._core.timer.sleep(wait)
            else:
                if waiting.failures:
                    self._core.states.put(self._kind, self._name, State.OK)
                    _log.info("the store takes instants again", schedule=self._schedule)
                return found
