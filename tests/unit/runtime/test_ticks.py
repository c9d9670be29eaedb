"""Waiting for due instants."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stratumd.config import Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, iso
from stratumd.runtime.ticks import MOST_COUNTED, ticks
from tests.unit.runtime.virtual import VirtualTimer

pytestmark = pytest.mark.anyio

MINUTELY = Schedule(every=timedelta(minutes=1))
FIVE_PAST = Schedule(cron="5 * * * *")


async def test_an_interval_begins_at_the_first_wait() -> None:
    timer = VirtualTimer()
    due = ticks(MINUTELY, "nba", timer)
    timer.pass_by(10 * SECOND)
    assert await due.wait() == 0
    assert iso(timer.now()) == "2026-01-10T12:00:10Z"
    assert iso(due.due) == "2026-01-10T12:01:10Z"


async def test_a_poll_does_not_shift_the_phase() -> None:
    timer = VirtualTimer()
    due = ticks(MINUTELY, "nba", timer)
    for second in (3, 7, 59):
        await due.wait()
        timer.pass_by(second * SECOND)
    await due.wait()
    assert iso(timer.now()) == "2026-01-10T12:03:00Z"


async def test_a_poll_longer_than_the_interval_skips_what_it_overlaps() -> None:
    timer = VirtualTimer()
    due = ticks(MINUTELY, "nba", timer)
    await due.wait()
    timer.pass_by(150 * SECOND)
    assert await due.wait() == 2
    assert iso(timer.now()) == "2026-01-10T12:03:00Z"


async def test_an_interval_does_not_care_for_the_wall_clock() -> None:
    timer = VirtualTimer()
    due = ticks(MINUTELY, "nba", timer)
    await due.wait()
    timer.wall -= 365 * DAY
    assert await due.wait() == 0
    assert timer.sleeps == [0, MINUTE]


async def test_jitter_puts_off_every_instant_alike() -> None:
    timer = VirtualTimer()
    due = ticks(Schedule(every=timedelta(minutes=1), jitter=timedelta(seconds=30)), "nba", timer)
    await due.wait()
    await due.wait()
    assert 0 < timer.sleeps[0] < 30 * SECOND
    assert timer.sleeps[1] == MINUTE


async def test_cron_waits_for_its_first_instant() -> None:
    timer = VirtualTimer()
    due = ticks(FIVE_PAST, "nba", timer)
    assert iso(due.due) == "2026-01-10T12:05:00Z"
    assert await due.wait() == 0
    assert iso(timer.now()) == "2026-01-10T12:05:00Z"
    assert iso(due.due) == "2026-01-10T13:05:00Z"


async def test_cron_skips_what_a_long_poll_overlaps() -> None:
    timer = VirtualTimer()
    due = ticks(FIVE_PAST, "nba", timer)
    await due.wait()
    timer.pass_by(2 * HOUR + MINUTE)
    assert await due.wait() == 2
    assert iso(timer.now()) == "2026-01-10T15:05:00Z"


async def test_cron_fires_once_after_a_sleep_of_the_machine() -> None:
    timer = VirtualTimer()
    due = ticks(FIVE_PAST, "nba", timer)
    timer.while_asleep = lambda: timer.pass_by(6 * HOUR)
    assert await due.wait() == 0
    assert iso(timer.now()) == "2026-01-10T18:00:30Z"
    assert await due.wait() == 5
    assert iso(timer.now()) == "2026-01-10T18:05:00Z"


async def test_a_clock_that_is_put_back_fires_no_instant_twice() -> None:
    timer = VirtualTimer()
    due = ticks(FIVE_PAST, "nba", timer)
    await due.wait()
    timer.wall -= HOUR
    await due.wait()
    assert iso(timer.now()) == "2026-01-10T13:05:00Z"


async def test_a_clock_put_forward_by_years_is_not_counted_through() -> None:
    timer = VirtualTimer()
    due = ticks(Schedule(cron="* * * * *"), "nba", timer)
    await due.wait()
    timer.wall += 3650 * DAY
    assert await due.wait() == MOST_COUNTED
