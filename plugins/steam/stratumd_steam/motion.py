"""Who moved in a window, by operator."""

from __future__ import annotations

from typing import NamedTuple

from stratumd.odds import Fair, Shift, shifts
from stratumd.plugin import BookLine, Market, Micros, Span


class Motion(NamedTuple):
    """One operator over a window: present at both ends, with what changed, if anything did."""

    line: BookLine
    """The operator's book with the lowest hold, which speaks for it."""
    spans: list[Span]
    """From the one that held at the start of the window to the present one."""
    before: Fair
    after: Fair
    shifts: list[Shift]

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


def motions(market: Market, baseline: Micros) -> list[Motion]:
    """Return every operator present at both ends of the window without a gap, in the order of their keys."""
    speaking: dict[str, Motion] = {}
    for line in market.present():
        spans = line.since(baseline)
        if spans is None:
            continue
        before, after = market.fair(spans[0]), market.fair(spans[-1])
        if isinstance(before, Fair) and isinstance(after, Fair):
            motion = Motion(line, spans, before, after, shifts(market.kind, before, after))
            rival = speaking.get(line.operator)
            if rival is None or (after.hold, line.book) < (rival.after.hold, rival.line.book):
                speaking[line.operator] = motion
    return [speaking[operator] for operator in sorted(speaking)]
