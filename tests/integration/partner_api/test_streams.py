"""Streams: resumed without a gap, reset over one, and never waiting for anybody."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from stratumd.plugin import DAY, HOUR, MINUTE
from stratumd_partner_api.clients import Client
from tests.integration.partner_api.world import START, World, make_signal, make_step, world

pytestmark = pytest.mark.anyio


class Reader:
    """Reads a stream's messages."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.last = ""
        """The newest id, which a client keeps also where no message comes with it."""
        self.told: list[str] = []
        """All ids."""

    async def line(self) -> str:
        """Return the next line."""
        line = await anext(self._lines)
        if line.startswith("id: "):
            self.last = line.removeprefix("id: ")
            self.told.append(self.last)
        return line

    async def comment(self) -> None:
        """Read to the end of the next comment's block; a message before it is none."""
        while not (line := await self.line()).startswith(":"):
            assert not line.startswith("event:"), line
        while await self.line():
            pass

    async def next(self) -> tuple[str, Any]:
        """Return the next message's name and data; comments, pauses and ids alone are passed over."""
        name, data = "", ""
        while True:
            line = await self.line()
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
            elif not line and name:
                return name, json.loads(data)

    async def ids(self, count: int) -> list[str]:
        """Return the ids of the next signals."""
        with anyio.fail_after(10):
            return [(await self.next())[1]["id"] for _ in range(count)]


class opened:  # noqa: N801  # used as a function
    """A stream that is read while the block lasts."""

    def __init__(self, held: World, path: str = "stream/signals", key: str = "key_ann", last: str = "") -> None:
        headers = {"authorization": f"Bearer {key}"} | ({"last-event-id": last} if last else {})
        self._context = held.held.client.stream("GET", f"/api/v1/{path}", headers=headers)

    async def __aenter__(self) -> Reader:
        answer = await self._context.__aenter__()
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith("retry: ")
        assert await anext(lines) == ": connected"
        return Reader(lines)

    async def __aexit__(self, *error: object) -> None:
        await self._context.__aexit__(*error)


async def test_signals_come_as_they_are_committed_and_the_rest_after_a_break(database_url: str) -> None:
    async with world(database_url, background=True) as held:
        await held.signals(make_signal("before"))
        async with opened(held) as reader:
            await anyio.sleep(0.2)
            await held.commit(make_step(START + 1, [make_signal("s1", START + 1), make_signal("s2", START + 1)]))
            assert await reader.ids(2) == ["s1", "s2"]
            last = reader.last
        for minute in range(60):
            at = START + minute * MINUTE + 2
            await held.commit(make_step(at, [make_signal(f"h{minute:02d}", at)]))
        held.clock.advance(HOUR)
        async with opened(held, last=last) as reader:
            assert await reader.ids(60) == [f"h{minute:02d}" for minute in range(60)]
            await held.commit(make_step(START + HOUR, [make_signal("live", START + HOUR)]))
            assert await reader.ids(1) == ["live"]


async def test_a_filter_and_an_id_in_the_query(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        signals = [make_signal(f"s{n}", START + n, type=["MOVE", "STEAM"][n % 2], strength=n * 10) for n in range(1, 9)]
        await held.signals(*signals)
        async with opened(held, "stream/signals?types=Steam&min_strength=30&after=0") as reader:
            assert await reader.ids(3) == ["s3", "s5", "s7"]


async def test_a_gap_is_told(tmp_path: Path) -> None:
    """Retention deletes the oldest: who was further back is told that something is missing."""
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        await held.signals(*[make_signal(f"s{n}", START + n) for n in range(5)])
        await to_thread.run_sync(lambda: delete(tmp_path, 3))
        held.api.signals.start(5)
        async with opened(held, last="1") as reader:
            name, data = await reader.next()
            assert (name, data) == ("reset", {"first": 4, "after": 3})
            assert await reader.ids(2) == ["s3", "s4"]
        async with opened(held, last="99") as reader:
            assert (await reader.next())[0] == "reset"


def delete(folder: Path, until: int) -> None:
    """Delete the oldest of the feed, as retention does."""
    import sqlite3

    with sqlite3.connect(folder / "s.db") as connection:
        connection.execute("DELETE FROM feed WHERE sequence <= ?", (until,))
    connection.close()


async def test_changes_of_quotes(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        await held.commit(make_step(START + 1, price=1.9))
        async with opened(held, "stream/changes?pipeline=nba&after=0") as reader:
            name, data = await reader.next()
            assert (name, data["position"], len(data["changes"])) == ("changes", 1, 6)
            await held.commit(make_step(START + 2, price=1.8))
            name, data = await reader.next()
            assert data["position"] == 2
            assert data["changes"][0]["event"] == "e1"
            assert {each["book"] for each in data["changes"]} == {"zz-alpha-book", "zz-beta-book", "zz-gamma-book"}
        assert (await held.get("stream/changes?pipeline=none")).status_code == 404


async def test_changes_of_a_pipeline_that_comes_and_goes(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True, pipelines=("nhl",)) as held:
        await held.commit(make_step(START + 1, price=1.9))
        assert (await held.get("stream/changes?pipeline=nba")).status_code == 404
        held.held.configured.pipelines = ("nba", "nhl")
        async with opened(held, "stream/changes?after=0") as reader:
            assert (await reader.next())[1]["position"] == 1, "without a name it is the first"
            held.held.configured.pipelines = ("nhl",)
            with anyio.fail_after(10):
                assert await reader.next() == ("bye", {})
        refused = await held.get("stream/changes?pipeline=nba")
        assert (refused.status_code, refused.json()["detail"][-14:]) == (404, "there are nhl.")


async def test_too_many_streams_of_a_key_and_wrong_ids(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", {"streams_per_key": 1}, background=True) as held:
        async with opened(held):
            assert (await held.get("stream/signals")).status_code == 429
        for wrong in ("x1", "-1", "9" * 99):
            assert (await held.get("stream/signals", headers={"last-event-id": wrong})).status_code == 400


async def test_a_revoked_key_hears_no_more(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held, opened(held) as reader:
        await anyio.sleep(0.1)
        del held.doorman.keys["key_ann"]
        with anyio.fail_after(30):
            assert (await reader.next())[0] == "closed"


async def test_who_falls_behind_is_told_and_dropped() -> None:
    client = Client(3)
    assert client.put([(1, b"x")], b"x")
    assert await client.take() == b"x"
    assert [client.put([(n, b"x")], b"x") for n in range(2, 6)] == [True, True, True, False]
    assert await client.take() == b""
    assert client.ended == b'event: lagged\ndata: {"after":1}\n\n', "what waited is not sent any more"


async def test_many_signals_at_once_drop_nobody_who_listens(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", {"stream_buffer": 8}, background=True) as held, opened(held) as one:
        await anyio.sleep(0.2)
        signals = [make_signal(f"s{n:03d}", START + 1) for n in range(600)]
        await held.commit(make_step(START + 1, signals))
        assert await one.ids(600) == [each.id for each in signals]


async def test_a_client_that_never_reads_holds_no_memory_and_nobody_up(tmp_path: Path) -> None:
    options = {"stream_buffer": 8}
    async with world(f"sqlite:///{tmp_path}/s.db", options, background=True) as held:
        silent = await anyio.connect_tcp("127.0.0.1", int(held.held.url.rpartition(":")[2]))
        async with silent:
            await silent.send(
                b"GET /api/v1/stream/signals HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key_ann\r\n\r\n"
            )
            with anyio.fail_after(30):
                while not (clients := held.api.signals._clients()):  # noqa: ASYNC110  # the server takes its time
                    await anyio.sleep(0.02)
            (client,) = clients
            big = {"text": "y" * 200_000}
            async with opened(held, key="key_bob") as reader:
                await anyio.sleep(0.1)
                for n in range(60):
                    await held.commit(make_step(START + n, [make_signal(f"s{n}", START + n, metadata=big)]))
                    assert await reader.ids(1) == [f"s{n}"]
            assert client.ended.startswith(b"event: lagged")
            assert not client._waiting


async def test_quotes_of_a_match_of_five_days_are_streamed_to_its_end(tmp_path: Path) -> None:
    """As of cricket: the event began long ago, and is offered."""
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        for day in range(6):
            await held.commit(make_step(START + day * DAY, price=1.5 + day / 10))
        held.clock.advance(6 * DAY)
        async with opened(held, "stream/changes?after=0") as reader:
            for day in range(6):
                with anyio.fail_after(5):
                    assert (await reader.next())[1]["position"] == day + 1
