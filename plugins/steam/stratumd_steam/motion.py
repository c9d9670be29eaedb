"""Who moved in a window, by operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stratumd.odds import Fair, Shift
from stratumd.plugin import BookLine, Market, Micros, Span

EPSILON = 1e-9
"""Absorbs the last bits of floating-point differences that meet a threshold exactly."""


class Motion(NamedTuple):
    """One operator over a window: present at both ends, with what changed, if anything did."""

    line: BookLine
    """The operator's book with the lowest hold, which speaks for it."""
    spans: list[Span]
    """From the one that held at the start of the window to the present one."""
    before: Fair
    after: Fair
    shifts: Sequence[Shift]

    @property
    def is_comparable(self) -> bool:
        """Say whether its value now can be held against its value then: without a margin model, at equal lines only."""
        return _comparable(self.before, self.after)

    def toward(self, outcome: str, direction: str) -> float:
        """Return how far the compared value moved that way; negative where it moved the other way."""
        return _toward(self.before, self.after, outcome, direction)

    def began(self, outcome: str, direction: str, threshold: float) -> tuple[Micros, Micros]:
        """Return the instants between which it moved that far: the last confirmation before, the first sight after."""
        for earlier, later in zip(self.spans, self.spans[1:], strict=False):
            fair = self.line.market.fair(later)
            if isinstance(fair, str) or not _comparable(self.before, fair):
                continue
            if _toward(self.before, fair, outcome, direction) >= threshold - EPSILON:
                return earlier.confirmed, later.since
        return self.spans[-2].confirmed, self.spans[-1].since


def speaking(market: Market, window: Micros) -> list[BookLine]:
    """Return the line that speaks for each operator with a fair price at both ends of the window and no gap between.

    Of an operator's books that with the lowest hold now speaks, then the first by key. In the order of operators.
    """
    starts = market.starts(window)
    found: list[BookLine] = []
    operator, hold = None, 0.0
    for line, span, fair in market.priced():  # by operator and book
        start = starts.get(line.lane)
        if start is None or (span.since > start and not _was_fair(line, start)):
            continue
        if line.operator != operator:
            found.append(line)
            operator, hold = line.operator, fair.hold
        elif fair.hold < hold:
            found[-1], hold = line, fair.hold
    return found


def motions(market: Market, window: Micros) -> list[Motion]:
    """Return the motion of every operator present at both ends of the window, in the order of their keys."""
    moved = {move.line: move.shifts for move in market.moves(window)}
    starts = market.starts(window)
    return [_motion(line, starts[line.lane], moved.get(line, ())) for line in speaking(market, window)]


def _was_fair(line: BookLine, start: Micros) -> bool:
    spans = line.since(start)
    return spans is not None and isinstance(line.market.fair(spans[0]), Fair)


def _motion(line: BookLine, start: Micros | None, shifts: Sequence[Shift]) -> Motion:
    spans = line.since(start) if start is not None else None
    assert spans is not None, "who speaks was there all the time"
    before, after = line.market.fair(spans[0]), line.market.fair(spans[-1])
    assert not isinstance(before, str), "who speaks had a fair price"
    assert not isinstance(after, str), "who speaks has a fair price"
    return Motion(line, spans, before, after, shifts)


def _comparable(before: Fair, after: Fair) -> bool:
    if before.fair_line is not None and after.fair_line is not None:
        return True
    return before.line == after.line and before.outcomes == after.outcomes


def _toward(before: Fair, after: Fair, outcome: str, direction: str) -> float:
    if before.fair_line is not None and after.fair_line is not None:
        change = after.fair_line - before.fair_line
    elif before.outcomes == after.outcomes:
        index = after.outcomes.index(outcome)
        change = after.probabilities[index] - before.probabilities[index]
    else:
        return 0.0
    return change if direction == "up" else -change
