"""Hold signals against labels: what counts as found, and what as false.

A signal counts for a label of the same event, market and direction; its instant must lie between the label's beginning
and its end. A moneyline is read from the home side: an away probability that falls is a home probability that rises.

* STEAM is true where the truth jumped (`steam`, `late_move`). It may come later than the last operator's answer by the
  detector's window and one poll: so long the answer is still inside a window. Anything else is false, a grind too.
* DISLOCATION is true where the named operator made a mistake (`dislocation`), or was behind (`stale`) or ahead
  (`early`) of half of the others when the truth jumped. What only the operators' own opinions add up to is false.

A label is found if at least one signal counts for it. Labels that no detector may find are left out: those of a market
younger than `min_age`, in play or within 5 minutes of the start, or not over at the last poll; and dislocations that
are smaller than the threshold or were over before a poll could see them twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from stratumd.plugin import MINUTE, Micros, Signal
from stratumd_demo.labels import Kind, Label

QUIET: Final = 5 * MINUTE
"""The steam detector's default: nothing is said so close to the start."""
STEAMS: Final = frozenset({Kind.STEAM, Kind.LATE_MOVE})
APART: Final = frozenset({Kind.DISLOCATION, Kind.STALE, Kind.EARLY})

Place = tuple[str, str | None, str | None]


class Matched(NamedTuple):
    """Signals and labels of one kind, held against each other."""

    signals: list[tuple[Signal, bool]]
    """Each signal, and whether it is true."""
    labels: list[tuple[Label, bool]]
    """Each label, and whether it was found."""


def match(signals: Iterable[Signal], labels: Sequence[Label], kinds: Collection[Kind], tolerance: Micros) -> Matched:
    """Hold `signals` against the `labels` of those kinds; a signal may come `tolerance` after a label's end."""
    by_place: dict[Place, list[Label]] = defaultdict(list)
    for label in labels:
        if label.kind in kinds:
            by_place[label.event, label.market, label.direction].append(label)
    judged: list[tuple[Signal, bool]] = []
    found: set[int] = set()
    for signal in signals:
        true = [label for label in by_place[place(signal)] if _counts(signal, label, tolerance)]
        judged.append((signal, bool(true)))
        found.update(map(id, true))
    return Matched(judged, [(one, id(one) in found) for group in by_place.values() for one in group])


def place(signal: Signal) -> Place:
    """Return the event, market and direction of a signal, the direction of a moneyline from the home side."""
    direction = signal.direction
    if signal.market == "h2h" and signal.outcome == "away":
        direction = "up" if direction == "down" else "down"
    return signal.event, signal.market, direction


def _counts(signal: Signal, label: Label, tolerance: Micros) -> bool:
    if signal.operator is not None and signal.operator not in label.operators:
        return False
    return label.at <= signal.observed_at <= label.until + tolerance


class Apart:
    """How many operators stand apart at once, by the labels."""

    def __init__(self, labels: Iterable[Label]) -> None:
        self._by_place: dict[Place, list[Label]] = defaultdict(list)
        for label in labels:
            if label.kind in APART:
                self._by_place[label.event, label.market, label.direction].append(label)

    def during(self, label: Label) -> int:
        """Return how many stood apart as the label's operator did, itself included, in the middle of its time."""
        where = (label.event, label.market, label.direction)
        return self._count(where, (label.at + label.until) // 2, label.operators)

    def at(self, signal: Signal) -> int:
        """Return how many stood apart as the signal says when it says so, its own operator included."""
        return self._count(place(signal), signal.observed_at, (signal.operator or "",))

    def _count(self, where: Place, at: Micros, itself: Sequence[str]) -> int:
        others = [one.operators for one in self._by_place[where] if one.at <= at <= one.until]
        return len({*itself, *(operator for operators in others for operator in operators)})


class Lifetimes(NamedTuple):
    """When each event was first seen, when it starts, and when nobody looked any more."""

    end: Micros
    seen: dict[str, Micros]
    starts: dict[str, Micros]

    def open(self, label: Label, min_age: Micros) -> bool:
        """Say whether the label lies where a detector may speak."""
        begun, starts = self.seen.get(label.event), self.starts.get(label.event)
        if begun is None or starts is None:
            return False
        return begun + min_age <= label.at and label.until <= min(self.end, starts - QUIET)
