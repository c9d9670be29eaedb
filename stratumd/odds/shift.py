"""Shifts: how far a compared value moved, or stands apart, and to which side that points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .fair import Fair
from .margin import cover_probability, over_probability
from .markets import Kind

UP, DOWN = "up", "down"
_SPREAD = Kind.SPREAD  # an enum's member is found slowly through its class
_new = tuple.__new__  # a NamedTuple's own constructor costs twice as much


class Shift(NamedTuple):
    """One outcome's part in a change of the compared value.

    `outcome` is the side that became more likely (for a line), or the outcome whose own probability changed.
    `direction` is the compared value's: `up` or `down`. `magnitude` is positive, in points or probability.
    """

    outcome: str
    direction: str
    magnitude: float


def probability_at(kind: Kind, outcome: str, line: float, fair_line: float, sigma: float) -> float:
    """Return the fair probability of `outcome` at the reference side's `line`, where the fair line is `fair_line`.

    For spreads `line` and `fair_line` are home's; for totals they are totals. `sigma` in points.
    """
    if kind is Kind.SPREAD:
        home = cover_probability(fair_line, line, sigma)
        return home if outcome == "home" else 1.0 - home
    over = over_probability(fair_line, line, sigma)
    return over if outcome == "over" else 1.0 - over


def shifts(kind: Kind, before: Fair, after: Fair) -> list[Shift]:
    """Return how the compared value moved from `before` to `after`; empty where nothing can be compared.

    With a margin model that is one shift of the fair line. Without one it is the change of probability: of the
    side that gained, where there are two; of every outcome that changed, where there are more.
    """
    if before.fair_line is not None and after.fair_line is not None:
        return line_shift(kind, before.fair_line, after.fair_line)
    if before.line != after.line or before.outcomes != after.outcomes:
        return []
    return probability_shifts(after.outcomes, before.probabilities, after.probabilities)


def line_shift(kind: Kind, before: float, after: float) -> list[Shift]:
    """Return the shift of a reference line: a home line that falls favours home, a total that falls the under."""
    difference = after - before
    if difference == 0:
        return []
    if difference > 0:
        return [_new(Shift, ("away" if kind is _SPREAD else "over", UP, difference))]
    return [_new(Shift, ("home" if kind is _SPREAD else "under", DOWN, -difference))]


def probability_shifts(outcomes: Sequence[str], before: Sequence[float], after: Sequence[float]) -> list[Shift]:
    """Return the shift of each outcome's probability; of two, only the one that gained, the other mirrors it."""
    mirrored = len(outcomes) == 2
    found = []
    for i, outcome in enumerate(outcomes):
        difference = after[i] - before[i]
        if difference > 0.0:
            found.append(_new(Shift, (outcome, UP, difference)))
        elif difference < 0.0 and not mirrored:
            found.append(_new(Shift, (outcome, DOWN, -difference)))
    return found
