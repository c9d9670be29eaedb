"""Sending notices to one sink, beside its deliveries: a lane of the sink's own worker, which never holds them up.

A notice that fails is put off by itself and opens no breaker: what one address refuses says nothing of the receiver.
While the receiver of the deliveries is left alone, so is this one; it is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol, TypeVar

from stratumd import failpoints
from stratumd.errors import DeliveryError, PluginError
from stratumd.plugin import HOUR, SECOND, Clock, Log, Micros, Notice, Severity
from stratumd.redaction import told
from stratumd.runtime.attempts import DEADLINE, Target, attempt
from stratumd.runtime.backoff import USUAL, Retry
from stratumd.store import Errand

T = TypeVar("T")

LONGEST = HOUR // SECOND
"""Seconds. A receiver that asks for more is asked again after this."""


class Letters(Protocol):
    """The notices of the store. The calls block; they are made from worker threads."""

    def claim(self, sink: str, now: Micros) -> Errand | None:
        """Take the oldest notice that is due at `sink`."""

    def delivered(self, id: str, sink: str, now: Micros) -> None:
        """Mark as sent."""

    def failed(self, id: str, sink: str, now: Micros, error: str, retry_at: Micros | None) -> None:
        """Mark as failed, to be taken again from `retry_at` on; None gives it up."""


class Stored(Protocol):
    """Runs a transaction until the store takes it."""

    async def __call__(self, call: Callable[[], T], /) -> T:
        """Return what `call` returns."""
        ...


class Teller:
    """Sends one sink its notices, one at a time."""

    def __init__(
        self,
        target: Target,
        letters: Letters,
        *,
        clock: Clock,
        log: Log,
        least: Severity | None = Severity.INFO,
        retry: Retry = USUAL,
        deadline: float = DEADLINE,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """One call of the sink may take `deadline` seconds. What matters less than `least` does not come here.

        None: nothing does but what was stored for this sink alone, its digest.
        """
        self.least = least
        self._target = target
        self._letters = letters
        self._clock = clock
        self._log = log
        self._retry = retry
        self._deadline = deadline
        self._chance = chance

    async def step(self, stored: Stored) -> bool:
        """Send one notice that is due, and say whether one was.

        Raises the `DeliveryError` by which the sink says that its receiver is gone; the notice goes on waiting then.
        """
        name = self._target.name
        errand = await stored(lambda: self._letters.claim(name, self._clock.now()))
        if errand is None:
            return False
        error = await attempt(self._target, lambda: self._send(errand.notice), self._deadline)
        if error is None:
            await stored(lambda: self._letters.delivered(errand.notice.id, name, self._clock.now()))
        else:
            await self._failed(errand, error, stored)
        return True

    async def _send(self, notice: Notice) -> None:
        failpoints.reached("notice: sending")
        await self._target.sink.notify(notice)
        failpoints.reached("notice: sent")

    async def _failed(self, errand: Errand, error: DeliveryError | PluginError, stored: Stored) -> None:
        name, id, now = self._target.name, errand.notice.id, self._clock.now()
        wait = self._wait(errand.attempt, error)
        retry_at = None if wait is None else now + round(wait * SECOND)
        await stored(lambda: self._letters.failed(id, name, now, told(error), retry_at))
        said = {"sink": name, "notice": id, "kind": errand.notice.kind, "error": told(error)}
        if retry_at is None:
            self._log.error("notice given up", **said)
        else:
            self._log.warning("notice failed", **said, retry_in=round(wait or 0.0, 3))
        if isinstance(error, DeliveryError) and error.disable:
            raise error

    def _wait(self, attempts: int, error: DeliveryError | PluginError) -> float | None:
        """Return the seconds until it is tried again; None where it is given up."""
        if isinstance(error, PluginError):
            return None if attempts >= self._retry.faults else self._retry.pause(attempts, self._chance())
        if attempts >= self._retry.attempts or (error.permanent and not error.disable):
            return None
        if error.retry_after is not None:
            return min(error.retry_after, LONGEST)
        return self._retry.pause(attempts, self._chance())
