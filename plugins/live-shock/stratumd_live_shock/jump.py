"""The market at two polls in play: the same operators at both, whatever happened in between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from stratumd.odds import Fair, Shift, compared_values, line_shift
from stratumd.odds.shift import probability_shifts
from stratumd.plugin import MINUTE, BookLine, Market, Micros, Span


class Freshness(NamedTuple):
    """From when on a quote must have been confirmed by its book to count at an end of the window."""

    start: Micros
    """When the event started: what was last confirmed before is no live quote."""
    max_age: Micros

    def holds(self, span: Span, at: Micros) -> bool:
        """Say whether the book stood by this offer in play, and shortly before `at` or later."""
        confirmed = span.confirmed if span.last_update is None else span.last_update
        return confirmed >= max(self.start, at - self.max_age)


class Ends(NamedTuple):
    """One operator at both ends of the window."""

    line: BookLine
    """The operator's book with the lowest hold now, which speaks for it."""
    start: Micros
    """The poll at the start of the window."""
    held: Span
    """What it offered then, or last before that where it was away."""
    before: Fair
    after: Fair

    @property
    def spans(self) -> list[Span]:
        """From what it offered then to what it offers now, absences included."""
        spans = self.line.spans
        return spans[spans.index(self.held) :]

    @property
    def was_suspended(self) -> bool:
        """Say whether it offered nothing for a while in between."""
        return any(span.offer is None for span in self.spans)


class Jump(NamedTuple):
    """A market that moved from one poll in play to another."""

    market: Market
    shift: Shift
    before: float
    """The compared value of the shift's outcome, or the fair line."""
    after: float
    ends: Sequence[Ends]

    @property
    def since(self) -> Micros:
        """The earliest poll that is compared with."""
        return min(end.start for end in self.ends)

    @property
    def minutes(self) -> float:
        """From that poll to this one."""
        return (self.market.observed_at - self.since) / MINUTE

    def toward(self, end: Ends) -> float:
        """Return how far one operator moved the same way; negative where it moved the other way."""
        index = _index(end.after, self.shift.outcome)
        change = compared_values(end.after)[index] - compared_values(end.before)[index]
        return change if self.shift.direction == "up" else -change

    def movers(self, threshold: float) -> list[Ends]:
        """Return the operators that moved at least half of `threshold` along."""
        return [end for end in self.ends if self.toward(end) >= threshold / 2]

    def began(self, end: Ends, threshold: float) -> tuple[Micros, Micros]:
        """Return the instants between which a mover moved that far: its last confirmation before, the first sight
        after.
        """
        offered = [span for span in end.spans if span.offer is not None]
        for earlier, later in pairwise(offered):
            fair = self.market.fair(later)
            if isinstance(fair, str) or not _is_alike(end.before, fair):
                continue
            if self.toward(end._replace(after=fair)) >= threshold / 2:
                return earlier.confirmed, later.since
        return offered[-2].confirmed, offered[-1].since


class Rule(NamedTuple):
    """What a jump is measured by."""

    window: Micros
    max_age: Micros
    min_books: int


def jump(market: Market, start: Micros, rule: Rule) -> Jump | None:
    """Return how far the market moved within the window, or since the first poll in play where that came later.

    `start` is the event's. None where too few operators had a live quote at both ends, or nothing moved.
    """
    window = min(rule.window, market.observed_at - start)
    ends = _alike(_ends(market, Freshness(start, rule.max_age), window))
    if len(ends) < rule.min_books:
        return None
    before = _centres([end.before for end in ends])
    after = _centres([end.after for end in ends])
    outcomes = ends[0].after.outcomes
    if market.sigma is not None:
        shifts = line_shift(market.kind, before[0], after[0])
    else:
        shifts = probability_shifts(outcomes, before, after)
    if not shifts:
        return None
    largest = max(shifts, key=lambda shift: (shift.magnitude, shift.direction))  # of equals the outcome that gained
    index = _index(ends[0].after, largest.outcome)
    return Jump(market, largest, before[index], after[index], ends)


def _ends(market: Market, fresh: Freshness, window: Micros) -> list[Ends]:
    """Return the operators with a live quote at both ends. What a suspended book offered before it left still counts:
    in play, books suspend when something happens and come back with what it changed.
    """
    starts = market.starts(window)
    found: list[Ends] = []
    for line, span, after in market.priced():  # by operator and book
        start = starts.get(line.lane)
        if start is None or not fresh.holds(span, market.observed_at):
            continue
        first = _held(line, start)
        if first is None or not fresh.holds(first, start):
            continue
        before = market.fair(first)
        if isinstance(before, str):
            continue
        end = Ends(line, start, first, before, after)
        if not found or found[-1].line.operator != line.operator:
            found.append(end)
        elif after.hold < found[-1].after.hold:
            found[-1] = end
    return found


def _held(line: BookLine, at: Micros) -> Span | None:
    """Return what the book offered at `at`, or last before that where it was away; None where nothing is known."""
    return next((span for span in reversed(line.spans) if span.since <= at and span.offer is not None), None)


def _alike(ends: Sequence[Ends]) -> Sequence[Ends]:
    """Keep what can be compared: without a margin model, the terms that most operators have kept."""
    if not ends or ends[0].after.fair_line is not None:
        return [end for end in ends if end.before.fair_line is not None]
    by_terms: dict[tuple[object, ...], list[Ends]] = {}
    for end in ends:
        if _is_alike(end.before, end.after):
            by_terms.setdefault((end.after.line, end.after.outcomes), []).append(end)
    return max(by_terms.values(), key=len, default=[])


def _is_alike(before: Fair, after: Fair) -> bool:
    if before.fair_line is not None and after.fair_line is not None:
        return True
    return before.line == after.line and before.outcomes == after.outcomes


def _centres(fairs: Sequence[Fair]) -> list[float]:
    return [median(column) for column in zip(*map(compared_values, fairs), strict=True)]


def _index(fair: Fair, outcome: str) -> int:
    return 0 if fair.fair_line is not None else fair.outcomes.index(outcome)
