"""One source: polled when it is due, every exchange stored before anything else is done with it (T1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import anyio

from stratumd.errors import (
    BadPayload,
    RateLimited,
    SourceError,
    StratumError,
    TransientError,
    Unauthorized,
)
from stratumd.observe.logs import logger
from stratumd.plugin import SECOND, Micros, Poll
from stratumd.redaction import told
from stratumd.runtime.backoff import Backoff, seconds
from stratumd.runtime.build import Feed
from stratumd.runtime.calls import call, sheltered
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.posts import Turns
from stratumd.runtime.states import State
from stratumd.runtime.ticks import Ticks
from stratumd.store.errors import StoreBroken, StoreError

KIND = "source"
GRACE = 2.0
"""Seconds that an exchange at hand gets to end when the daemon stops: its answer is paid for."""
LONGEST_WAIT = 86_400.0
"""Seconds. A provider that asks for more is asked again after this."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What calls of a source's code may take, in seconds."""

    open: float = 60.0
    exchange: float = 300.0
    close: float = 2.0


class Collector:
    """Polls one source. `run` returns when the source has ended, and raises what a restart may help against."""

    kind = KIND

    def __init__(
        self,
        feed: Feed,
        ticks: Ticks | None,
        core: Core,
        wake: Callable[[], None],
        *,
        backoff: Backoff | None = None,
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        """`ticks` is None where the source is polled once and then ends; `wake` says that something was stored."""
        self.name = feed.owner.name
        self._source = feed.source
        self._owner = feed.owner
        self.ticks = ticks
        self.turns = Turns()
        self._core = core
        self._wake = wake
        self._backoff = backoff or Backoff()
        self._deadlines = deadlines
        self._entry = core.journal.source(self.name)
        self._log = logger("stratumd.source", source=self.name)

    async def run(self) -> None:
        """Open the source, poll it when it is due, close it."""
        await self._call(self._source.open, self._deadlines.open)
        try:
            if self.ticks is None:
                await self.poll()
            else:
                await self._follow(self.ticks)
        finally:
            await self._close()

    async def _follow(self, ticks: Ticks) -> None:
        while True:
            self._entry.next_due = ticks.due
            skipped = await ticks.wait()
            if skipped:
                self._entry.skipped += skipped
                self._core.metrics.skipped.labels(self.name).inc(skipped)
                self._log.warning("poll skipped: the one before took longer than the interval", skipped=skipped)
            with self.turns.turn():
                pause = await self.poll()
            await self._core.timer.sleep(pause)

    async def poll(self) -> Micros:
        """Ask for what is due and store every exchange; return how long to leave the source alone beyond that.

        `Unauthorized` ends it at once: the same key will not do for the next exchange either.
        """
        errors: list[SourceError] = []
        answered = 0
        exchanges = await self._call(self._begin, self._deadlines.exchange)
        try:
            while (poll := await sheltered(partial(self._exchange, exchanges), GRACE)) is not None:
                error = self._note(poll)
                if isinstance(error, Unauthorized):
                    raise error
                if error is None or isinstance(error, BadPayload):
                    answered += 1
                else:
                    errors.append(error)
        finally:
            await self._end(exchanges)
        return self._judge(errors, answered)

    async def _exchange(self, exchanges: AsyncIterator[Poll]) -> Poll | None:
        """Make one exchange and store it; None where there is none any more."""
        poll = await self._call(lambda: anext(exchanges, None), self._deadlines.exchange)
        if poll is not None:
            await self._keep(poll)
        return poll

    async def _end(self, exchanges: AsyncIterator[Poll]) -> None:
        end = getattr(exchanges, "aclose", None)
        if end is not None:
            with anyio.CancelScope(shield=True):
                await self._call(end, self._deadlines.close)

    async def _begin(self) -> AsyncIterator[Poll]:
        return self._source.poll()

    async def _keep(self, poll: Poll) -> None:
        """T1. What was answered is worth credits: while the store is down, no more is asked and this one waits."""
        waiting = Backoff(longest=30 * SECOND)
        while True:
            try:
                await transaction(lambda: self._core.store.observe([(self.name, poll)]))
            except StoreBroken:
                raise
            except StoreError as error:
                self._put(State.RECOVERABLE_ERROR, f"store: {error}", waiting.failures)
                self._log.error("an observation waits for the store", error=str(error))
                await self._core.timer.sleep(waiting.failed())
            else:
                break
        if poll.observation is not None:
            self._wake()

    def _note(self, poll: Poll) -> SourceError | None:
        """Count the exchange and return its error."""
        entry, metrics = self._entry, self._core.metrics
        entry.polls += 1
        entry.last_poll = poll.started_at + poll.elapsed
        if poll.credits.remaining is not None:
            entry.credits_remaining = poll.credits.remaining
            metrics.credits.labels(self.name).set(poll.credits.remaining)
        error = poll.error
        metrics.polls.labels(self.name, _outcome(error)).inc()
        if error is None:
            return None
        entry.failed += 1
        entry.last_error = told(error)
        self._log.warning("poll failed", path=poll.request.path, outcome=_outcome(error), error=told(error))
        return error if isinstance(error, SourceError) else TransientError(told(error))

    def _judge(self, errors: Sequence[SourceError], answered: int) -> Micros:
        """Say how the source is, and return how long it is to be left alone."""
        if not errors:
            self._backoff.succeeded()
            self._put(State.OK)
            return 0
        limited = [error for error in errors if isinstance(error, RateLimited)]
        asked = max((seconds(error.retry_after) or 0.0 for error in limited), default=0.0)
        worst = limited[0] if limited else errors[0]
        wait = self._backoff.failed() if limited or not answered else 0
        self._put(State.RECOVERABLE_ERROR, told(worst), self._backoff.failures)
        return max(wait, round(min(asked, LONGEST_WAIT) * SECOND))

    async def _close(self) -> None:
        try:
            with anyio.CancelScope(shield=True):
                await self._call(self._source.close, self._deadlines.close)
        except StratumError as error:
            self._log.warning("source closed with an error", error=told(error))

    async def _call(self, code: Callable[[], Awaitable[T]], deadline: float) -> T:
        return await call(self._owner, code, deadline)

    def _put(self, state: State, reason: str = "", attempts: int = 0) -> None:
        self._core.states.put(KIND, self.name, state, reason, attempts)


def _outcome(error: Exception | None) -> str:
    return _OUTCOMES.get(type(error), "failed") if error is not None else "ok"


_OUTCOMES: dict[type[Exception], str] = {
    TransientError: "transient",
    RateLimited: "rate_limited",
    Unauthorized: "unauthorized",
    BadPayload: "bad_payload",
}
