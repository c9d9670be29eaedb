"""Waiting for due instants, and taking them from among several daemons."""

from __future__ import annotations

from datetime import timedelta
from math import inf
from typing import Any

import anyio
import pytest

from stratumd.config import Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros, iso
from stratumd.runtime.ticks import MOST_COUNTED, Ticks, ticks
from stratumd.store import Newest, Taken
from tests.unit.runtime.bench import MemorySharing
from tests.unit.runtime.virtual import VirtualTimer

pytestmark = pytest.mark.anyio

MINUTELY = Schedule(every=timedelta(minutes=1))
FIVE_PAST = Schedule(cron="5 * * * *")


class Stored:
    """The instants of one schedule, as several daemons see them."""

    def __init__(self, timer: VirtualTimer) -> None:
        self.sharing = MemorySharing(timer.now)
        self.taken = self.sharing.taken.setdefault("nba", [])

    async def newest(self) -> Newest:
        return self.sharing.newest("nba")

    async def take(self, instant: Micros, gap: Micros) -> Taken:
        return self.sharing.take("nba", instant, gap)


class Bench:
    """Daemons on one schedule: a clock for all, and what they took."""

    def __init__(self, timer: VirtualTimer | None = None) -> None:
        self.timer = timer or VirtualTimer()
        self.stored = Stored(self.timer)

    def daemon(self, schedule: Schedule) -> Ticks:
        return ticks(schedule, "nba", self.timer, self.stored)

    @property
    def time(self) -> str:
        return iso(self.timer.now())[11:]

    @property
    def taken(self) -> list[str]:
        return [iso(each)[11:-1] for each in self.stored.taken]


def every_minute(**options: Any) -> Schedule:
    return Schedule(every=timedelta(minutes=1), **options)


async def turn(due: Ticks) -> tuple[int, int]:
    """Wait for an instant of its own; return how many before it were skipped, and missed."""
    while (found := await due.wait()) is None:
        pass
    return found.skipped, found.missed


# ---- intervals


async def test_an_interval_begins_at_the_first_wait() -> None:
    bench = Bench()
    due = bench.daemon(MINUTELY)
    bench.timer.pass_by(10 * SECOND)
    assert await turn(due) == (0, 0)
    assert bench.time == "12:00:10Z"
    assert iso(due.due) == "2026-01-10T12:01:10Z"


@pytest.mark.parametrize("later", [0, 1, 29, 31, 59])
async def test_of_two_that_begin_a_schedule_together_one_polls_first(later: int) -> None:
    """Neither finds an instant of the other's, however far apart they look for the first one."""
    bench = Bench()
    one, other = bench.daemon(MINUTELY), bench.daemon(MINUTELY)
    await one.begin()
    bench.timer.pass_by(later * SECOND)
    await other.begin()
    assert await one.wait() is not None
    assert await other.wait() is None
    await turn(other)
    assert await one.wait() is None
    first, second = bench.stored.taken
    assert second - first == MINUTE


async def test_a_poll_does_not_shift_the_phase() -> None:
    bench = Bench()
    due = bench.daemon(MINUTELY)
    for second in (3, 7, 59):
        await turn(due)
        bench.timer.pass_by(second * SECOND)
    await turn(due)
    assert bench.time == "12:03:00Z"


async def test_a_restart_keeps_the_phase() -> None:
    bench = Bench()
    await turn(bench.daemon(MINUTELY))
    bench.timer.pass_by(20 * SECOND)
    assert await turn(bench.daemon(MINUTELY)) == (0, 0)
    assert bench.time == "12:01:00Z"


async def test_after_a_long_time_down_the_newest_is_made_up_for_at_once() -> None:
    bench = Bench()
    await turn(bench.daemon(MINUTELY))
    bench.timer.pass_by(3 * HOUR + 20 * SECOND)
    assert await turn(bench.daemon(MINUTELY)) == (0, 179)
    assert (bench.time, bench.taken[-1]) == ("15:00:20Z", "15:00:00")


async def test_none_is_made_up_for_where_none_is_wanted() -> None:
    bench = Bench()
    await turn(bench.daemon(MINUTELY))
    bench.timer.pass_by(3 * HOUR + 20 * SECOND)
    assert await turn(bench.daemon(every_minute(catch_up="none"))) == (0, 180)
    assert bench.time == "15:01:00Z"


async def test_all_are_made_up_for_within_a_grace() -> None:
    bench = Bench()
    schedule = every_minute(catch_up="all", misfire_grace=timedelta(minutes=3))
    await turn(bench.daemon(schedule))
    bench.timer.pass_by(10 * MINUTE + 20 * SECOND)
    due = bench.daemon(schedule)
    assert [await turn(due) for _ in range(4)] == [(0, 7), (0, 0), (0, 0), (0, 0)]
    assert bench.taken == ["12:00:00", "12:08:00", "12:09:00", "12:10:00", "12:11:00"]


async def test_what_is_later_than_its_grace_is_not_run() -> None:
    bench = Bench()
    schedule = every_minute(misfire_grace=timedelta(seconds=10))
    await turn(bench.daemon(schedule))
    bench.timer.pass_by(2 * MINUTE + 20 * SECOND)
    assert await turn(bench.daemon(schedule)) == (0, 2)
    assert bench.time == "12:03:00Z"


@pytest.mark.parametrize(
    ("options", "skipped", "time"),
    [({}, 2, "12:03:00Z"), ({"overlap": "queue"}, 1, "12:02:30Z"), ({"catch_up": "all"}, 0, "12:02:30Z")],
)
async def test_what_a_long_poll_overlaps(options: dict[str, Any], skipped: int, time: str) -> None:
    bench = Bench()
    due = bench.daemon(every_minute(**options))
    await turn(due)
    bench.timer.pass_by(150 * SECOND)
    assert await turn(due) == (skipped, 0)
    assert bench.time == time


async def test_an_interval_does_not_care_for_the_wall_clock() -> None:
    bench = Bench()
    due = bench.daemon(MINUTELY)
    await turn(due)
    bench.timer.wall -= 365 * DAY
    assert await turn(due) == (0, 0)
    assert bench.timer.sleeps == [MINUTE]


async def test_after_a_restart_nobody_waits_for_a_clock_that_was_put_back() -> None:
    bench = Bench()
    await turn(bench.daemon(MINUTELY))
    bench.timer.wall -= 365 * DAY
    due = bench.daemon(MINUTELY)
    await turn(due)
    await turn(due)
    assert bench.timer.sleeps == [MINUTE]


async def test_jitter_puts_off_every_instant_alike() -> None:
    bench = Bench()
    due = bench.daemon(every_minute(jitter=timedelta(seconds=30)))
    await turn(due)
    await turn(due)
    assert 0 < bench.timer.sleeps[0] < 30 * SECOND
    assert bench.timer.sleeps[1] == MINUTE


# ---- cron


async def test_cron_waits_for_its_first_instant() -> None:
    bench = Bench()
    due = bench.daemon(FIVE_PAST)
    assert await turn(due) == (0, 0)
    assert bench.time == "12:05:00Z"
    assert iso(due.due) == "2026-01-10T13:05:00Z"


async def test_cron_skips_what_a_long_poll_overlaps() -> None:
    bench = Bench()
    due = bench.daemon(FIVE_PAST)
    await turn(due)
    bench.timer.pass_by(2 * HOUR + MINUTE)
    assert await turn(due) == (2, 0)
    assert bench.time == "15:05:00Z"


async def test_cron_makes_up_for_one_after_a_sleep_of_the_machine() -> None:
    bench = Bench()
    due = bench.daemon(FIVE_PAST)
    bench.timer.while_asleep = lambda: bench.timer.pass_by(6 * HOUR)
    assert await turn(due) == (0, 0), "there was none before it"
    assert (bench.time, bench.taken) == ("18:00:30Z", ["17:05:00"])
    assert await turn(due) == (0, 0)
    assert bench.time == "18:05:00Z"


async def test_cron_makes_up_for_what_it_was_down_at() -> None:
    bench = Bench()
    await turn(bench.daemon(FIVE_PAST))
    bench.timer.pass_by(3 * HOUR)
    assert await turn(bench.daemon(FIVE_PAST)) == (0, 2)
    assert (bench.time, bench.taken[-1]) == ("15:05:00Z", "15:05:00")


async def test_a_clock_that_is_put_back_fires_no_instant_twice() -> None:
    bench = Bench()
    due = bench.daemon(FIVE_PAST)
    await turn(due)
    bench.timer.wall -= HOUR
    await turn(due)
    assert bench.time == "13:05:00Z"
    bench.timer.wall -= 3 * HOUR
    await turn(bench.daemon(FIVE_PAST))
    assert bench.taken == ["12:05:00", "13:05:00", "11:05:00"]


async def test_a_clock_put_forward_by_years_is_not_counted_through() -> None:
    bench = Bench()
    due = bench.daemon(Schedule(cron="* * * * *"))
    await turn(due)
    bench.timer.wall += 3650 * DAY
    assert await turn(due) == (0, MOST_COUNTED)


class Asleep(VirtualTimer):
    """Sleeps until it is woken or cancelled; no time passes by itself."""

    async def sleep(self, length: Micros) -> None:
        await anyio.sleep(0 if length <= 0 else inf)


@pytest.mark.parametrize("schedule", [MINUTELY, Schedule(cron="* * * * *")], ids=["interval", "cron"])
@pytest.mark.parametrize(("late", "passed"), [(-20, None), (1, 0), (59, 0), (61, 1)])
async def test_a_wait_that_is_broken_off_loses_no_instant(schedule: Schedule, late: int, passed: int | None) -> None:
    """`late`: seconds after the instant at which somebody waits again; None: it goes on waiting."""
    bench = Bench(Asleep())
    due = bench.daemon(schedule)
    await due.begin()
    if schedule is MINUTELY:
        await turn(due)
    expected = due.due
    with anyio.move_on_after(0.01):
        await due.wait()
    bench.timer.pass_by(expected - bench.timer.now() + late * SECOND)
    found = None
    with anyio.move_on_after(0.01 if passed is None else 30):
        found = await due.wait()
    assert due.due == expected + (0 if passed is None else (1 + passed) * MINUTE)
    assert (found is None) == (passed is None)


# ---- several daemons


async def test_two_that_begin_together_poll_once() -> None:
    bench = Bench()
    first, second = bench.daemon(MINUTELY), bench.daemon(MINUTELY)
    await first.begin()
    await second.begin()
    bench.timer.pass_by(SECOND)
    assert await first.wait() is not None
    assert await second.wait() is None
    assert bench.taken == ["12:00:00"]


async def test_who_was_late_goes_on_in_step_with_the_others() -> None:
    bench = Bench()
    first, second = bench.daemon(MINUTELY), bench.daemon(MINUTELY)
    await turn(first)
    assert await second.wait() is not None, "it came later, and took the second"
    assert await first.wait() is None
    assert iso(first.due) == iso(second.due) == "2026-01-10T12:02:00Z"


async def test_a_daemon_that_was_frozen_doubles_nothing() -> None:
    bench = Bench()
    frozen, other = bench.daemon(MINUTELY), bench.daemon(MINUTELY)
    await turn(frozen)
    await other.begin()
    for _ in range(5):
        await turn(other)
    assert await turn(frozen) == (0, 0)
    assert await other.wait() is None
    assert bench.taken == [f"12:0{minute}:00" for minute in range(7)]


async def test_what_all_were_frozen_for_is_shared_out() -> None:
    bench = Bench()
    schedule = every_minute(catch_up="all", misfire_grace=timedelta(hours=1))
    daemons = [bench.daemon(schedule) for _ in range(3)]
    for each in daemons:
        await each.begin()
    await turn(daemons[0])
    bench.timer.pass_by(10 * MINUTE)
    for _ in range(12):
        for each in daemons:
            if each.due <= bench.timer.now():
                await each.wait()
    assert sorted(bench.taken) == [f"12:{minute:02}:00" for minute in range(11)]


async def test_one_that_is_far_behind_comes_up_to_the_others() -> None:
    """The database's clock was put forward, and a daemon that started after that goes by it."""
    bench = Bench()
    old = bench.daemon(MINUTELY)
    await turn(old)
    bench.timer.wall += HOUR
    new = bench.daemon(MINUTELY)
    await turn(new)
    assert await old.wait() is not None, "its own time has come, and that instant was free"
    assert old.due - bench.timer.now() <= MINUTE
    assert await turn(new) == (0, 0)
    assert await old.wait() is None
