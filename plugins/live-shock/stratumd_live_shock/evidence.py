"""What a live shock carries: the market at both ends, who jumped along, who suspended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from stratumd.odds import Component, Fair
from stratumd.plugin import MINUTE, SECOND, Event, Micros, iso, rounded
from stratumd_live_shock.jump import Ends, Jump
from stratumd_live_shock.options import Away, LiveShockMetadata, Mover, Severity, Terms

READING = (
    "In play a price moves with the score: this says that something happened in the game, not that somebody knew more."
)
MAJOR, EXTREME = 2.0, 3.0
"""In thresholds."""


def severity(magnitude: float, threshold: float) -> Severity:
    """Return how large a jump is, in words."""
    size = magnitude / threshold
    if size >= EXTREME:
        return "extreme"
    return "major" if size >= MAJOR else "minor"


def shock_evidence(
    jump: Jump, event: Event, threshold: float, window: Micros, parts: Sequence[Component]
) -> Callable[[], dict[str, Any]]:
    """Return what makes the metadata, should the finding become a signal."""

    def evidence() -> dict[str, Any]:
        market = jump.market
        metadata = LiveShockMetadata(
            reading=READING,
            window_seconds=window / SECOND,
            unit="points" if market.sigma is not None else "probability",
            severity=severity(jump.shift.magnitude, threshold),
            before=_round(jump.before),
            after=_round(jump.after),
            since=iso(jump.since),
            minutes=_round(jump.minutes),
            velocity=_round(jump.shift.magnitude / jump.minutes),
            minutes_in_play=_round((market.observed_at - event.commence_at) / MINUTE),
            movers=[_mover(jump, end, threshold) for end in jump.movers(threshold)],
            compared=len(jump.ends),
            away=list(_away(jump)),
            components={part.name: {"weight": part.weight, "value": _round(part.value)} for part in parts},
        )
        found: dict[str, Any] = msgspec.to_builtins(metadata)
        return found

    return evidence


def _mover(jump: Jump, end: Ends, threshold: float) -> Mover:
    size, (after, before) = jump.toward(end), jump.began(end, threshold)
    return Mover(
        operator=end.line.operator,
        book=end.line.book,
        before=_terms(end.before, jump.shift.outcome),
        after=_terms(end.after, jump.shift.outcome),
        move=_round(size if jump.shift.direction == "up" else -size),
        interval=(iso(after), iso(before)),
        suspended=end.was_suspended,
    )


def _away(jump: Jump) -> Iterator[Away]:
    """Yield the books that left within the window."""
    for line in jump.market.lines.values():
        last = line.spans[-1]
        if last.offer is None and last.since > jump.since:
            yield Away(line.operator, line.book, iso(last.since))


def _terms(fair: Fair, outcome: str) -> Terms:
    return Terms(fair.line, _round(fair.prices[fair.outcomes.index(outcome)]))


def _round(value: float) -> float:
    return rounded(value) or 0.0
