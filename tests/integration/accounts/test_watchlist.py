"""Watchlists, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from stratumd.testing.clock import VirtualClock
from stratumd.testing.house import Serving
from tests.integration.accounts.conftest import BOTH, Opened, Person
from tests.support.steps import START, event, keep, observation, step

pytestmark = pytest.mark.anyio
EVENTS = [event(number).id for number in range(6)]


@pytest.fixture
async def house(opened: Opened) -> AsyncIterator[Serving]:
    async with opened(VirtualClock(START)) as held:
        keep(held.store, *[step(observation(START + n), event_number=n) for n in range(len(EVENTS))])
        yield held


async def test_events_are_watched_and_left(ann: Person, house: Serving) -> None:
    added = await ann.ok("PUT", f"/account/watchlist/{EVENTS[0]}")
    assert (added["event"], added["home"], added["away"]) == (EVENTS[0], "Home 0", "Away 0")
    house.clock.advance(1)
    await ann.ok("PUT", f"/account/watchlist/{EVENTS[1]}")
    await ann.ok("PUT", f"/account/watchlist/{EVENTS[0]}")
    listed = await ann.ok("GET", "/account/watchlist")
    assert ([each["event"] for each in listed["items"]], listed["most"]) == ([EVENTS[1], EVENTS[0]], 3)
    await ann.ok("DELETE", f"/account/watchlist/{EVENTS[1]}")
    await ann.ok("DELETE", f"/account/watchlist/{EVENTS[1]}")
    assert [each["event"] for each in (await ann.ok("GET", "/account/watchlist"))["items"]] == [EVENTS[0]]


async def test_what_is_no_event_is_not_watched(ann: Person) -> None:
    for id in ("nothing", EVENTS[0][:12], "%F0%9F%8F%80", "a" * 500):
        assert (await ann.call("PUT", f"/account/watchlist/{id}")).status_code == 404


@BOTH
async def test_the_plan_says_how_many_also_at_the_same_time(ann: Person) -> None:
    statuses: list[int] = []

    async def watch(id: str) -> None:
        statuses.append((await ann.call("PUT", f"/account/watchlist/{id}")).status_code)

    async with anyio.create_task_group() as group:
        for id in EVENTS:
            group.start_soon(watch, id)
    assert sorted(statuses) == [200] * 3 + [409] * 3
    await ann.plan("web", "pro")
    for id in EVENTS:
        await ann.ok("PUT", f"/account/watchlist/{id}")
    listed = await ann.ok("GET", "/account/watchlist")
    assert (len(listed["items"]), listed["most"]) == (6, None)


async def test_the_lists_of_others_are_their_own(ann: Person, house: Serving) -> None:
    await ann.ok("PUT", f"/account/watchlist/{EVENTS[0]}")
    mallory = await (await Person(house, "mallory@example.org").sign_up()).log_in()
    assert (await mallory.ok("GET", "/account/watchlist"))["items"] == []
    await mallory.ok("DELETE", f"/account/watchlist/{EVENTS[0]}")
    assert len((await ann.ok("GET", "/account/watchlist"))["items"]) == 1
