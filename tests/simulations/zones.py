"""Ten cron expressions around every change of every zone's clock: each instant exactly once. `make schedules`.

The oracle walks the clock on the wall minute by minute and knows nothing of zones but what that clock shows. Zones
whose clocks show the same from 2020 to 2037 are walked once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from stratumd.config import Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros, micros
from stratumd.runtime.schedule import next_after

YEARS = (2020, 2037)
AROUND = 30 * HOUR
"""How far before and after a change instants are compared."""
ALL = frozenset(range(60))


class Expression(NamedTuple):
    """A cron expression, and what it means by the clock on the wall."""

    cron: str
    minutes: frozenset[int]
    hours: frozenset[int] | None = None
    """None where it covers every hour: then it keeps its interval through a repeated one."""
    weekdays: frozenset[int] | None = None
    """Monday is 1, Sunday 7."""


def _minutes(*found: int) -> frozenset[int]:
    return frozenset(found)


TEN = (
    Expression("0 * * * *", _minutes(0)),
    Expression("*/15 * * * *", _minutes(0, 15, 30, 45)),
    Expression("*/5 9-17 * * 1-5", frozenset(range(0, 60, 5)), frozenset(range(9, 18)), frozenset(range(1, 6))),
    Expression("30 1 * * *", _minutes(30), frozenset({1})),
    Expression("30 2 * * *", _minutes(30), frozenset({2})),
    Expression("0 3 * * *", _minutes(0), frozenset({3})),
    Expression("15,45 0-4 * * *", _minutes(15, 45), frozenset(range(5))),
    Expression("0 0 * * *", _minutes(0), frozenset({0})),
    Expression("59 23 * * 0", _minutes(59), frozenset({23}), frozenset({7})),
    Expression("0 0,12 * * *", _minutes(0), frozenset({0, 12})),
)


class Tally(NamedTuple):
    """What was compared for one expression."""

    cron: str
    windows: int
    instants: int
    wrong: int


def offset(zone: ZoneInfo, at: Micros) -> timedelta:
    """Return what the zone's clock is ahead of UTC."""
    found = datetime.fromtimestamp(at // SECOND, zone).utcoffset()
    assert found is not None
    return found


def changes(zone: ZoneInfo, years: tuple[int, int] = YEARS) -> tuple[tuple[Micros, timedelta, timedelta], ...]:
    """Return when the clock was put forward or back, to the minute, and what it showed before and after."""
    start, end = (micros(datetime(year, 1, 1, tzinfo=UTC)) for year in (years[0], years[1] + 1))
    found = []
    for day in range(start, end, DAY):
        before, after = offset(zone, day), offset(zone, day + DAY)
        if before != after:
            found.append((_moment(zone, day, day + DAY, before), before, after))
    return tuple(found)


def _moment(zone: ZoneInfo, before: Micros, after: Micros, shown: timedelta) -> Micros:
    while after - before > MINUTE:
        middle = (before + after) // 2 // MINUTE * MINUTE
        if offset(zone, middle) == shown:
            before = middle
        else:
            after = middle
    return after


def clocks(zones: Iterable[str], years: tuple[int, int] = YEARS) -> dict[tuple[object, ...], list[str]]:
    """Return the zones by what their clocks show."""
    found: dict[tuple[object, ...], list[str]] = {}
    for name in sorted(zones):
        zone = ZoneInfo(name)
        first = offset(zone, micros(datetime(years[0], 1, 1, tzinfo=UTC)))
        found.setdefault((first, changes(zone, years)), []).append(name)
    return found


def windows(zone: ZoneInfo, years: tuple[int, int] = YEARS) -> list[tuple[Micros, Micros]]:
    """Return the stretches around the changes; where there is none, one around the first of July of each year."""
    moments = [at for at, _, _ in changes(zone, years)]
    if not moments:
        moments = [micros(datetime(year, 7, 1, tzinfo=UTC)) for year in range(years[0], years[1] + 1)]
    return [(at - AROUND, at + AROUND) for at in moments]


def expected(expression: Expression, shown: list[tuple[Micros, datetime]]) -> Iterator[Micros]:
    """Yield the instants by the clock on the wall: RFC 5545's reading for named hours, every match for all hours."""
    if expression.hours is None:
        yield from (at for at, local in shown if local.minute in expression.minutes)
        return
    first: dict[datetime, Micros] = {}
    for at, local in shown:
        first.setdefault(local, at)
    for (at, local), (_, later) in pairwise(shown):
        for step in range(1, int((later - local) / timedelta(minutes=1))):
            first.setdefault(local + step * timedelta(minutes=1), at + step * MINUTE)
    yield from sorted({at for local, at in first.items() if _named(expression, local)})


def _named(expression: Expression, local: datetime) -> bool:
    days, hours = expression.weekdays, expression.hours
    assert hours is not None
    return local.minute in expression.minutes and local.hour in hours and (days is None or local.isoweekday() in days)


def compare(zone: str, years: tuple[int, int] = YEARS) -> Iterator[tuple[Expression, int, int]]:
    """Yield, for each window and expression, how many instants were compared and how many were wrong."""
    clock = ZoneInfo(zone)
    for start, end in windows(clock, years):
        wall = range((start - 26 * HOUR) // MINUTE * MINUTE, end + 26 * HOUR, MINUTE)
        shown = [(at, datetime.fromtimestamp(at // SECOND, clock).replace(tzinfo=None)) for at in wall]
        for expression in TEN:
            wanted = [at for at in expected(expression, shown) if start < at <= end]
            found = list(_walked(Schedule(cron=expression.cron, timezone=zone), start, end))
            wrong = 0 if found == wanted else len(set(found) ^ set(wanted)) or 1
            yield expression, len(wanted), wrong


def _walked(schedule: Schedule, start: Micros, end: Micros) -> Iterator[Micros]:
    at = next_after(schedule, start)
    while at <= end:
        yield at
        at = next_after(schedule, at)


def tally(zones: Iterable[str], years: tuple[int, int] = YEARS) -> list[Tally]:
    """Compare every zone of `zones` and return the counts by expression."""
    sums = {expression: [0, 0, 0] for expression in TEN}
    for zone in zones:
        for expression, instants, wrong in compare(zone, years):
            sums[expression][0] += 1
            sums[expression][1] += instants
            sums[expression][2] += wrong
    return [Tally(expression.cron, *found) for expression, found in sums.items()]


def main() -> None:
    """Print the table for all zones, or with an argument for every n-th distinct clock only."""
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    names = available_timezones()
    distinct = clocks(names)
    chosen = [group[0] for group in distinct.values()][::every]
    covered = sum(len(group) for group in list(distinct.values())[::every])
    found = tally(chosen)
    print(f"{covered} of {len(names)} zones, {len(chosen)} distinct clocks, {YEARS[0]}-{YEARS[1]}")
    print(f"{'expression':<20}{'windows':>10}{'instants':>12}{'wrong':>8}")
    for row in found:
        print(f"{row.cron:<20}{row.windows:>10,}{row.instants:>12,}{row.wrong:>8,}")
    total = (sum(row[column] for row in found) for column in (1, 2, 3))
    print("{:<20}{:>10,}{:>12,}{:>8,}".format("all", *total))
    sys.exit(any(row.wrong for row in found))


if __name__ == "__main__":
    main()
