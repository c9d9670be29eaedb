"""The ground truth: what was done to the simulated market, when, and who took part."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from stratumd.plugin import Micros


class Kind(StrEnum):
    """What happened."""

    STEAM = "steam"
    """The truth jumped and the operators followed, each after its own delay."""
    LATE_MOVE = "late_move"
    """The same, shortly before the start."""
    DISLOCATION = "dislocation"
    """An operator was off the market by its own mistake."""
    STALE = "stale"
    """An operator had not followed when half of them had."""
    EARLY = "early"
    """An operator had followed when half of them had not."""
    GRIND = "grind"
    """A decoy: the truth went the same way in many small steps."""
    SINGLE_MOVE = "single_move"
    """A decoy: one operator moved, nobody followed, and it went back."""
    REHANG = "rehang"
    """A decoy: an operator hung another line at a price that makes up for it."""
    OUTAGE = "outage"
    """A book, or one market of it, stopped updating or was withdrawn."""
    MOVED_START = "moved_start"
    """The announced start changed."""


class Follow(NamedTuple):
    """An operator's posted answer to a jump of the truth."""

    operator: str
    at: Micros
    move: float
    """Change of its compared value (points, or the home side's probability), with its sign."""


class Label(NamedTuple):
    """One thing that happened to one market of one event (or to all of it, where `market` is None).

    Directions are those of the compared value: the home side's line, the total, its win probability.
    """

    kind: Kind
    event: str
    market: str | None
    direction: str | None
    """`up` or `down`; None where nothing moved."""
    operators: tuple[str, ...]
    """Those that took part, in order of time where there is one."""
    at: Micros
    until: Micros
    """When it was over: the last operator had followed, the mistake was corrected."""
    size: float = 0.0
    """What the truth, or the operator's mistake, moved: points, or probability; never negative."""
    follows: tuple[Follow, ...] = ()
    """The posted answers to a jump of the truth, in order of time."""

    def breadth(self, window: Micros, least: float) -> int:
        """Return how many operators moved at least `least` the labelled way inside one `window` at most.

        Times are those of the books, at full resolution: a poll sees this many only where it falls right.
        """
        sign = 1.0 if self.direction == "up" else -1.0
        times = [follow.at for follow in self.follows if follow.move * sign >= least - 1e-9]
        return most_within(times, window)


def most_within(times: Sequence[Micros], window: Micros) -> int:
    """Return the largest number of the ascending `times` inside any window of that length."""
    best = first = 0
    for last, at in enumerate(times):
        while at - times[first] > window:
            first += 1
        best = max(best, last - first + 1)
    return best
