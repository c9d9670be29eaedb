"""When each event is due by the time to its start. Pure: told the time, and it remembers nothing.

The instants of a band are the multiples of its interval since 1970, UTC. So events of one band are due together and
one request can ask for all of them, a start that moves does not move them, and every daemon finds the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stratumd.config.schedules import Schedule
from stratumd.plugin import MINUTE, Micros, format_duration, micros

DISCOVERY: Micros = 15 * MINUTE
"""How often a source with a cadence is asked which events there are."""
NEVER: Micros = 2**62
"""Later than every time."""


class Phase(NamedTuple):
    """A band of the cadence as it lies before an event's start."""

    name: str
    opens: Micros
    """How long before the start it begins."""
    closes: Micros
    """How long before the start it ends; negative after the start."""
    every: Micros


class Cadence(NamedTuple):
    """The bands of a schedule, the farthest first."""

    phases: tuple[Phase, ...]

    @property
    def rhythm(self) -> Micros:
        """How often it is looked what is due: at the multiples of this since 1970."""
        return min(DISCOVERY, *(phase.every for phase in self.phases))

    def phase(self, start: Micros, at: Micros) -> Phase | None:
        """Return the phase that an event starting at `start` is in; None before the first and after the last."""
        return next((phase for phase in self.phases if phase.closes < start - at <= phase.opens), None)

    def latest(self, start: Micros, at: Micros) -> tuple[Micros, Phase] | None:
        """Return the newest due instant up to `at` with its phase; None where there was none."""
        for phase in reversed(self.phases):
            last = min(at, start - phase.closes - 1)
            instant = last // phase.every * phase.every
            if instant >= start - phase.opens:
                return instant, phase
        return None

    def instants(self, start: Micros, begin: Micros, end: Micros) -> Iterator[tuple[Micros, Phase]]:
        """Yield the due instants in [begin, end), in order."""
        for phase in self.phases:
            first = max(begin, start - phase.opens)
            instant = -(-first // phase.every) * phase.every
            while instant < min(end, start - phase.closes):
                yield instant, phase
                instant += phase.every


def cadence_of(schedule: Schedule) -> Cadence | None:
    """Return the cadence of `schedule`; None where it has none."""
    bands = schedule.bands
    if not bands:
        return None
    reaches = [NEVER if band.within is None else micros(band.within) for band in bands]
    ends = [*reaches[1:], -micros(schedule.after_start)]
    names = [band.name or (format_duration(band.within) if band.within else "any") for band in bands]
    parts = zip(names, reaches, ends, bands, strict=True)
    return Cadence(tuple(Phase(name, opens, closes, micros(band.every)) for name, opens, closes, band in parts))
