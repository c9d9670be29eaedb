"""Whoever takes over a post begins when the one before has ended its turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
from anyio.lowlevel import checkpoint

from stratumd.runtime.posts import Turns, open_posts

pytestmark = pytest.mark.anyio


class Shift:
    """Works in turns, of which each lasts until it is let go."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name = name
        self.turns = Turns()
        self.go = anyio.Event()
        self._told = told

    async def run(self) -> None:
        self._told.append(f"{self.name} begins")
        try:
            while True:
                with self.turns.turn():
                    await self.go.wait()
                    self._told.append(f"{self.name} did a turn")
                await anyio.sleep_forever()
        finally:
            self._told.append(f"{self.name} ends")


async def settle() -> None:
    """Let every task get as far as it can."""
    for _ in range(20):
        await checkpoint()


async def test_the_turn_at_hand_ends_before_the_next_one_begins() -> None:
    told: list[str] = []
    first, second = Shift("first", told), Shift("second", told)
    async with open_posts() as posts:
        posts.put("nba", first.run, first.turns)
        await settle()
        posts.put("nba", second.run, second.turns)
        await settle()
        assert told == ["first begins"]
        first.go.set()
        await settle()
        assert told == ["first begins", "first did a turn", "first ends", "second begins"]
        posts.cancel()


async def test_between_two_turns_it_ends_at_once() -> None:
    told: list[str] = []
    first = Shift("first", told)
    first.go.set()
    gone = anyio.Event()
    async with open_posts() as posts:
        posts.put("nba", first.run, first.turns)
        await settle()
        posts.remove("nba", gone.set)
        with anyio.fail_after(30):
            await gone.wait()
    assert told == ["first begins", "first did a turn", "first ends"]


async def test_one_that_never_began_leaves_its_place_to_the_next() -> None:
    """However many come while the first does its turn, only the last one begins, and not before that turn ended."""
    told: list[str] = []
    shifts = [Shift(str(number), told) for number in range(4)]
    async with open_posts() as posts:
        for shift in shifts:
            posts.put("nba", shift.run, shift.turns)
            await settle()
        assert told == ["0 begins"]
        shifts[0].go.set()
        await settle()
        assert told == ["0 begins", "0 did a turn", "0 ends", "3 begins"]
        posts.cancel()


async def test_a_stop_waits_for_no_turn() -> None:
    told: list[str] = []
    first, second = Shift("first", told), Shift("second", told)
    with anyio.fail_after(30):
        async with open_posts() as posts:
            posts.put("nba", first.run, first.turns)
            await settle()
            posts.put("nba", second.run, second.turns)
            await settle()
            posts.cancel()
    assert told == ["first begins", "first ends"]


async def test_a_cancellation_from_outside_waits_for_no_turn_of_a_retired_one_either() -> None:
    told: list[str] = []
    first = Shift("first", told)
    with anyio.CancelScope() as scope:
        async with open_posts() as posts:
            posts.put("nba", first.run, first.turns)
            await settle()
            posts.remove("nba")
            scope.cancel()
            await anyio.sleep_forever()
    assert told == ["first begins", "first ends"]


async def test_the_place_of_one_that_was_replaced_is_not_given_up() -> None:
    told: list[str] = []
    first, second = Shift("first", told), Shift("second", told)
    async with open_posts() as posts:
        posts.put("nba", first.run, first.turns)
        await settle()
        posts.remove("nba", lambda: told.append("gone"))
        posts.put("nba", second.run, second.turns)
        first.go.set()
        await settle()
        assert told[-1] == "second begins"
        assert "gone" not in told
        posts.cancel()


async def test_others_do_not_notice() -> None:
    told: list[str] = []
    nba, wnba = Shift("nba", told), Shift("wnba", told)
    async with open_posts() as posts:
        posts.put("nba", nba.run, nba.turns)
        posts.put("wnba", wnba.run, wnba.turns)
        await settle()
        posts.remove("nba")
        nba.go.set()
        await settle()
        assert "wnba ends" not in told
        posts.cancel()


async def test_a_failure_ends_all() -> None:
    """`keep` lets nothing but a broken store through."""

    async def broken() -> None:
        raise RuntimeError("broken")

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="broken")):
        async with open_posts() as posts:
            posts.put("nba", anyio.sleep_forever)
            posts.put("wnba", broken)


@pytest.mark.parametrize("end", [lambda: checkpoint(), lambda: anyio.sleep(0.01)])
async def test_one_that_ended_by_itself_can_be_replaced(end: Callable[[], Awaitable[None]]) -> None:
    told: list[str] = []
    second, ended = Shift("second", told), anyio.Event()

    async def once() -> None:
        await end()
        ended.set()

    async with open_posts() as posts:
        posts.put("nba", once)
        await ended.wait()
        await settle()
        posts.put("nba", second.run, second.turns)
        await settle()
        assert told == ["second begins"]
        posts.cancel()
