"""Usage on its way to Stripe: each request that was served is billed, and none twice."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros
from tests.integration.billing.world import ANN, START, Shop, quick_shop, shop

pytestmark = pytest.mark.anyio
NOON: Micros = START // HOUR * HOUR


def billed(found: Shop) -> int:
    """Return what Stripe has."""
    return sum(int(each["payload"]["value"]) for each in found.fake.meters.received)


async def waiting(found: Shop) -> list[dict[str, Any]]:
    return await found.held.operate("stripe-billing.queue")


async def test_an_hour_is_told_of_when_it_is_over(database_url: str) -> None:
    async with shop(database_url) as found:
        await found.buy("api_monthly")
        await found.use(700, NOON)
        await found.billing.tick()
        assert billed(found) == 0
        await found.pass_time(40 * MINUTE, step=timedelta(minutes=10))
        [told] = found.fake.meters.received
        assert told["payload"]["value"] == "700"
        assert told["timestamp"] == (NOON + HOUR) // SECOND - 1
        assert await waiting(found) == []


async def test_what_is_counted_late_is_told_of_as_the_difference() -> None:
    async with quick_shop() as found:
        await found.buy("api_monthly")
        await found.use(700, NOON)
        await found.pass_time(2 * HOUR)
        await found.use(750, NOON)
        await found.pass_time(2 * HOUR)
        await found.use(751, NOON)
        await found.pass_time(7 * HOUR)
        assert [each["payload"]["value"] for each in found.fake.meters.received] == ["700", "50", "1"]
        assert len({each["identifier"] for each in found.fake.meters.received}) == 3


async def test_only_what_is_metered_is_told_of() -> None:
    """Neither accounts without a subscription, nor a plan of the web, nor hours before it began or after its end."""
    async with quick_shop() as found:
        await found.join("bob", "bob@example.org")
        await found.join("eve", "eve@example.org")
        await found.use(5, NOON - HOUR)
        bought = await found.buy("api_monthly")
        await found.buy("pro", "bob")
        for account in (ANN, "bob", "eve"):
            await found.use(10, NOON, account)
        await found.pass_time(2 * HOUR)
        assert billed(found) == 10
        found.fake.subscriptions.cancel({}, bought["id"])
        await found.tell()
        await found.use(99, NOON + 3 * HOUR)
        await found.pass_time(5 * HOUR)
        assert billed(found) == 10


async def test_a_day_without_stripe_loses_nothing_and_doubles_nothing() -> None:
    async with quick_shop() as found:
        await found.buy("api_monthly")
        served = 0
        found.fake.down = True
        for number in range(25):
            await found.use(100 + number, NOON + number * HOUR)
            served += 100 + number
            await found.pass_time(HOUR)
        assert billed(found) == 0
        assert len(await waiting(found)) == 25
        found.fake.down = False
        await found.pass_time(20 * MINUTE, step=timedelta(minutes=1))
        assert billed(found) == served
        assert await waiting(found) == []


async def test_what_arrived_unanswered_is_not_sent_again_when_its_identifier_is_forgotten() -> None:
    """The connection breaks after Stripe took it, and Stripe is away for longer than it knows identifiers."""
    async with quick_shop() as found:
        await found.buy("api_monthly")
        await found.use(700, NOON)
        found.fake.fail_next(500, manner="reset", does=True, path="/v1/billing/meter_events")
        await found.pass_time(HOUR)
        assert billed(found) == 700
        found.fake.down = True
        await found.use(750, NOON)
        await found.pass_time(30 * HOUR, step=timedelta(hours=6))
        found.fake.down = False
        await found.pass_time(HOUR, step=timedelta(minutes=10))
        assert billed(found) == 750
        assert await waiting(found) == []
        # The other way: what surely never arrived is sent after as long.
        found.fake.down = True
        await found.use(10, NOON + 32 * HOUR)
        await found.pass_time(30 * HOUR, step=timedelta(hours=6))
        found.fake.down = False
        await found.pass_time(HOUR, step=timedelta(minutes=10))
        assert billed(found) == 760


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_breaks_on_the_way(seed: int) -> None:
    """Errors before and after Stripe took it, answers that are lost, pauses, a daemon that dies in it."""
    chance = random.Random(seed)
    async with quick_shop() as found:
        await found.buy("api_monthly")
        served: Counter[int] = Counter()
        for number in range(30):
            for hour in {NOON + number * HOUR, NOON + chance.randrange(number + 1) * HOUR}:
                served[hour] += chance.randrange(1, 500)
                await found.use(served[hour], hour)
            for _ in range(chance.randrange(4)):
                manner = chance.choice(["whole", "reset", "reset_midway", "truncated", "garbage"])
                status, does = chance.choice([429, 500, 503, 409]), chance.random() < 0.5
                found.fake.fail_next(status, manner=manner, does=does, path="/v1/billing/meter_events")
            if chance.random() < 0.3:
                await found.billing.queue.collect()
                await found.billing.queue.claim()  # and dies
            await found.pass_time(HOUR, step=timedelta(minutes=30))
        found.fake._faults.clear()
        await found.pass_time(10 * HOUR, step=timedelta(minutes=30))
        assert await waiting(found) == []
        by_hour: Counter[int] = Counter()
        for each in found.fake.meters.received:
            by_hour[(each["timestamp"] + 1) * SECOND - HOUR] += int(each["payload"]["value"])
        assert by_hour == served


async def test_revisions_of_an_hour_are_sent_one_after_the_other() -> None:
    """So that Stripe's sum of the hour tells which of them arrived."""
    async with quick_shop() as found:
        await found.buy("api_monthly")
        queue = found.billing.queue
        for requests in (700, 750):
            await found.use(requests, NOON)
            found.fake.advance(HOUR)
            await queue.collect()
        [first] = await queue.claim()
        assert first.revision == 1
        assert await queue.claim() == []
        await queue.settle([replace(first, state="sent")])
        assert [row.revision for row in await queue.claim()] == [2]


async def test_several_daemons_send_each_event_once(database_url: str) -> None:
    async with shop(database_url) as found:
        await found.buy("api_monthly")
        for number in range(30):
            await found.use(10 + number, NOON + number * HOUR)
        found.fake.advance(31 * HOUR)
        before = len(found.fake.requests)
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(found.billing.queue.collect)
        await found.billing.queue.collect(back=2 * DAY)
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(found.billing.send)
        sent = [path for _, path in found.fake.requests[before:] if path == "/v1/billing/meter_events"]
        assert len(sent) == 30
        assert billed(found) == sum(10 + number for number in range(30))


async def test_what_stripe_declines_is_reported_and_tried_until_it_is_put_right() -> None:
    async with quick_shop() as found:
        bought = await found.buy("api_monthly")
        kept = found.fake.shelf.get("customer", bought["customer"])
        found.fake.shelf.drop("customer", bought["customer"])
        await found.use(5, NOON)
        await found.pass_time(90 * MINUTE, step=timedelta(minutes=30))
        [row] = await waiting(found)
        assert "No such customer" in row["problem"]
        found.fake.shelf._objects["customer"][kept["id"]] = kept
        await found.pass_time(2 * HOUR)
        assert billed(found) == 5


async def test_what_is_too_old_for_stripe_is_reported_loudly() -> None:
    async with quick_shop() as found:
        await found.buy("api_monthly")
        await found.use(5, NOON)
        found.fake.down = True
        found.clock.advance(2 * HOUR)
        await found.billing.tick()
        found.clock.advance(36 * DAY)
        await found.billing.tick()
        [notice] = found.held.notices
        assert (notice.kind, notice.to) == ("usage_expired", None)
        assert "5 requests" in notice.text
        assert await found.held.operate("stripe-billing.queue", {"state": "waiting"}) == []
        assert len(await found.held.operate("stripe-billing.queue", {"state": "expired"})) == 1


async def test_a_wrong_key_is_said_and_never_shown(capfd: pytest.CaptureFixture[str]) -> None:
    async with quick_shop() as found:
        await found.buy("api_monthly")
        await found.use(5, NOON)
        found.fake.key = "sk_live_another"
        await found.pass_time(2 * HOUR)
        [row] = await waiting(found)
        assert row["problem"] == "Stripe refuses the key"
        shown = "".join(capfd.readouterr())
        assert "usage cannot be sent" in shown
        assert "canary" not in shown


async def test_an_invoice_is_worked_out_again() -> None:
    """Billed, served and sent agree; where a row is missing the difference is shown."""
    async with quick_shop() as found:
        await found.buy("api_monthly")
        served = 0
        for number in range(0, 24 * 30, 36):
            await found.use(100 + number, NOON + number * HOUR)
            served += 100 + number
        await found.use(17, NOON + 31 * DAY)  # the hour in which the period ends: of the next one
        await found.pass_time(32 * DAY, step=timedelta(hours=8))
        [row] = await found.held.operate("stripe-billing.reconcile", {"since": "60d"})
        assert (row["billed"], row["served"], row["sent"], row["difference"]) == (served, served, served, 0)
        assert found.charged("paid") == [9_900, 9_900 + round((served - 1_000) * 5 / 1_000)]
        await found.use(1, NOON)
        [row] = await found.held.operate(
            "stripe-billing.reconcile", {"account": ANN, "differing": True, "since": "60d"}
        )
        assert row["difference"] == 99


async def test_usage_of_the_last_hour_makes_it_onto_the_draft() -> None:
    """An invoice is a draft for an hour: what was used up to the period's end is told of by then."""
    async with quick_shop() as found:
        await found.buy("api_monthly")
        last = NOON + 31 * DAY - HOUR
        await found.pass_time(last - found.clock.now() + 30 * MINUTE, step=timedelta(days=1))
        await found.use(3_000, last)
        await found.pass_time(3 * HOUR, step=timedelta(minutes=10))
        assert found.charged("paid") == [9_900, 9_910]


async def test_nothing_secret_is_stored(sqlite_url: str, tmp_path: Any) -> None:
    async with shop(sqlite_url) as found:
        await found.buy("api_monthly")
        await found.use(5, NOON)
        found.fake.fail_next(401, times=2)
        await found.pass_time(3 * HOUR)
    for file in tmp_path.iterdir():
        assert b"canary" not in file.read_bytes()
