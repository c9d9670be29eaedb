"""The cycles of a source: what it asks about watched events in a rhythm of its own, beside its schedule."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from stratumd.config.schedules import Band, Budget, Schedule
from stratumd.plugin import Cycle, Fixture, Poll, Source

MOST_EVENTS = 40
"""Of one poll of a cycle, those that started or start first; the others are due at the next."""
_SHORTEST = 1
"""A band has to begin before the start, if only by a microsecond."""


class Watched(Source):
    """A source as one of its cycles sees it: the watched events alone."""

    def __init__(self, source: Source, cycle: Cycle) -> None:
        super().__init__(source.options, source.context)
        self._source = source
        self._cycle = cycle.name

    def fixtures(self) -> Sequence[Fixture] | None:
        """Return the watched events; None where the source knows of none at all yet."""
        known = self._source.fixtures()
        return None if known is None else [each for each in known if self._source.watches(each)]

    def most(self, events: Sequence[Fixture] | None = None) -> int:
        """Return the most credits that a poll of these events costs."""
        return self._source.most_watched(self._cycle, events or ())

    def discover(self) -> AsyncIterator[Poll]:
        """Ask which events there are."""
        return self._source.discover()

    def poll_events(self, events: Sequence[Fixture]) -> AsyncIterator[Poll]:
        """Ask what the cycle asks about these events."""
        return self._source.poll_watched(self._cycle, events)


def schedule_of(cycle: Cycle) -> Schedule:
    """Return the cadence of a cycle: one band, whose name is what the poll log calls it."""
    within = timedelta(microseconds=max(_SHORTEST, cycle.opens))
    band = Band(name=cycle.name, within=within, every=timedelta(microseconds=cycle.every))
    after = timedelta(microseconds=-cycle.closes)
    return Schedule(cadence=(band,), after_start=after, max_events_per_cycle=MOST_EVENTS)


def reserved(cycles: Sequence[Cycle], budget: Budget) -> int:
    """Return the credits of a day that cycles may take, and the schedule leaves to them."""
    own = {cycle.name for cycle in cycles}
    return sum(limit for feature, limit in budget.features.items() if feature in own)
