"""Webhooks of partners: what they are sent, how often, and what they can do themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.client.webhooks import SCHEDULE
from stratumd.plugin import HOUR, MINUTE, SECOND
from stratumd.testing.receiver import Receiver, verify
from stratumd_partner_api.rows import Lease, Webhook
from stratumd_partner_api.sending import Sender
from tests.integration.partner_api.world import START, World, make_signal, world

pytestmark = pytest.mark.anyio

ALLOW = {"allow": ["127.0.0.0/8"]}


class Hook:
    """A partner's webhook with its receiver."""

    def __init__(self, held: World, receiver: Receiver, made: dict[str, Any]) -> None:
        self.held = held
        self.receiver = receiver
        self.id = made["id"]
        self.secret = made["secret"]

    async def ask(self, method: str, path: str = "", key: str = "key_ann", **more: Any) -> Any:
        return await self.held.ask(method, f"intel/webhooks/{self.id}{path}", key, **more)

    async def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.ask("GET", "/deliveries", params=query)).json()["items"]
        return found

    async def send(self) -> None:
        """Do all that is due now."""
        while await self.held.api.sender.step():
            pass

    def signed(self, request: Any, secret: str | None = None) -> str | None:
        return verify((secret or self.secret,), request.headers, request.body, self.held.clock.now() / SECOND)


@asynccontextmanager
async def hooked(url: str, **body: Any) -> AsyncIterator[Hook]:
    async with Receiver() as receiver, world(url, ALLOW) as held:
        made = await held.ask("POST", "intel/webhooks", json={"url": receiver.url, **body})
        assert made.status_code == 201, made.text
        yield Hook(held, receiver, made.json())


async def test_a_partner_is_sent_what_it_asked_for_signed_and_in_order(database_url: str) -> None:
    async with hooked(database_url, types=["steam"], min_strength=50) as hook:
        await hook.held.signals(
            make_signal("s1", START + 1),
            make_signal("weak", START + 2, strength=10),
            make_signal("other", START + 3, type="MOVE"),
            make_signal("s2", START + 4),
        )
        await hook.send()
        sent = hook.receiver.requests
        assert [request.json()["data"]["id"] for request in sent] == ["s1", "s2"]
        assert [hook.signed(request) for request in sent] == [None, None]
        assert [row["state"] for row in await hook.deliveries()] == ["delivered", "delivered"]
        again = await hook.deliveries(limit=1)
        assert [row["signal"] for row in again] == ["s2"]


async def test_a_failure_is_tried_again_under_the_same_id_and_holds_up_its_event_only(database_url: str) -> None:
    async with hooked(database_url) as hook:
        hook.receiver.answer_next(500)
        await hook.held.signals(make_signal("a1", START + 1), make_signal("a2", START + 2))
        await hook.send()
        assert [request.json()["data"]["id"] for request in hook.receiver.requests] == ["a1"]
        hook.held.clock.advance(6 * SECOND)
        await hook.send()
        ids = [request.json()["data"]["id"] for request in hook.receiver.requests]
        assert ids == ["a1", "a1", "a2"]
        assert hook.receiver.requests[0].id == hook.receiver.requests[1].id
        assert (await hook.ask("GET")).json()["failing_since"] is None


async def test_ten_failures_make_a_dead_letter_that_can_be_replayed(tmp_path: Path) -> None:
    async with hooked(f"sqlite:///{tmp_path}/s.db") as hook:
        hook.receiver.answer_next(503, times=10)
        await hook.held.signals(make_signal("s1", START + 1))
        for pause in (*SCHEDULE, timedelta()):
            await hook.send()
            hook.held.clock.advance(1.11 * pause + timedelta(seconds=5))
        (row,) = await hook.deliveries()
        assert (row["state"], row["attempts"], row["status"]) == ("dead", 10, 503)
        answer = await hook.ask("POST", f"/deliveries/{row['id']}/replay")
        assert answer.json()["state"] == "pending"
        await hook.send()
        assert len(hook.receiver.taken) == 1
        assert hook.receiver.taken[0].id == hook.receiver.requests[0].id


async def test_a_receiver_that_is_gone_is_disabled_and_the_partner_told(database_url: str) -> None:
    async with hooked(database_url) as hook:
        hook.receiver.answer_next(410)
        await hook.held.signals(make_signal("s1", START + 1))
        await hook.send()
        shown = (await hook.ask("GET")).json()
        assert (shown["enabled"], "410" in shown["disabled_reason"]) == (False, True)
        assert "sink" not in shown["disabled_reason"], "a partner has none"
        (notice,) = hook.held.held.notices
        assert (notice.kind, notice.to) == ("webhook_disabled", "ann@example.org")
        await hook.ask("PATCH", json={"enabled": True})
        hook.held.clock.advance(MINUTE)
        await hook.send()
        assert len(hook.receiver.taken) == 1


async def test_a_receiver_that_fails_for_five_days_is_disabled(tmp_path: Path) -> None:
    async with hooked(f"sqlite:///{tmp_path}/s.db") as hook:
        hook.receiver.answer_next(500, times=1_000)
        for day in range(7):
            await hook.held.signals(make_signal(f"s{day}", START + 1 + day * 24 * HOUR, event=f"e{day}"))
            for _ in range(4):
                await hook.send()
                hook.held.clock.advance(6 * HOUR)
        assert (await hook.ask("GET")).json()["disabled_reason"] == "nothing was taken for 120 hours"


async def test_two_secrets_sign_while_one_is_changed(tmp_path: Path) -> None:
    async with hooked(f"sqlite:///{tmp_path}/s.db") as hook:
        new = (await hook.ask("POST", "/rotate")).json()
        assert new["secret"] != hook.secret
        await hook.held.signals(make_signal("s1", START + 1))
        await hook.send()
        request = hook.receiver.requests[0]
        assert (hook.signed(request), hook.signed(request, new["secret"])) == (None, None)
        hook.held.clock.advance(25 * HOUR)
        await hook.held.signals(make_signal("s2", START + 2))
        await hook.send()
        request = hook.receiver.requests[1]
        assert hook.signed(request) == "no signature fits"
        assert hook.signed(request, new["secret"]) is None


async def test_a_secret_is_shown_once_and_stored_nowhere(tmp_path: Path) -> None:
    async with hooked(f"sqlite:///{tmp_path}/s.db") as hook:
        for answer in (await hook.ask("GET"), await hook.ask("PATCH", json={"types": ["MOVE"]})):
            assert hook.secret not in answer.text
            assert "hooks/stratumd" not in answer.text  # it may hold a token
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240  # small files, and nobody waits
        assert hook.secret.removeprefix("whsec_").encode() not in stored


async def test_nobody_else_sees_or_changes_it(database_url: str) -> None:
    async with hooked(database_url) as hook:
        await hook.held.signals(make_signal("s1", START + 1))
        await hook.send()
        (row,) = await hook.deliveries()
        for method, path, more in [
            ("GET", "", {}),
            ("PATCH", "", {"json": {"types": []}}),
            ("DELETE", "", {}),
            ("POST", "/rotate", {}),
            ("POST", "/test", {}),
            ("GET", "/deliveries", {}),
            ("POST", f"/deliveries/{row['id']}/replay", {}),
        ]:
            answer = await hook.ask(method, path, "key_bob", **more)
            assert answer.status_code == 404, (method, path)
        assert (await hook.ask("DELETE")).status_code == 204
        assert (await hook.ask("GET")).status_code == 404


async def test_a_test_event_and_where_nothing_is_sent(tmp_path: Path) -> None:
    async with hooked(f"sqlite:///{tmp_path}/s.db") as hook:
        assert (await hook.ask("POST", "/test")).json() == {"delivered": True, "status": 200, "error": None}
        assert hook.receiver.requests[0].json()["type"] == "test"
        hook.receiver.answer_next(500)
        refused = {"delivered": False, "status": 500, "error": "the receiver answered 500"}
        assert (await hook.ask("POST", "/test")).json() == refused
        for url in ("http://10.0.0.1/x", "https://169.254.169.254/", "ftp://x", "https://u:p@example.com/", "x" * 9):
            answer = await hook.held.ask("POST", "intel/webhooks", json={"url": url})
            assert answer.status_code == 422, url


async def test_two_daemons_send_each_delivery_once(database_url: str) -> None:
    async with hooked(database_url) as hook:
        api = hook.held.api
        other = Sender(api.options, api.context, api._accounts, api._keyring)
        await hook.held.signals(*[make_signal(f"s{n:02d}", START + n, event=f"e{n % 5}") for n in range(40)])

        async def work(sender: Sender) -> None:
            for _ in range(14):
                await sender.step()

        async with anyio.create_task_group() as group:
            group.start_soon(work, api.sender)
            group.start_soon(work, other)
        ids = [request.id for request in hook.receiver.requests]
        assert (len(ids), len(set(ids))) == (40, 40)
        by_event: dict[str, list[int]] = {}
        for request in hook.receiver.requests:
            found = request.json()["data"]
            by_event.setdefault(found["event"], []).append(int(found["id"][1:]))
        assert all(numbers == sorted(numbers) for numbers in by_event.values())
        await other.close()


async def test_what_a_daemon_held_another_takes_over(tmp_path: Path) -> None:
    async with hooked(f"sqlite:///{tmp_path}/s.db") as hook:
        desk = hook.held.api.context.desk
        await desk.write(lambda writing: writing.put(Lease(hook.id, "dead", START + 30 * SECOND)))
        await hook.held.signals(make_signal("s1", START + 1))
        await hook.send()
        assert hook.receiver.requests == []
        hook.held.clock.advance(31 * SECOND)
        await hook.send()
        assert len(hook.receiver.taken) == 1


async def test_who_lost_the_plan_is_sent_nothing(tmp_path: Path) -> None:
    async with hooked(f"sqlite:///{tmp_path}/s.db") as hook:
        hook.held.doorman.keys.clear()
        hook.held.doorman.sessions.clear()
        row = await hook.held.api.context.desk.read(lambda reading: reading.get(Webhook, id=hook.id))
        assert row is not None
        free = hook.held.doorman.plans["free"]
        from tests.support import stratumd_doorman

        assert "webhooks:write" in free.scopes  # the test's free plan may have webhooks: of what is old and redacted
        await hook.held.signals(make_signal("s1", START + 1))
        await hook.send()
        assert hook.receiver.requests == []
        hook.held.clock.advance(stratumd_doorman.FREE.delay + SECOND)
        await hook.send()
        assert "zz-alpha" not in hook.receiver.requests[0].body.decode()
