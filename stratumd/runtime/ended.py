"""Which events are over, so that sources ask no more about them."""

from __future__ import annotations

from collections.abc import Container, Iterable

from stratumd.plugin import DAY, Micros

REMEMBERED: Micros = 7 * DAY
"""How long an event that is over is remembered: no provider lists one for so long."""


class Ended(Container[str]):
    """The events that are final or cancelled by the newest word on them. Shared by all sources and pipelines."""

    def __init__(self) -> None:
        self._events: frozenset[str] = frozenset()

    def __contains__(self, event: object) -> bool:
        return event in self._events

    def replace(self, events: Iterable[str]) -> None:
        """Let these be all of them: one that a correction brought back to life is asked about again."""
        self._events = frozenset(events)
