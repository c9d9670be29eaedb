"""Notices: what the daemon tells its operator, or one person, through the sinks that take them.

Whoever has something to tell stores it. This part gives what is new to the sinks; their workers send it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import anyio

from stratumd.observe.logs import logger
from stratumd.plugin import MINUTE, SECOND, Micros, Notice
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.states import State
from stratumd.store import Taker

POLL: Micros = SECOND
"""From one look at the store to the next: another daemon may have stored something."""
SWEEP: Micros = MINUTE
"""From one look at what is worth nothing any more to the next."""

_log = logger("stratumd.notices")


class Sinks(Protocol):
    """The sinks that run."""

    def takers(self) -> Sequence[Taker]:
        """Return those that take notices and are not off, the most likely to succeed first."""

    def wake(self) -> None:
        """Say that there is something to send."""


class Notices:
    """Stores notices, and gives those that are new to the sinks."""

    kind = "notices"
    name = "router"

    def __init__(self, sinks: Sinks, core: Core) -> None:
        self._sinks = sinks
        self._core = core
        self._news = anyio.Event()
        self._untaken: set[str] = set()

    async def notify(self, notice: Notice) -> None:
        """Store a notice, which is sent at least once from then on. An id that is there already changes nothing."""
        await transaction(lambda: self._core.store.notify(notice))
        self._news.set()

    def wake(self) -> None:
        """Look at once: something was stored with what it tells of. Call it on the event loop."""
        self._news.set()

    async def run(self) -> None:
        """Give what is new to the sinks, until cancelled."""
        timer = self._core.timer
        sweep_at = timer.monotonic()
        while True:
            await self.route()
            if timer.monotonic() >= sweep_at:
                sweep_at = timer.monotonic() + SWEEP
                await transaction(lambda: self._core.store.notices.sweep(timer.now()))
            self._core.states.put(self.kind, self.name, State.OK)
            with anyio.move_on_after(POLL / SECOND):
                await self._news.wait()

    async def route(self) -> None:
        """Give what is new to the sinks once, and say once of each notice that nobody takes it."""
        self._news = anyio.Event()
        takers, now = self._sinks.takers(), self._core.timer.now()
        found = await transaction(lambda: self._core.store.notices.route(takers, now))
        for notice in found.untaken:
            if notice.id not in self._untaken:
                _warn(notice)
        self._untaken = {notice.id for notice in found.untaken}
        if found.sent_out:
            self._sinks.wake()


def _warn(notice: Notice) -> None:
    """Put a notice to the operator into the log instead; of one to a person only that there is one."""
    said = {"title": notice.title, "text": notice.text} if notice.to is None else {}
    hint = "set 'notices: true' for a sink that can send it"
    _log.warning("no sink takes a notice", notice=notice.id, kind=notice.kind, **said, hint=hint)
