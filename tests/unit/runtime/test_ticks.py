"""Waiting for due instants."""

from __future__ import annotations

from datetime import timedelta
from math import inf

import anyio
import pytest

from stratumd.config import Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros, iso
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


class Asleep(VirtualTimer):
    """Sleeps until it is woken or cancelled; no time passes by itself."""

    async def sleep(self, length: Micros) -> None:
        await anyio.sleep(0 if length <= 0 else inf)


@pytest.mark.parametrize("schedule", [MINUTELY, Schedule(cron="* * * * *")], ids=["interval", "cron"])
@pytest.mark.parametrize(("late", "skipped"), [(-20, None), (1, 0), (59, 0), (61, 1)])
async def test_a_wait_that_is_broken_off_loses_no_instant(schedule: Schedule, late: int, skipped: int | None) -> None:
    """`late`: seconds after the instant at which somebody waits again; None: it goes on waiting."""
    timer = Asleep()
    due = ticks(schedule, "nba", timer)
    if schedule is MINUTELY:
        await due.wait()
    expected = due.due
    with anyio.move_on_after(0.01):
        await due.wait()
    timer.pass_by(expected - timer.now() + late * SECOND)
    found = None
    with anyio.move_on_after(0.01):
        found = await due.wait()
    if skipped == 1:  # it waits for the one after
        assert (found, due.due) == (None, expected + 2 * MINUTE)
    else:
        assert found == skipped
        assert due.due == expected + (0 if skipped is None else MINUTE)
