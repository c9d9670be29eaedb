"""The four conventions: up to when quotes count for the close."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from stratumd.plugin import HOUR, EventPast, Micros, Start
from stratumd_clv.options import Convention


class Cut(NamedTuple):
    """Where a convention cuts an event's history."""

    convention: Convention
    cutoff_at: Micros
    """Only what was observed before it counts."""
    closed_at: Micros | None
    """The last observation before it; None where there is none."""
    reference_at: Micros
    """The instant that ages are counted to: the start, or the closing observation where the convention names one."""


def cuts(past: EventPast) -> list[Cut]:
    """Return where each convention cuts `past`."""
    shown = _shown(past)
    actual = past.event.commence_at
    scheduled = scheduled_start(past.starts, actual)
    found = [_at_start(Convention.LAST_BEFORE_ACTUAL, actual, shown)]
    found.append(_at_start(Convention.LAST_BEFORE_SCHEDULED, scheduled, shown))
    live = first_in_play(past.starts, actual, shown)
    found.append(_at_observation(Convention.LAST_BEFORE_IN_PLAY, _before(shown, live) if live else None, actual, shown))
    last = shown[-1] if shown else None
    return [*found, _at_observation(Convention.LAST_SEEN, last, actual, shown)]


def scheduled_start(starts: Sequence[Start], actual: Micros) -> Micros:
    """Return the start as it was announced one hour before it: the newest announcement that held then.

    Where none was an hour ahead, as for an event that was first seen later, the first one that was announced.
    """
    ends = [start.observed_at for start in starts[1:]]
    for start, end in zip(reversed(starts), [None, *reversed(ends)], strict=False):
        ahead = start.commence_at - HOUR
        if start.observed_at <= ahead and (end is None or end > ahead):
            return start.commence_at
    return starts[0].commence_at if starts else actual


def first_in_play(starts: Sequence[Start], actual: Micros, shown: Sequence[Micros]) -> Micros | None:
    """Return the first observation after which the event was in play for good, by what was announced then.

    A start that is put off while its event already counted as in play takes that back. None where it never was.
    """
    known = list(starts)
    first = None
    for at in reversed(shown):
        while len(known) > 1 and known[-1].observed_at > at:
            known.pop()
        announced = known[-1].commence_at if known else actual
        if announced > at:
            break
        first = at
    return first


def _at_start(convention: Convention, start: Micros, shown: Sequence[Micros]) -> Cut:
    return Cut(convention, start, _before(shown, start), start)


def _at_observation(convention: Convention, closed: Micros | None, actual: Micros, shown: Sequence[Micros]) -> Cut:
    if closed is None:  # never in play: what was seen before the start is all there is
        return _at_start(convention, actual, shown)
    return Cut(convention, closed + 1, closed, closed)


def _before(shown: Sequence[Micros], at: Micros) -> Micros | None:
    index = bisect_left(shown, at)
    return shown[index - 1] if index else None


def _shown(past: EventPast) -> Sequence[Micros]:
    """Return when answers covered the event while anything was offered on it."""
    if not past.paths:
        return ()
    withdrawn = [path.points[-1].observed_at if path.points[-1].price is None else None for path in past.paths]
    if None in withdrawn:
        return past.observed
    gone = max(at for at in withdrawn if at is not None)
    return past.observed[: bisect_left(past.observed, gone)]
