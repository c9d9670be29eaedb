"""The fake Stripe as the official client sees it: answers, errors, repeats, pages, windows, webhooks."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import stripe

from stratumd.plugin import DAY, HOUR, MINUTE, SECOND
from stratumd.testing.clock import VirtualClock
from stratumd.testing.stripe import FakeStripe
from stratumd.testing.stripe_webhooks import signature
from stratumd_stripe_billing.gateway import VERSION, _Http
from tests.integration.billing.story import chapters, sell
from tests.integration.billing.world import START

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def asked(**more: Any) -> AsyncIterator[tuple[FakeStripe, Any]]:
    """Open a fake, and the official client that asks it."""
    async with FakeStripe(VirtualClock(START)) as fake:
        http = _Http()
        given = {"api_key": fake.key, "stripe_version": VERSION, "max_network_retries": 0, **more}
        try:
            yield fake, stripe.StripeClient(base_addresses={"api": fake.url}, http_client=http, **given).v1
        finally:
            await http.close_async()


@pytest.mark.parametrize(("status", "kind"), [
    (400, stripe.InvalidRequestError),
    (401, stripe.AuthenticationError),
    (402, stripe.CardError),
    (429, stripe.RateLimitError),
    (500, stripe.APIError),
])  # fmt: skip
async def test_errors_are_the_clients_own(status: int, kind: type[Exception]) -> None:
    async with asked() as (fake, v1):
        fake.fail_next(status)
        with pytest.raises(kind):
            await v1.customers.create_async({"email": "a@example.org"})
        assert fake.shelf.of("customer") == []


async def test_what_is_asked_wrongly_is_refused_as_by_the_real_one() -> None:
    async with asked() as (_, v1):
        for ask, param in (
            (v1.customers.retrieve_async("cus_none"), "id"),
            (v1.customers.create_async({"nmae": "x"}), "nmae"),
            (v1.prices.create_async({"currency": "usd"}), "product"),
            (v1.billing_portal.sessions.create_async({"customer": "cus_none"}), "customer"),
            (v1.events.list_async({"limit": 101}), "limit"),
        ):
            with pytest.raises(stripe.InvalidRequestError) as refused:
                await ask
            assert refused.value.param == param
            assert refused.value.request_id.startswith("req_")
    async with asked(api_key="sk_other") as (_, v1):
        with pytest.raises(stripe.AuthenticationError):
            await v1.customers.list_async()


async def test_a_question_with_the_same_key_is_done_once() -> None:
    """For a day; also a failure is repeated, and another question under the key is refused."""
    async with asked() as (fake, v1):
        once = {"idempotency_key": "k1"}
        first = await v1.customers.create_async({"email": "a@example.org"}, once)
        again = await v1.customers.create_async({"email": "a@example.org"}, once)
        assert (again.id, len(fake.shelf.of("customer"))) == (first.id, 1)
        with pytest.raises(stripe.IdempotencyError):
            await v1.customers.create_async({"email": "b@example.org"}, once)
        fake.fail_next(500)
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                await v1.customers.create_async({"email": "c@example.org"}, {"idempotency_key": "k2"})
        fake.advance(DAY + HOUR)
        await v1.customers.create_async({"email": "a@example.org"}, once)
        assert len(fake.shelf.of("customer")) == 2


async def test_lists_come_in_pages_both_ways() -> None:
    async with asked() as (_, v1):
        made = [(await v1.customers.create_async({"name": str(number)})).id for number in range(7)]
        listed = await v1.customers.list_async({"limit": 3})
        assert [each.id async for each in listed.auto_paging_iter()] == made[::-1]
        newer = await v1.customers.list_async({"limit": 2, "ending_before": made[2]})
        assert [each.id for each in newer.data] == [made[4], made[3]]
        assert [each.id async for each in newer.auto_paging_iter()] == made[3:]


async def test_meter_events_have_their_windows() -> None:
    async with asked() as (fake, v1):
        await v1.billing.meters.create_async(
            {"display_name": "r", "event_name": "r", "default_aggregation": {"formula": "sum"}}
        )
        customer = (await v1.customers.create_async()).id
        now = START // SECOND

        async def send(at: int, identifier: str) -> Any:
            payload = {"stripe_customer_id": customer, "value": "5"}
            return await v1.billing.meter_events.create_async(
                {"event_name": "r", "timestamp": at, "identifier": identifier, "payload": payload}
            )

        ends = [(now - 35 * 86_400, None), (now - 35 * 86_400 - 1, "timestamp_too_far_in_past")]
        ends += [(now + 300, None), (now + 301, "timestamp_in_future")]
        for number, (at, code) in enumerate(ends):
            if code is None:
                await send(at, str(number))
                continue
            with pytest.raises(stripe.InvalidRequestError) as refused:
                await send(at, str(number))
            assert refused.value.code == code
        with pytest.raises(stripe.InvalidRequestError, match="already exists with identifier 0"):
            await send(now, "0")
        fake.advance(DAY)
        await send(now, "0")  # forgotten
        assert len(fake.meters.received) == 3


async def test_a_card_that_is_declined_does_not_pay() -> None:
    async with asked() as (fake, v1):
        customer, buy = sell(fake)
        begin, fail, *_ = chapters(fake, customer, buy)
        begin()
        fail()
        [invoice] = (await v1.invoices.list_async({"customer": customer, "status": "open"})).data
        assert (invoice.attempt_count, invoice.amount_remaining) == (1, 9_900)
        with pytest.raises(stripe.CardError):
            await v1.invoices.pay_async(invoice.id)
        fake.decline(customer, declined=False)
        assert (await v1.invoices.pay_async(invoice.id)).status == "paid"
        [subscription] = (await v1.subscriptions.list_async({"customer": customer})).data
        assert subscription.status == "active"


@pytest.mark.parametrize(("gives_up", "status"), [("unpaid", "unpaid"), ("canceled", "canceled")])
async def test_after_the_last_attempt_it_is_given_up(gives_up: str, status: str) -> None:
    async with asked() as (fake, v1):
        fake.subscriptions.gives_up = gives_up
        customer, buy = sell(fake)
        id = buy()["id"]
        fake.decline(customer)
        fake.advance(32 * DAY)
        assert (await v1.subscriptions.retrieve_async(id)).status == "past_due"
        fake.advance(16 * DAY)
        assert (await v1.subscriptions.retrieve_async(id)).status == status


async def test_a_trial_ends_with_a_card_or_pauses_without() -> None:
    async with asked() as (fake, v1):
        customer, _ = sell(fake)
        price = fake.shelf.of("price")[0]["id"]
        pausing = {"end_behavior": {"missing_payment_method": "pause"}}
        asked_for = {"trial_period_days": "7", "trial_settings": pausing}
        begun = fake.subscriptions.begin(customer, [{"price": price, "quantity": "1"}], asked_for)
        assert begun["status"] == "trialing"
        fake.decline(customer)
        fake.advance(8 * DAY)
        assert begun["status"] == "paused"
        fake.decline(customer, declined=False)
        assert (await v1.subscriptions.resume_async(begun["id"])).status == "active"


async def test_events_are_listed_for_thirty_days() -> None:
    async with asked() as (fake, v1):
        customer = (await v1.customers.create_async()).id
        fake.advance(29 * DAY)
        await v1.customers.update_async(customer, {"name": "x"})
        listed = await v1.events.list_async({"types": ["customer.created", "customer.updated"]})
        assert [each.type for each in listed.data] == ["customer.updated", "customer.created"]
        fake.advance(2 * DAY)
        listed = await v1.events.list_async({"created": {"gte": 0}})
        assert [each.type for each in listed.data] == ["customer.updated"]


def test_its_signatures_are_good_for_the_official_client() -> None:
    body = json.dumps({"id": "evt_1", "object": "event"}).encode()
    header = signature(body, ["whsec_old", "whsec_new"], int(time.time()))
    for secret in ("whsec_old", "whsec_new"):
        assert stripe.WebhookSignature.verify_header(body, header, secret, 300)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body, header, "whsec_other", 300)


async def test_a_month_ends_on_its_last_day() -> None:
    """The 31st is the anchor: April ends on the 30th, and May on the 31st again."""
    async with asked() as (fake, _):
        fake.advance(21 * DAY + MINUTE)  # 31 March
        _, buy = sell(fake)
        bought = buy()
        ends = []
        for _ in range(3):
            ends.append(time.gmtime(bought["items"]["data"][0]["current_period_end"])[1:3])
            fake.advance(timedelta(days=31))
        assert ends == [(4, 30), (5, 31), (6, 30)]
