"""What a partner might try: to guess what is hidden, to hear on without a right to, to use up the daemon's memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.http import endpoints
from stratumd.plugin import MINUTE, signal_id
from stratumd.plugin.routes import Call
from stratumd.testing.receiver import Receiver
from stratumd_partner_api.lens import Sums
from stratumd_partner_api.serving import FRESH, Memo
from stratumd_partner_api.shapes import FULL, shape_of
from tests.integration.partner_api.world import OPERATORS, START, World, make_signal, make_step, world
from tests.support import stratumd_doorman as doorman

pytestmark = pytest.mark.anyio


async def test_no_id_tells_the_hidden_operator_to_who_tries_all(tmp_path: Path) -> None:
    """Everything that goes into a signal's id is public but its operator and its observation."""

    def named(operator: str, observation: str | None) -> str:
        subject = ("e1", "spreads", None, "home", "up", operator)
        return signal_id(("nba", "STEAM", "steam", "1", "hash-of-the-defaults", *subject, observation))

    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        at = START - 20 * MINUTE
        await held.signals(make_signal(named(OPERATORS[1], "seen-1"), at, operator=OPERATORS[1], observation="seen-1"))
        (shown,) = await held.items("intel/signals", "key_free")
        whole = await held.get("intel/export/signals", "key_free")
        assert "seen-1" not in (await held.get("intel/events/e1", "key_free")).text + whole.text
    assert [name for name in OPERATORS if named(name, shown["observation"]) == shown["id"]] == []


async def test_who_logged_out_hears_no_more(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        headers = {"authorization": "Bearer session_ann"}
        async with held.held.client.stream("GET", "/api/v1/stream/signals", headers=headers) as answer:
            del held.doorman.sessions["session_ann"]
            text = ""
            with anyio.fail_after(5):
                async for part in answer.aiter_text():
                    text += part
            assert "event: closed" in text


async def test_streams_begun_at_once_are_no_more_than_allowed(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", {"streams_per_key": 3}, background=True) as held:
        statuses: list[int] = []
        whole = anyio.Event()

        async def listen() -> None:
            headers = {"authorization": "Bearer key_bob"}
            async with held.held.client.stream("GET", "/api/v1/stream/signals", headers=headers) as answer:
                statuses.append(answer.status_code)
                if len(statuses) == 20:
                    whole.set()
                await whole.wait()

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(listen)
        assert statuses.count(200) == 3, statuses


def test_answers_that_are_good_no_more_are_not_kept() -> None:
    memo = Memo()
    for n in range(100):
        memo.keep(n, "x" * 1_000, 0, START + n * FRESH // 10)
    assert len(memo._kept) <= 11
    memo.keep(95, "again", 0, START + 10 * FRESH)
    assert (memo.find(95, 0, START + 10 * FRESH), len(memo._kept)) == ("again", 9)


def test_sums_are_kept_as_long_as_somebody_may_be_shown_them() -> None:
    sums, late = Sums(), shape_of(doorman.FREE)
    for minute in range(200):
        for shape in (FULL, late):
            sums.keep("question", shape, [{"minute": minute}], START + minute * MINUTE)
    now = START + 199 * MINUTE
    assert [len(sums._kept["question", each.delay]) for each in (FULL, late)] == [1, 11]
    shown: Any = [sums.at("question", each, now) for each in (FULL, late)]
    assert [rows[0]["minute"] for _, rows in shown] == [199, 189]


async def test_all_of_a_network_is_one_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has one address of IPv6 has 2^64 of them."""
    hosts = iter(range(9))

    def from_next(**more: Any) -> Call:
        return Call(**more | {"client": f"2001:db8:0:1::{next(hosts)}"})

    monkeypatch.setattr(endpoints, "Call", from_next)
    async with world(f"sqlite:///{tmp_path}/s.db", {"per_address": 3}) as held:
        statuses = [(await held.get("intel/signals")).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


async def test_one_account_does_not_take_everybodys_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        await held.signals(make_signal("s1", START - MINUTE))
        go, reader = threading.Event(), held.held.reader
        under_way: list[str] = []
        odds = reader.odds

        def slow(*given: Any, **more: Any) -> Any:
            under_way.append("")
            go.wait(10)
            return odds(*given, **more)

        monkeypatch.setattr(reader, "odds", slow)
        async with anyio.create_task_group() as group:
            for second in range(6):
                group.start_soon(held.get, f"intel/events/e1/odds?at=2026-01-10T12:00:{second:02d}Z")
            with anyio.fail_after(5):
                while len(under_way) < 2:  # noqa: ASYNC110  # of a thread
                    await anyio.sleep(0.01)
                assert (await held.get("intel/consensus?event=e1", "key_bob")).status_code == 200
            assert len(under_way) == 2
            go.set()
        assert len(under_way) == 6


async def made(held: World, url: str) -> str:
    """Make a webhook and return its id."""
    answer = await held.ask("POST", "intel/webhooks", json={"url": url})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_webhooks_that_are_gone_leave_no_connection(tmp_path: Path) -> None:
    async with Receiver() as receiver, world(f"sqlite:///{tmp_path}/s.db", {"allow": ["127.0.0.0/8"]}) as held:
        for n in range(3):
            id = await made(held, receiver.url)
            assert (await held.ask("POST", f"intel/webhooks/{id}/test")).json()["delivered"]
            assert id not in {key[0] for key in held.api.sender._posts}
            await held.signals(make_signal(f"s{n}", START + n))
            while await held.api.sender.step():
                pass
            assert len(held.api.sender._posts) == 1
            assert (await held.ask("DELETE", f"intel/webhooks/{id}")).status_code == 204
        await held.api.sender.step()
        assert not held.api.sender._posts


async def test_nobody_learns_where_a_name_leads_inside(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        id = await made(held, "https://localhost:8443/hook")
        told = (await held.ask("POST", f"intel/webhooks/{id}/test")).json()
        assert told["delivered"] is False
        assert not [word for word in ("127.0.0.1", "::1", "loopback") if word in told["error"]]


@pytest.mark.parametrize("path", ["movement?limit=1&", "../consensus?event=e1&limit=1&"])
async def test_a_page_reads_no_more_than_a_page(tmp_path: Path, path: str) -> None:
    """However long an event's past is, and wherever in it the page begins."""
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        await held.commit(*[make_step(START - n * MINUTE, price=1.5 + n / 100) for n in range(20, 0, -1)])
        read: list[int] = []
        for name in ("movement", "consensus"):
            _counted(held, name, read)
        cursor = ""
        for _ in range(15):
            where = f"intel/events/e1/{path}" if path.startswith("m") else f"intel/{path[3:]}"
            page = (await held.get(where + (f"cursor={cursor}" if cursor else ""))).json()
            cursor = page["next"]
        assert 0 < max(read) <= 12, read


def _counted(held: World, name: str, read: list[int]) -> None:
    whole = getattr(held.held.reader, name)

    def counted(*given: Any, **more: Any) -> Any:
        found = whole(*given, **more)
        read.append(len(found))
        return found

    setattr(held.held.reader, name, counted)


async def test_what_waits_for_a_webhook_waits_as_long_as_the_plan_of_now_says(tmp_path: Path) -> None:
    async with Receiver() as receiver, world(f"sqlite:///{tmp_path}/s.db", {"allow": ["127.0.0.0/8"]}) as held:
        await made(held, receiver.url)
        receiver.answer_next(503)
        await held.signals(make_signal("s1", START))
        await held.api.sender.step()
        held.doorman.keys["key_ann"] = doorman.FREE
        for minutes, sent in ((1, 1), (2, 1), (8, 2)):
            held.clock.advance(minutes * MINUTE)
            while await held.api.sender.step():
                pass
            assert len(receiver.requests) == sent
        assert receiver.requests[1].json()["data"]["operator"] is None
