"""Stripe's webhooks over real HTTP: what is taken in, what is refused, and what happens when they were lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from stratumd.plugin import DAY, HOUR, SECOND
from stratumd.testing.stripe_webhooks import signature
from stratumd_stripe_billing.rows import Mark, Seen
from tests.integration.billing.world import ANN, SECRET, Shop, quick_shop, shop

pytestmark = pytest.mark.anyio
WRONG = (
    b'{"id": "e", "type": "x", "created": "soon"}',
    b'{"id": "e", "type": "x", "created": 99999999999999999999}',
    b'{"id": "e", "type": "x", "created": -1}',
    b'{"id": "e\\u0000", "type": "x", "created": 5, "data": {"object": []}}',
)
EVENT = {
    "id": "evt_1",
    "type": "customer.subscription.updated",
    "created": 1,
    "data": {"object": {"customer": "cus_x"}},
}


async def send(found: Shop, body: bytes, header: str | None) -> Any:
    headers = {} if header is None else {"stripe-signature": header}
    return await found.client.post("/api/v1/billing/webhook", content=body, headers=headers)


async def test_every_event_has_its_effect_once(database_url: str) -> None:
    async with shop(database_url) as found:
        found.fake.buy(await found.checkout("pro"))
        events = list(found.fake.webhooks.pending)
        for _ in range(3):
            assert set(await found.fake.webhooks.deliver(events)) == {200}
        right = await found.right("web")
        assert right is not None
        assert right.grants == 1
        seen = await found.billing.desk.read(lambda reading: reading.count(Seen))
        assert seen == len(events)


async def test_what_stripe_did_not_sign_is_refused(sqlite_url: str) -> None:
    """Also what was recorded too long ago, or was signed for the future, for ever good if it were taken."""
    async with shop(sqlite_url) as found:
        body, now = json.dumps(EVENT).encode(), found.clock.now() // SECOND
        good = signature(body, [SECRET], now)
        refused: list[tuple[bytes, str | None]] = [
            (body, None),
            (body, ""),
            (body, "nonsense"),
            (body, "t=,v1="),
            (body, good.replace("v1=", "v2=")),
            (body, f"t={now}," + good.rpartition(",")[2]),  # v0 alone
            (body + b" ", good),
            (body, signature(body, ["whsec_other"], now)),
            (body, signature(body, [SECRET], now - 301)),
            (body, signature(body, [SECRET], now + 301)),
            (body, signature(body, [SECRET], now + 10**9)),
            (body, good.replace(f"t={now}", f"t={now + 1}")),
            (body, "x," * 4_096 + good),
            (body, ",".join(["v1=" + "0" * 64] * 500)),
            (b"\xff\xfe" + body, good),
        ]
        for content, header in refused:
            answer = await send(found, content, header)
            assert answer.status_code in (400, 431), (header, answer.status_code)
        assert (await send(found, body, good)).json() == {"result": "ignored"}
        assert (await send(found, body, signature(body, ["whsec_old", SECRET], now - 299))).status_code == 200
        assert (await send(found, body, signature(body, [SECRET], now + 299))).json() == {"result": "duplicate"}


async def test_signed_nonsense_is_refused_too(sqlite_url: str) -> None:
    async with shop(sqlite_url) as found:
        now = found.clock.now() // SECOND
        for body in (
            b"",
            b"[]",
            b"{}",
            b"\xff",
            b'{"id": 1}',
            b'{"id": "", "type": "x", "created": 5}',
            b"[" * 50_000,
            *WRONG,
        ):
            answer = await send(found, body, signature(body, [SECRET], now))
            assert answer.status_code == 400, body[:20]
        long = b" " * (256 * 1024 + 1)
        assert (await send(found, long, signature(long, [SECRET], now))).status_code == 413


async def test_a_secret_is_replaced_without_losing_an_event(sqlite_url: str) -> None:
    async with shop(sqlite_url, webhook_secrets=["whsec_new", SECRET]) as found:
        body, now = json.dumps(EVENT).encode(), found.clock.now() // SECOND
        for secret in ("whsec_new", SECRET):
            assert (await send(found, body, signature(body, [secret], now))).status_code == 200
        assert (await send(found, body, signature(body, ["whsec_older"], now))).status_code == 400


async def test_an_event_that_could_not_be_looked_into_comes_again(sqlite_url: str) -> None:
    async with shop(sqlite_url) as found:
        found.fake.buy(await found.checkout("pro"))
        created = found.fake.events("customer.subscription.created")
        found.fake.fail_next(500, times=2, path="/v1/subscriptions")  # the client tries once more by itself
        assert await found.fake.webhooks.deliver(created) == [503]
        assert await found.plan("web") is None
        assert await found.fake.webhooks.deliver(created) == [200]
        assert await found.plan("web") == "pro"


async def test_webhooks_that_were_down_for_three_days_are_made_up_for(database_url: str) -> None:
    """The events are listed, each is taken in once, and webhooks that come at last are duplicates."""
    async with shop(database_url) as found:
        await found.billing.tick()
        found.fake.buy(await found.checkout("pro"))
        late = list(found.fake.webhooks.pending)
        found.fake.advance(3 * DAY)
        assert await found.plan("web") is None
        await found.billing.tick()
        assert await found.plan("web") == "pro"
        told = await found.fake.webhooks.deliver([each for each in late if each["type"].startswith("customer.sub")])
        assert set(told) == {200}
        right = await found.right("web")
        assert right is not None
        assert right.grants == 1


async def test_after_longer_than_stripe_lists_every_customer_is_asked_about() -> None:
    async with quick_shop() as found:
        bought = await found.buy("pro")
        await found.billing.tick()
        found.fake.webhooks.url = ""
        found.fake.subscriptions.cancel({}, bought["id"])
        found.fake.advance(40 * DAY)
        await found.billing.tick()
        right = await found.right("web")
        assert right is not None
        assert right.plan is None


async def test_staff_gives_stripes_word_again() -> None:
    """Where it did not change but the accounts say something else."""
    async with quick_shop() as found:
        await found.buy("pro")
        accounts = found.billing.accounts
        await found.billing.desk.write(
            lambda writing: accounts.grant(writing, ANN, "web", None, until=None, source="stripe")
        )
        await found.billing.inbox.refresh(ANN)
        assert await found.plan("web") is None
        rows = await found.held.operate("stripe-billing.resync")
        assert rows[1] == {"account": ANN, "result": "applied", "kinds": ["web"]}
        assert await found.plan("web") == "pro"


async def test_what_is_about_others_is_left_alone(sqlite_url: str) -> None:
    """Another product's customers in the same Stripe account, and events that are about nobody."""
    async with shop(sqlite_url) as found:
        stranger = found.fake.checkout.create_customer({"email": "s@example.org", "metadata": {}})
        body = json.dumps({**EVENT, "data": {"object": {"customer": stranger["id"]}}}).encode()
        now = found.clock.now() // SECOND
        assert (await send(found, body, signature(body, [SECRET], now))).json() == {"result": "ignored"}
        thin = {"id": "evt_2", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found"}
        body = json.dumps({**thin, "created": "2026-03-10T10:00:00.000Z"}).encode()
        assert (await send(found, body, signature(body, [SECRET], now))).json() == {"result": "ignored"}


async def test_ids_of_events_are_forgotten_when_they_can_come_no_more() -> None:
    async with quick_shop() as found:
        await found.buy("pro")
        await found.billing.tick()
        await found.pass_time(41 * DAY, step=timedelta(days=1))
        oldest = await found.billing.desk.read(lambda reading: reading.find(Seen, order=("at",), limit=1))
        assert oldest[0].at >= found.clock.now() - 41 * DAY
        mark = await found.billing.desk.read(lambda reading: reading.get(Mark, name="events"))
        assert mark is not None
        assert mark.value > found.clock.now() - HOUR
