"""Who moved in a window, by operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stratumd.odds import Fair, Shift
from stratumd.plugin import BookLine, Market, Micros, Span


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
    def began(self) -> tuple[Micros, Micros]:
        """Return the instants between which it first changed: the last confirmation before, the first sight after."""
        return self.spans[0].confirmed, self.spans[1].since

    def toward(self, outcome: str, direction: str) -> float:
        """Return how far it moved that way; negative where it moved the other way, 0 where it did not move."""
        for shift in self.shifts:
            if shift.outcome == outcome and shift.direction == direction:
                return shift.magnitude
        return -max([shift.magnitude for shift in self.shifts], default=0.0)


def speaking(market: Market, baseline: Micros) -> list[BookLine]:
    """Return the line that speaks for each operator with a fair price at both ends of the window and no gap between.

    Of an operator's books that with the lowest hold now speaks, then the first by key. In the order of operators.
    """
    found: list[BookLine] = []
    operator, hold = None, 0.0
    for line in market.lines.values():  # by operator and book
        span = line.now
        if span is None:
            continue
        after = market.fair(span)
        if isinstance(after, str) or (span.since > baseline and not _was_fair(line, baseline)):
            continue
        if line.operator != operator:
            found.append(line)
            operator, hold = line.operator, after.hold
        elif after.hold < hold:
            found[-1], hold = line, after.hold
    return found


def motions(market: Market, baseline: Micros) -> list[Motion]:
    """Return the motion of every operator present at both ends of the window, in the order of their keys."""
    moved = {move.line: move.shifts for move in market.moves(baseline)}
    return [_motion(line, baseline, moved.get(line, ())) for line in speaking(market, baseline)]


def _was_fair(line: BookLine, baseline: Micros) -> bool:
    spans = line.since(baseline)
    return spans is not None and isinstance(line.market.fair(spans[0]), Fair)


def _motion(line: BookLine, baseline: Micros, shifts: Sequence[Shift]) -> Motion:
    spans = line.since(baseline)
    assert spans is not None, "who speaks was there all the time"
    before, after = line.market.fair(spans[0]), line.market.fair(spans[-1])
    assert not isinstance(before, str), "who speaks had a fair price"
    assert not isinstance(after, str), "who speaks has a fair price"
    return Motion(line, spans, before, after, shifts)
