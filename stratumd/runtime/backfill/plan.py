"""What a backfill asks for: at which times, about which events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from stratumd.odds import canonical_team
from stratumd.plugin import DAY, Event, Micros


class Wanted(NamedTuple):
    """What is wanted of the past."""

    sport: str
    markets: tuple[str, ...]
    start: Micros
    end: Micros
    """Excluded."""
    step: Micros
    """Between two snapshots."""
    sample: float | None = None
    """The part of all events that is wanted, above 0 and up to 1; all where it is None."""

    def instants(self) -> Iterator[Micros]:
        """Yield the times of which snapshots are wanted."""
        yield from range(self.start, self.end, self.step)

    def days(self) -> Iterator[Micros]:
        """Yield the times at which it is asked which events there are: once a day."""
        yield from range(self.start, self.end, DAY)


class Limits(NamedTuple):
    """What ends a backfill, whatever is still wanted. None is no limit."""

    events: int | None = None
    """Events of which anything is kept, by the order of their start."""
    requests: int | None = None
    """Requests in this run."""
    remaining: int | None = None
    """Credits that must be left with the provider after every request."""


def sample(events: Iterable[Event], share: float) -> list[Event]:
    """Return every so-many-th event in the order of their start, and for each team left out one of its own.

    Nothing is drawn by lot: the same events give the same sample. A team's own event is the one in the middle of its
    season, so that what is added does not crowd one end.
    """
    ordered = in_order(events)
    chosen = set(_spread(ordered, max(1, round(len(ordered) * share)) if ordered else 0))
    for team in sorted(_teams(ordered) - _teams(chosen)):
        if team not in _teams(chosen):
            own = [event for event in ordered if team in _teams([event])]
            chosen.add(own[len(own) // 2])
    return in_order(chosen)


def choose(events: Iterable[Event], wanted: Wanted, most: int | None) -> list[Event]:
    """Return the events to be asked for: those that start within the time that is wanted, by the last word on each.

    A sample of more than `most` is thinned evenly; otherwise the first `most` count.
    """
    newest = {event.id: event for event in events if event.sport == wanted.sport}
    within = [event for event in newest.values() if wanted.start <= event.commence_at < wanted.end]
    if wanted.sample is None:
        return in_order(within)[:most]
    chosen = sample(within, wanted.sample)
    return chosen if most is None else _spread(chosen, min(most, len(chosen)))


def _spread(ordered: Sequence[Event], count: int) -> list[Event]:
    """Return `count` of the events, as evenly apart as can be."""
    return [ordered[(2 * number + 1) * len(ordered) // (2 * count)] for number in range(count)]


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return events by their start, those of one start by their id."""
    return sorted(events, key=lambda event: (event.commence_at, event.id))


def _teams(events: Iterable[Event]) -> set[str]:
    return {canonical_team(event.sport, name) for event in events for name in (event.home, event.away)}


def upcoming(chosen: Sequence[Event], at: Micros) -> tuple[str, ...]:
    """Return the ids of the events that have not started at `at`."""
    return tuple(event.id for event in chosen if event.commence_at > at)
