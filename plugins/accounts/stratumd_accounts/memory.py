"""What this process remembers of credentials, so that a request costs no look-up, and for how long that is true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from stratumd.plugin import Micros
from stratumd.plugin.routes import Identity

TRUSTED = 0.75
"""Seconds after the last look at the version of all rights, during which what is remembered may be used. With a look
each quarter of a second, and where none succeeds, a revocation is obeyed within a second by every process."""
MOST = 20_000
"""Credentials that are remembered."""


class Known(NamedTuple):
    """A credential that was looked up."""

    identity: Identity | None
    status: int
    detail: str
    """Why it is refused, where there is no identity."""
    until: Micros
    """When it has to be looked up again in any case."""
    version: int
    """Of all rights, when it was looked up."""


class Memory:
    """Known credentials by the hash of the whole credential: finding one takes as long as not finding one."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: dict[str, Known] = {}
        self._version = -1
        self._trusted_until = 0.0
        self.generation = 0
        """Rises when everything is forgotten: what was read before is not remembered after."""

    def find(self, hash: str, at: Micros) -> Known | None:
        """Return what is known of a credential and still true."""
        known = self._known.get(hash)
        if known is None or at >= known.until or self._monotonic() >= self._trusted_until:
            return None
        return known if known.version == self._version else None

    def remember(self, hash: str, known: Known, generation: int) -> None:
        """Remember a credential that was looked up when `generation` was what it is called with."""
        if generation != self.generation or known.version != self._version:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[hash] = known

    def confirm(self, version: int, asked_at: float) -> None:
        """Take in that the version of all rights was this one when it was asked for, at `asked_at` (monotonic)."""
        if version != self._version:
            self.forget()
            self._version = version
        self._trusted_until = max(self._trusted_until, asked_at + TRUSTED)

    def forget(self) -> None:
        """Forget everything: something was changed by this process."""
        self._known.clear()
        self.generation += 1

    def now(self) -> float:
        """Return the time by which trust is measured, in seconds from any start."""
        return self._monotonic()
