"""Due instants: intervals, cron, and both kinds of days on which a clock is changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stratumd.config import Schedule
from stratumd.plugin import HOUR, MINUTE, SECOND, Micros, iso, micros, parse_iso
from stratumd.runtime.schedule import next_after, spread
from tests.support import EXAMPLES

ZONES = sorted(available_timezones())
YEARS = st.integers(2020, 2037)


def cron(expression: str, zone: str = "UTC") -> Schedule:
    return Schedule(cron=expression, timezone=zone)


def due(schedule: Schedule, start: str, count: int) -> list[str]:
    """The next `count` instants after `start`."""
    at, found = parse_iso(start), []
    for _ in range(count):
        at = next_after(schedule, at)
        found.append(iso(at))
    return found


def test_an_interval_keeps_its_phase() -> None:
    minutely = Schedule(every=timedelta(minutes=1))
    assert next_after(minutely, 100 * SECOND, anchor=7 * SECOND) == 127 * SECOND
    assert next_after(minutely, 127 * SECOND, anchor=7 * SECOND) == 187 * SECOND


@given(st.integers(1, 10**10), st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_an_interval_is_always_ahead_and_never_by_more_than_itself(period: int, at: int, anchor: int) -> None:
    found = next_after(Schedule(every=timedelta(microseconds=period)), at, anchor=anchor)
    assert at < found <= at + period
    assert (found - anchor) % period == 0


def test_cron_is_utc_unless_a_zone_is_given() -> None:
    assert due(cron("30 9 * * 1"), "2026-01-10T00:00:00Z", 2) == ["2026-01-12T09:30:00Z", "2026-01-19T09:30:00Z"]
    assert due(cron("30 9 * * *", "Asia/Tokyo"), "2026-01-10T00:00:00Z", 1) == ["2026-01-10T00:30:00Z"]


def test_a_fixed_time_that_occurs_twice_fires_at_the_first() -> None:
    found = due(cron("30 1 * * *", "America/New_York"), "2026-10-31T12:00:00Z", 2)
    assert found == ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]


def test_a_fixed_time_that_is_skipped_fires_once_as_much_later() -> None:
    found = due(cron("30 2 * * *", "America/New_York"), "2026-03-07T12:00:00Z", 2)
    assert found == ["2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"]


def test_two_local_times_that_fall_together_fire_once() -> None:
    """02:00 is skipped and read as 03:00, which is due itself."""
    found = due(cron("0 2,3 * * *", "America/New_York"), "2026-03-08T00:00:00Z", 2)
    assert found == ["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"]


def test_a_skipped_time_does_not_hide_an_earlier_one_behind_the_gap() -> None:
    """02:45 is read as 03:45; 03:15 comes first."""
    found = due(cron("15,45 2-3 * * *", "America/New_York"), "2026-03-08T06:00:00Z", 3)
    assert found == ["2026-03-08T07:15:00Z", "2026-03-08T07:45:00Z", "2026-03-09T06:15:00Z"]


def test_every_hour_keeps_its_interval_through_the_repeated_hour() -> None:
    found = due(cron("*/30 * * * *", "America/New_York"), "2026-11-01T04:45:00Z", 5)
    assert found == [f"2026-11-01T{time}:00Z" for time in ("05:00", "05:30", "06:00", "06:30", "07:00")]


def test_a_whole_skipped_day_is_made_up_for() -> None:
    """Samoa had no 30 December 2011; noon of that day fires with the offset before."""
    found = due(cron("0 12 * * *", "Pacific/Apia"), "2011-12-29T23:00:00Z", 2)
    assert found == ["2011-12-30T22:00:00Z", "2011-12-31T22:00:00Z"]


@cache
def changes(zone: str, year: int) -> list[Micros]:
    """The instants of `year` at which the zone's offset changes, to the minute."""
    start = micros(datetime(year, 1, 1, tzinfo=UTC))
    days = [(start + n * 24 * HOUR, start + (n + 1) * 24 * HOUR) for n in range(366)]
    return [_search(zone, a, b) for a, b in days if offset(zone, a) != offset(zone, b)]


def _search(zone: str, before: Micros, after: Micros) -> Micros:
    while after - before > MINUTE:
        middle = (before + after) // 2 // MINUTE * MINUTE
        before, after = (middle, after) if offset(zone, middle) == offset(zone, before) else (before, middle)
    return after


def offset(zone: str, at: Micros) -> timedelta:
    found = datetime.fromtimestamp(at // SECOND, ZoneInfo(zone)).utcoffset()
    assert found is not None
    return found


class Oracle:
    """Walks the clock on the wall minute by minute, and knows nothing of zones but what that clock shows."""

    def __init__(self, zone: str, start: Micros, end: Micros) -> None:
        self.shown = [
            (at, datetime.fromtimestamp(at // SECOND, ZoneInfo(zone)).replace(tzinfo=None))
            for at in range(start, end, MINUTE)
        ]

    def by_local_time(self, minutes: frozenset[int], hours: frozenset[int]) -> list[Micros]:
        first: dict[datetime, Micros] = {}
        for at, local in self.shown:
            first.setdefault(local, at)
        for (at, local), (_, later) in pairwise(self.shown):
            for step in range(1, int((later - local) / timedelta(minutes=1))):
                first.setdefault(local + step * timedelta(minutes=1), at + step * MINUTE)
        return sorted({at for local, at in first.items() if local.minute in minutes and local.hour in hours})

    def by_instant(self, minutes: frozenset[int]) -> list[Micros]:
        return [at for at, local in self.shown if local.minute in minutes]


def field(values: Iterable[int]) -> str:
    return ",".join(map(str, sorted(values)))


@settings(max_examples=EXAMPLES // 2)  # an oracle that walks minute by minute takes its time
@given(
    st.sampled_from(ZONES),
    YEARS,
    st.frozensets(st.integers(0, 59), min_size=1, max_size=4),
    st.frozensets(st.integers(0, 23), min_size=1, max_size=23),
    st.data(),
)
def test_around_every_change_of_every_zone(
    zone: str, year: int, minutes: frozenset[int], hours: frozenset[int], data: st.DataObject
) -> None:
    """Each local time fires exactly once, in order; with every hour, each matching instant does."""
    found = changes(zone, year)
    assume(found)
    change = data.draw(st.sampled_from(found))
    start, end = change - 30 * HOUR, change + 30 * HOUR
    oracle = Oracle(zone, start - 2 * HOUR, end + 2 * HOUR)
    wanted = oracle.by_local_time(minutes, hours)
    assert walked(f"{field(minutes)} {field(hours)} * * *", zone, start, end) == within(wanted, start, end)
    every = oracle.by_instant(minutes)
    assert walked(f"{field(minutes)} * * * *", zone, start, end) == within(every, start, end)


def walked(expression: str, zone: str, start: Micros, end: Micros) -> list[Micros]:
    schedule, at, found = cron(expression, zone), start, []
    while (at := next_after(schedule, at)) <= end:
        found.append(at)
    return found


def within(instants: Iterable[Micros], start: Micros, end: Micros) -> list[Micros]:
    return [at for at in instants if start < at <= end]


@given(
    st.sampled_from(ZONES),
    st.integers(micros(datetime(2020, 1, 1, tzinfo=UTC)), micros(datetime(2037, 1, 1, tzinfo=UTC))),
)
def test_asking_between_two_instants_gives_the_same_next_one(zone: str, at: Micros) -> None:
    schedule = cron("7 1-5 * * *", zone)
    following = next_after(schedule, at)
    assert next_after(schedule, (at + following) // 2) == following
    assert next_after(schedule, following - 1) == following


def test_schedules_that_are_due_together_are_spread() -> None:
    minutely = Schedule(every=timedelta(minutes=10), jitter=timedelta(minutes=1))
    shifts = [spread(minutely, f"source-{n}") for n in range(1_000)]
    assert all(0 <= shift < MINUTE for shift in shifts)
    assert max(sum(shift // SECOND == second for shift in shifts) for second in range(60)) < 50
    assert spread(minutely, "nba") == spread(minutely, "nba")


def test_without_jitter_nothing_is_shifted() -> None:
    assert spread(Schedule(every=timedelta(minutes=10)), "nba") == 0


@pytest.mark.parametrize("expression", ["59 23 31 12 *", "0 0 29 2 *"])
def test_rare_instants_are_found(expression: str) -> None:
    assert next_after(cron(expression), parse_iso("2026-03-01T00:00:00Z")) > parse_iso("2026-12-31T00:00:00Z")
