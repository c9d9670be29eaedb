"""When a source is due.

`every` counts on the monotonic clock from the daemon's start. `cron` names local times of a zone, and each
instant fires exactly once, also on the days when the clock is put forward or back:

* An expression that covers every hour of the day fires at each instant whose local time matches it, so it keeps
  its interval through the repeated hour.
* An expression that names hours means one instant for each local time, as RFC 5545, section 3.3.5, reads it: a
  local time that occurs twice means the first, and one that is skipped is read with the offset before the gap
  (02:30 fires at 03:30).

croniter parses and steps through local times without any zone; its own zone arithmetic fires 01:30 twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import croniter

from stratumd.config.schedules import Schedule
from stratumd.plugin import DAY, SECOND, Micros, micros, to_datetime

LONGEST_GAP = DAY
"""No zone ever skipped more of its local time at once."""
HOURS_A_DAY = 24


def next_after(schedule: Schedule, instant: Micros, *, anchor: Micros = 0) -> Micros:
    """Return the first due instant after `instant`.

    An interval's instants are `anchor` and every whole interval from there, on the clock of both arguments.
    """
    if schedule.every is not None:
        period = micros(schedule.every)
        return anchor + ((instant - anchor) // period + 1) * period
    assert schedule.cron is not None, "a schedule is an interval or a cron expression"
    step = _by_instant if _covers_every_hour(schedule.cron) else _by_local_time
    return step(schedule.cron, schedule.zone, instant)


def spread(schedule: Schedule, name: str) -> Micros:
    """Return how much later than due `name` runs: always the same for it, and spread evenly over names."""
    width = micros(schedule.jitter) if schedule.jitter else 0
    if not width:
        return 0
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % width


def _covers_every_hour(cron: str) -> bool:
    hours = croniter.expand(cron)[0][1]
    return hours == ["*"] or len(hours) == HOURS_A_DAY


def _by_local_time(cron: str, zone: ZoneInfo, instant: Micros) -> Micros:
    # Just after a gap, skipped local times are still to come; they lie before the present local time.
    skipped = max(0, _offset(zone, instant) - _offset(zone, instant - LONGEST_GAP))
    due: Micros | None = None
    for local in _local_times(cron, instant + _offset(zone, instant) - skipped):
        # A skipped local time is read as a later one: what lies between the two may be due before it.
        if due is not None and local >= due + _offset(zone, due):
            return due
        found = _first_instant(zone, local)
        if found > instant:
            due = found if due is None else min(due, found)
    raise AssertionError("local times never end")


def _by_instant(cron: str, zone: ZoneInfo, instant: Micros) -> Micros:
    after, offset = instant, _offset(zone, instant)
    while True:
        due = next(_local_times(cron, after + offset)) - offset
        change = _offset_change(zone, instant, due, offset)
        if change is None:
            return due
        instant, after, offset = change, change - SECOND, _offset(zone, change)


def _offset_change(zone: ZoneInfo, start: Micros, end: Micros, offset: Micros) -> Micros | None:
    """Return the first instant in (start, end] with another offset, or None. Zones change less than daily."""
    while start < end:
        later = min(start + DAY, end)
        if _offset(zone, later) != offset:
            return _bisect(zone, start, later, offset)
        start = later
    return None


def _bisect(zone: ZoneInfo, before: Micros, after: Micros, offset: Micros) -> Micros:
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _local_times(cron: str, after: Micros) -> Iterator[Micros]:
    """Yield the matching local times later than `after`, all counted as if the zone were UTC."""
    steps = croniter(cron, to_datetime(after).replace(microsecond=0))
    while True:
        yield micros(steps.get_next(datetime))


def _first_instant(zone: ZoneInfo, local: Micros) -> Micros:
    """Read a local time as RFC 5545 does: `fold=0` means the first of two, and the offset before a gap."""
    return micros(to_datetime(local).replace(tzinfo=zone))


def _offset(zone: ZoneInfo, at: Micros) -> Micros:
    offset = to_datetime(at).astimezone(zone).utcoffset()
    assert offset is not None, "a zone has an offset at every instant"
    return micros(offset)
