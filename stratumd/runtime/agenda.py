"""Which events to poll now. Pure: given the time, the events known and the credits left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from stratumd.plugin import DAY, Fixture, Micros
from stratumd.runtime.cadence import Cadence, Phase

HORIZON = DAY
"""How far ahead credits are kept for events: by then the bucket has been filled once."""

Price = Callable[[Sequence[Fixture]], int]
"""The most credits that a poll of these events costs."""


class Due(NamedTuple):
    """An event that is to be polled."""

    fixture: Fixture
    phase: Phase
    instant: Micros
    """The newest instant that it was due at."""


def due(cadence: Cadence, fixtures: Iterable[Fixture], polled: Mapping[str, Micros], now: Micros) -> list[Due]:
    """Return the events that are due, those nearest their start first.

    `polled` says when each was polled last. One that never was is due at once, wherever it is in its phase.
    """
    found = []
    for fixture in fixtures:
        phase = cadence.phase(fixture.commence_at, now)
        if phase is None:
            continue
        last, newest = polled.get(fixture.id), cadence.latest(fixture.commence_at, now)
        if last is None:
            found.append(Due(fixture, phase, newest[0] if newest else now))
        elif newest is not None and last < newest[0]:
            found.append(Due(fixture, phase, newest[0]))
    return sorted(found, key=lambda each: (each.fixture.commence_at, each.fixture.id))


def affordable(waiting: Sequence[Due], price: Price, spare: Callable[[Phase], int]) -> list[Due]:
    """Return as many of `waiting`, in its order, as may be paid for.

    `spare` are the credits that events of a phase may spend: what is left, less what is kept for those nearer to a
    start. An event that adds nothing to the price of what is polled anyway always comes along.
    """
    chosen: list[Due] = []
    spent = 0
    for each in waiting:
        together = price([*(other.fixture for other in chosen), each.fixture])
        if together == spent or together <= spare(each.phase):
            chosen.append(each)
            spent = together
    return chosen


class Kept(NamedTuple):
    """The credits that events in nearer phases will want, and a phase must leave to them."""

    bucket: int
    """Beyond what the bucket gains, at the worst moment of the next day."""
    today: int
    """Until midnight, UTC."""


def kept(cadence: Cadence, phase: Phase, fixtures: Iterable[Fixture], price: Price, daily: int, now: Micros) -> Kept:
    """Return what to keep for events in nearer phases than `phase`, where a bucket gains `daily` credits a day.

    Events of one sport and phase are polled together, for the price of one.
    """
    nearer = cadence.phases[cadence.phases.index(phase) + 1 :]
    spans = [
        span
        for sport, starts in _by_sport(fixtures, now).items()
        for span in _spans(nearer, starts, price([Fixture("any", sport, starts[0])]), now)
    ]
    midnight = (now // DAY + 1) * DAY
    edges = sorted({now, midnight, *(edge for start, end, _ in spans for edge in (start, end))})
    level = worst = today = 0
    for begin, end in pairwise(edges):
        # In credits × microseconds: each span wants its price once in its interval.
        rate = sum(cost * DAY // every for start, stop, (cost, every) in spans if start <= begin < stop)
        level += (rate - daily) * (end - begin)
        worst = max(worst, level)
        today += rate * (end - begin) if end <= midnight else 0
    return Kept(-(-worst // DAY), -(-today // DAY))


def _by_sport(fixtures: Iterable[Fixture], now: Micros) -> dict[str, list[Micros]]:
    starts: dict[str, set[Micros]] = {}
    for fixture in fixtures:
        if now - DAY < fixture.commence_at < now + HORIZON + DAY:
            starts.setdefault(fixture.sport, set()).add(fixture.commence_at)
    return {sport: sorted(found) for sport, found in starts.items()}


_Span = tuple[Micros, Micros, tuple[int, Micros]]
"""From, until, and the price that is paid once in every interval meanwhile."""


def _spans(phases: Sequence[Phase], starts: Sequence[Micros], cost: int, now: Micros) -> list[_Span]:
    """Return when a sport is polled in each phase: where the phases of its events overlap, once."""
    found: list[_Span] = []
    for phase in phases:
        covered = now
        for start in starts:
            begin = max(covered, start - phase.opens)
            covered = max(covered, min(start - phase.closes, now + HORIZON))
            if begin < covered:
                found.append((begin, covered, (cost, phase.every)))
    return found
