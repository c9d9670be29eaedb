"""Which events are over, so that sources ask no more about them."""

from __future__ import annotations

from collections.abc import Container, Iterable

from stratumd.plugin import DAY, MINUTE, Micros

REMEMBERED: Micros = 7 * DAY
"""How long an event that is over is remembered: no provider lists one for so long."""
STALE: Micros = MINUTE
"""How long what is known of that is good for: another daemon may have heard of an end."""


class Ended(Container[str]):
    """The events that are final or cancelled by the newest word on them. Shared by all sources and pipelines."""

    def __init__(self) -> None:
        self._events: frozenset[str] = frozenset()
        self._at: Micros | None = None

    def __contains__(self, event: object) -> bool:
        return event in self._events

    def is_stale(self, now: Micros) -> bool:
        """Say whether it is time to look again what is stored."""
        return self._at is None or not 0 <= now - self._at < STALE

    def replace(self, events: Iterable[str], now: Micros) -> None:
        """Let these be all of them: one that a correction brought back to life is asked about again."""
        self._events, self._at = frozenset(events), now
