"""The circuit breaker of a source: a provider that keeps failing is left alone, and one exchange finds out more.

Closed: everything is asked. Open: nothing is, for a while that doubles and is never the same twice. Half-open: when the
while is over, one exchange is made; if it succeeds the rest follows, else the breaker opens again, for longer. The open
breaker is a row, so a restart does not ask a provider at once that asked for peace.
"""

from __future__ import annotations

import secrets
from functools import partial

from stratumd.observe.logs import logger
from stratumd.plugin import DAY, MINUTE, SECOND, Component, Micros, iso
from stratumd.runtime.backoff import Backoff
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.disabling import fingerprint
from stratumd.store import Outage, StoreError

KIND = "source"
OPENS_AFTER = 5
"""Failed polls in a row."""
FIRST = 30 * SECOND
LONGEST = 15 * MINUTE
"""How long it stays open at first, and at most. Each time it is drawn from the upper half."""
LONGEST_ASKED = DAY
"""A provider that asks for more is asked again after this."""
CLOSED, HALF_OPEN, OPEN = "closed", "half-open", "open"
_FIGURES = {CLOSED: 0, HALF_OPEN: 1, OPEN: 2}


class Circuit:
    """The breaker of one source, in memory and in the store."""

    def __init__(self, name: str, source: Component, version: str, core: Core, backoff: Backoff) -> None:
        """`backoff` tells how long to wait while it is closed; `version` is the plugin's."""
        self._name = name
        self._source = source
        self._version = version
        self._core = core
        self._backoff = backoff
        self._outage: Outage | None = None
        self._recalled = False
        self._mark = ""
        self._log = logger("stratumd.source", source=name)

    @property
    def failures(self) -> int:
        """Failed polls in a row."""
        return self._backoff.failures

    @property
    def reason(self) -> str:
        """Why it is open; empty while it is closed."""
        return "" if self._outage is None else self._outage.reason

    @property
    def on_trial(self) -> bool:
        """Whether one exchange is to find out if the provider is back."""
        return self._outage is not None

    async def recall(self) -> Micros:
        """Read back what a process before this one knew, once; return how long the source is still to be left alone.

        A source with other options, or another version, gets another chance.
        """
        if not self._recalled:
            self._recalled = True
            self._outage = await self._stored()
            if self._outage is not None:
                self._backoff.failures = self._outage.failures
        self._show()
        now = self._core.timer.now()
        return 0 if self._outage is None else max(0, min(self._outage.retry_at - now, LONGEST_ASKED))

    def try_now(self) -> None:
        """Say that an exchange is about to find out."""
        self._show(HALF_OPEN)

    async def succeeded(self) -> None:
        """Close."""
        self._backoff.succeeded()
        if self._outage is None:
            return
        self._outage = None
        self._show()
        self._log.info("the provider is back; breaker closed")
        await self._write(partial(self._core.store.mend, KIND, self._name))

    async def failed(self, reason: str, asked: Micros = 0) -> Micros:
        """Count a failed poll and return how long to leave the source alone; `asked` is what the provider asked for."""
        wait = self._backoff.failed()
        if self._outage is None and self.failures < OPENS_AFTER and not asked:
            return wait
        pause = max(self._pause(), asked) if self.failures >= OPENS_AFTER or self._outage else max(wait, asked)
        await self._trip(reason, pause)
        return pause

    def _pause(self) -> Micros:
        length = min(LONGEST, FIRST << min(32, max(0, self.failures - OPENS_AFTER)))
        return round(length * (1 + self._backoff.chance()) / 2)

    async def _trip(self, reason: str, pause: Micros) -> None:
        now = self._core.timer.now()
        since = now if self._outage is None else self._outage.since
        if not self._mark:
            self._mark = await transaction(self._fingerprint)
        self._outage = Outage(reason, self.failures, since, now + pause, self._mark)
        self._core.metrics.breaker_opened.labels(self._name).inc()
        self._show()
        self._log.warning("breaker open; the provider is left alone", until=iso(now + pause), error=reason)
        await self._write(partial(self._core.store.trip, KIND, self._name, self._outage))

    def _fingerprint(self, salt: str = "") -> str:
        return fingerprint(self._source, self._version, salt or secrets.token_hex(16))

    async def _stored(self) -> Outage | None:
        try:
            found = await transaction(partial(self._core.store.outage, KIND, self._name))
        except StoreError as error:
            self._log.warning("it is not known whether the source was left alone", error=str(error))
            return None
        if found is None:
            return None
        if await transaction(partial(self._fingerprint, found.options.partition("$")[0])) == found.options:
            self._mark = found.options
            return found
        await self._write(partial(self._core.store.mend, KIND, self._name))
        return None

    async def _write(self, write: partial[None]) -> None:
        """Write the row. Where the store is down the breaker works all the same, as long as the process does."""
        try:
            await transaction(write)
        except StoreError as error:
            self._log.warning("the breaker could not be stored", error=str(error))

    def _show(self, state: str = "") -> None:
        entry, outage = self._core.journal.source(self._name), self._outage
        entry.breaker = state or (CLOSED if outage is None else OPEN)
        entry.retry_at = None if outage is None else outage.retry_at
        entry.failures = self.failures
        self._core.metrics.breaker.labels(self._name).set(_FIGURES[entry.breaker])
