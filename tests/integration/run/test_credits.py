"""Cadences and budgets against the fake provider, in short; `make credits` and `make schedules` run them at length."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import cycle

import pytest

from stratumd.config import Budget, Schedule
from stratumd.plugin import DAY, HOUR, MINUTE
from tests.simulations import bucket, steam, zones
from tests.simulations.feed import BEGIN, running
from tests.simulations.week import week

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("preset", ["tiers", "close-capture"])
async def test_events_are_polled_by_the_table_and_cost_what_the_model_says(preset: str) -> None:
    found = await week(preset, days=1, sports=("basketball_nba",))
    assert [line for line in found.lines if line.wrong] == []
    assert sum(line.events for line in found.lines) >= 4
    assert found.credits == found.model == found.counted
    assert found.mispriced == 0


async def test_a_days_credits_are_never_exceeded_and_go_to_the_nearest() -> None:
    found = await bucket.day(daily=400, warm=0)
    assert found.dearest <= 400
    assert all(gap >= MINUTE for gap in found.gaps.values())
    assert found.gaps["19:00"] == MINUTE
    assert sum(hour.credits for hour in found.hours[:16]) == 0


@pytest.mark.parametrize(("case", "signals"), [(0, 0), (1, 1)])
async def test_steam_is_seen_where_the_plan_says_so(case: int, signals: int) -> None:
    daily, window = steam.CASES[case]
    found = await steam.run(daily, window)
    assert (found.signals, found.others) == (signals, 0)


async def test_a_restart_forgets_neither_credits_nor_polls() -> None:
    schedule, budget = Schedule(cadence="close-capture"), Budget(daily_credits=60)
    games = [("basketball_nba", BEGIN + HOUR)]
    async with running(schedule, budget, games) as first:
        await first.until(BEGIN + 10 * MINUTE, MINUTE)
        before, store = first.till.account.left("base", first.timer.now()), first.store
    async with running(schedule, budget, games, begin=BEGIN + 10 * MINUTE - 1, store=store) as second:
        assert second.till.account.left("base", BEGIN + 10 * MINUTE - 1) == before
        await second.collector.poll()
        assert second.provider.used == 0, "it was polled in this minute"
        await second.until(BEGIN + DAY, MINUTE)
        assert sum(poll.cost for poll in second.polls) <= 60


async def test_two_daemons_in_turn_spend_one_budget_and_ask_for_nothing_twice() -> None:
    schedule, budget = Schedule(cadence="close-capture"), Budget(daily_credits=120)
    games = [("basketball_nba", BEGIN + HOUR), ("basketball_nba", BEGIN + 3 * HOUR)]

    async def spent(daemons: int) -> list[tuple[int, tuple[str, ...], int]]:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(running(schedule, budget, games))
            others = [
                await stack.enter_async_context(running(schedule, budget, games, store=first.store))
                for _ in range(daemons - 1)
            ]
            turns = cycle([first, *others])
            for minute in range(4 * 60):
                daemon = next(turns)
                daemon.timer.wall = BEGIN + minute * MINUTE
                await daemon.collector.poll()
            return [(poll.started_at, poll.events, poll.cost) for poll in first.polls if poll.cost]

    alone = await spent(1)
    assert sum(cost for _, _, cost in alone) <= 120
    assert await spent(3) == alone


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tokyo"])
def test_each_instant_fires_once_through_every_change(zone: str) -> None:
    found = zones.tally([zone], (2026, 2026))
    assert [row for row in found if row.wrong] == []
    assert sum(row.instants for row in found) > 300


def test_zones_whose_clocks_show_the_same_are_walked_once() -> None:
    groups = zones.clocks(["Europe/Berlin", "Europe/Paris", "UTC"], (2026, 2026)).values()
    assert sorted(map(sorted, groups)) == [["Europe/Berlin", "Europe/Paris"], ["UTC"]]
