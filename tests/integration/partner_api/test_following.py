"""A stream of one event, sport or pipeline: what is left out is not sent, and does not hold the position back."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from stratumd.plugin import HOUR, MINUTE, Signal
from tests.integration.partner_api.test_streams import Reader, delete, opened
from tests.integration.partner_api.world import START, World, make_signal, world

pytestmark = pytest.mark.anyio

NARROW = (
    "event=e2",
    "sport=icehockey_nhl",
    "pipeline=nhl",
    "sport=basketball_nba&event=e1&pipeline=nba",
    "event=e2&types=steam&min_strength=60&market=spreads",
    "event=never",
)
REFUSED = (
    "pipeline=nfl",
    "event=",
    "event=e%201",
    f"sport={'s' * 129}",
    "pipeline=a%0Ab",
    "sport=a&sport=b",
    "types=STEEM",
)


def numbered(first: int, last: int) -> list[Signal]:
    """Return signals whose ids say of which event they are, the even ones of `e2`."""
    return [
        make_signal(
            f"e{1 + (n % 2 == 0)}-{n:03d}",
            START - HOUR + n * MINUTE,
            event="e2" if n % 2 == 0 else "e1",
            sport="icehockey_nhl" if n % 3 == 0 else "basketball_nba",
            pipeline="nhl" if n % 5 == 0 else "nba",
            type=("STEAM", "MOVE")[n % 4 == 0],
            strength=n,
        )
        for n in range(first, last + 1)
    ]


async def heard_of(held: World, reader: Reader) -> str:
    """Return the newest id that a reader has heard of by the next comment that keeps the connection alive."""
    with anyio.fail_after(10):
        while not held.api.signals._clients():  # noqa: ASYNC110  # the server takes its time
            await anyio.sleep(0.02)
        held.api.signals.beat()
        await reader.comment()
    return reader.last


@pytest.mark.parametrize("narrow", NARROW)
async def test_the_stream_leaves_out_what_the_list_leaves_out(tmp_path: Path, narrow: str) -> None:
    pipelines = ("nba", "nhl")
    async with world(f"sqlite:///{tmp_path}/s.db", background=True, pipelines=pipelines) as held:
        await held.signals(*numbered(1, 70))
        listed = {
            each["id"] for each in await held.items(f"intel/signals?limit=200&since=2020-01-01T00:00:00Z&{narrow}")
        }
        async with opened(held, f"stream/signals?after=0&{narrow}") as reader:
            assert await reader.ids(len(listed)) == sorted(listed, key=lambda id: id[3:])
            assert await heard_of(held, reader) == "70", "nothing else came until the comment"


@pytest.mark.parametrize("wrong", REFUSED)
async def test_the_stream_refuses_in_the_words_of_the_list(tmp_path: Path, wrong: str) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", signal_types=("STEAM",), background=True) as held:
        answers = [await held.get(f"{path}?{wrong}") for path in ("intel/signals", "stream/signals")]
        by_list, by_stream = [(each.status_code, each.json()["detail"]) for each in answers]
        assert by_stream == by_list
        assert by_list[0] == (404 if wrong == "pipeline=nfl" else 422)


async def test_who_follows_one_event_goes_on_without_gap_and_without_anything_twice(database_url: str) -> None:
    async with world(database_url, background=True) as held:
        seen: list[str] = []
        last = "0"
        for first in range(1, 41, 8):
            async with opened(held, "stream/signals?event=e2", last=last) as reader:
                await held.signals(*numbered(first, first + 3))
                seen += await reader.ids(2 if first == 1 else 4)
                last = reader.last
            await held.signals(*numbered(first + 4, first + 7))
        async with opened(held, "stream/signals?event=e2", last=last) as reader:
            seen += await reader.ids(2)
        assert seen == [each.id for each in numbered(1, 40) if each.event == "e2"]


async def test_what_is_left_out_moves_the_position_on(tmp_path: Path) -> None:
    """Retention may delete what somebody else was sent: who was told that it passed comes back without a reset."""
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        async with opened(held, "stream/signals?event=e9") as reader:
            await held.signals(*numbered(1, 6))
            assert await heard_of(held, reader) == "6"
            last = reader.last
        await held.signals(make_signal("mine", START, event="e9"))
        await to_thread.run_sync(lambda: delete(tmp_path, 6))
        held.api.signals.start(7)
        async with opened(held, "stream/signals?event=e9", last=last) as reader:
            assert await reader.ids(1) == ["mine"]


async def test_a_past_of_others_moves_the_position_on_at_once(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        await held.signals(*numbered(1, 6))
        async with opened(held, "stream/signals?event=e9", last="2") as reader:
            with anyio.fail_after(10):
                while reader.last != "6":
                    await reader.line()


async def test_a_stream_says_where_it_begins(tmp_path: Path) -> None:
    """Who is cut off before the first event comes back without a gap as well."""
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        await held.signals(*numbered(1, 3))
        async with opened(held, "stream/signals?event=e2") as reader:
            with anyio.fail_after(10):
                await reader.line()
            assert reader.last == "3"
        await held.signals(*numbered(4, 5))
        async with opened(held, "stream/signals?event=e2", last=reader.last) as reader:
            assert await reader.ids(1) == ["e2-004"]


async def test_the_whole_stream_has_no_ids_but_those_of_its_events(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        await held.signals(*numbered(1, 3))
        async with opened(held, last="1") as reader:
            assert await reader.ids(2) == ["e2-002", "e1-003"]
            held.api.signals.beat()
            await reader.comment()
            assert reader.told == ["2", "3"]


async def test_a_delayed_plan_learns_no_id_before_its_time(tmp_path: Path) -> None:
    """By a position as little as by an event: the ids of others' events are shown when these would have been."""
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        early = [make_signal(f"a{n}", START - n * MINUTE, event="e1") for n in (14, 12, 8, 3)]
        await held.signals(*early)
        async with opened(held, "stream/signals?event=e9", key="key_free") as reader:
            assert await heard_of(held, reader) == "2"
            await held.signals(make_signal("now", START, event="e1"))
            assert await heard_of(held, reader) == "2"
            held.clock.advance(3 * MINUTE)
            held.api.signals.release()
            assert await heard_of(held, reader) == "3"
        for last in ("4", "5", "6"):
            async with opened(held, "stream/signals?event=e9", key="key_free", last=last) as reader:
                assert await reader.next() == ("reset", {"first": 1, "after": 3})


async def test_quotes_of_one_event_move_the_position_on_as_well(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        await held.signals(*numbered(1, 4))
        async with opened(held, "stream/changes?event=e9&after=0") as reader:
            with anyio.fail_after(10):
                while reader.last != "4":
                    await reader.line()
