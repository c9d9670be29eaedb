"""Buying over real HTTP, both ways: what is sold, what is allowed then, and what happens to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stratumd.plugin import DAY, HOUR, micros
from stratumd.plugin.desk import AuditRow
from stratumd.plugin.routes import Refused
from stratumd_stripe_billing.options import Options
from stratumd_stripe_billing.rows import Customer
from tests.integration.billing.world import ANN, START, options, quick_shop, shop

pytestmark = pytest.mark.anyio
GRACE = micros(timedelta(days=7))
MONTH = 31 * DAY


async def test_the_set_up_is_made_once(database_url: str) -> None:
    """A second time everything is found, and nothing is asked for that changes anything."""
    async with shop(database_url) as found:
        before = len(found.fake.requests)
        rows = await found.held.operate("stripe-billing.setup")
        assert {row["result"] for row in rows} == {"found"}
        assert {row["role"] for row in rows} == {"meter", "product", "feature", "base", "overage"}
        assert {method for method, _ in found.fake.requests[before:]} == {"GET"}


async def test_another_amount_is_another_price() -> None:
    """The key moves to the new price; the old one is sold no more, and those who have it keep it."""
    async with quick_shop() as found:
        await found.buy("pro")
        offers = {
            **found.billing.options.offers,
            "pro": found.billing.options.offers["pro"].model_copy(update={"cents": 2_900}),
        }
        object.__setattr__(found.billing.catalogue._options, "offers", offers)
        rows = await found.held.operate("stripe-billing.setup")
        assert [row["plan"] for row in rows if row["result"] == "replaced"] == ["pro"]
        assert await found.plan("web") == "pro"
        await found.held.operate("stripe-billing.resync", {"account": ANN})
        assert await found.plan("web") == "pro"


async def test_a_plan_is_bought(database_url: str) -> None:
    async with shop(database_url) as found:
        await found.buy("api_monthly")
        right = await found.right()
        assert right is not None
        assert (right.plan, right.until, right.grants) == ("api_monthly", START + MONTH + GRACE, 1)
        assert await found.plan("web") is None
        status = (await found.ask("GET", "status")).json()
        assert status["subscriptions"][0]["status"] == "active"
        assert status["entitlements"] == [{"kind": "api", "plan": "api_monthly", "until": "2026-04-17T10:30:00Z"}]


async def test_overage_of_a_year_is_billed_by_the_month() -> None:
    """Checkout takes one interval: the metered item is added when it was bought, once."""
    async with quick_shop() as found:
        bought = await found.buy("api_annual")
        intervals = [item["price"]["recurring"]["interval"] for item in bought["items"]["data"]]
        assert intervals == ["year", "month"]
        await found.use(5_000, START + HOUR)
        await found.pass_time(32 * DAY, step=timedelta(hours=6))
        # 3,000 beyond the 2,000 that are included, at 5 cents a thousand
        assert found.charged("paid") == [99_000, 15]


async def test_two_clicks_are_one_session() -> None:
    async with quick_shop() as found:
        assert await found.checkout("pro") == await found.checkout("pro")
        assert len(found.fake.shelf.of("checkout.session")) == 1


async def test_another_plan_closes_the_session_before() -> None:
    async with quick_shop() as found:
        first = await found.checkout("api_monthly")
        second = await found.checkout("api_annual")
        assert found.fake.shelf.get("checkout.session", first)["status"] == "expired"
        assert found.fake.shelf.get("checkout.session", second)["status"] == "open"
        await found.checkout("pro")  # of another kind
        assert found.fake.shelf.get("checkout.session", second)["status"] == "open"


async def test_a_session_that_is_over_is_made_anew() -> None:
    async with quick_shop() as found:
        first = await found.checkout("pro")
        found.fake.advance(2 * HOUR)
        assert await found.checkout("pro") != first


async def test_nobody_buys_twice(sqlite_url: str) -> None:
    async with shop(sqlite_url) as found:
        await found.buy("api_monthly")
        answer = await found.ask("POST", "checkout", json={"plan": "api_annual"})
        assert answer.status_code == 409
        assert "portal" in answer.json()["detail"]
        assert (await found.ask("POST", "portal")).json()["url"].startswith("https://billing.stripe.test/")


async def test_what_cannot_be_sold_is_refused(sqlite_url: str) -> None:
    async with shop(sqlite_url) as found:
        for body in ({"plan": "gold"}, {"plan": "pro", "price": 1}, {"plan": 5}, {}, [], None):
            answer = await found.ask("POST", "checkout", json=body)
            assert answer.status_code in (400, 415, 422), body
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await found.ask("POST", "portal")).status_code == 409
        for method, path in (("POST", "checkout"), ("POST", "portal"), ("GET", "status")):
            answer = await found.ask(method, path, account="", json={"plan": "pro"} if path == "checkout" else None)
            assert answer.status_code == 401
        assert found.fake.shelf.of("checkout.session") == []


async def test_a_failed_payment_costs_access_after_the_grace_and_paying_gives_it_back() -> None:
    async with quick_shop(grace="3d") as found:
        bought = await found.buy("api_monthly")
        customer = bought["customer"]
        found.fake.decline(customer)
        await found.pass_time(MONTH + 2 * HOUR, step=timedelta(hours=6))
        assert bought["status"] == "past_due"
        assert await found.plan() == "api_monthly"
        await found.pass_time(2 * DAY, step=timedelta(hours=12))
        assert await found.plan() == "api_monthly"
        await found.pass_time(1 * DAY, step=timedelta(hours=12))
        assert await found.plan() is None
        found.fake.decline(customer, declined=False)
        found.fake.pay(bought["latest_invoice"])
        await found.tell()
        assert await found.plan() == "api_monthly"


async def test_grace_is_counted_from_the_first_failure() -> None:
    """A month of overage that fails later does not begin it anew."""
    async with quick_shop(grace="40d") as found:
        found.fake.subscriptions.gives_up = "past_due"
        bought = await found.buy("api_annual")
        await found.use(90_000, START + HOUR)
        await found.use(90_000, START + 35 * DAY)
        found.fake.decline(bought["customer"])
        await found.pass_time(75 * DAY, step=timedelta(days=1))
        assert bought["status"] == "past_due"
        assert await found.plan() is None


async def test_staff_cancels_at_the_end_and_resumes(database_url: str) -> None:
    async with shop(database_url) as found:
        await found.buy("api_annual")
        await found.held.operate("stripe-billing.cancel", {"account": ANN, "plan": "api_annual"})
        right = await found.right()
        assert right is not None
        # The end of the year, without grace: nothing will be renewed.
        assert right.until == START + 365 * DAY
        await found.held.operate("stripe-billing.reactivate", {"account": ANN, "plan": "api_annual"})
        right = await found.right()
        assert right is not None
        assert right.until == START + 365 * DAY + GRACE


async def test_staff_cancels_now_and_what_was_used_is_invoiced() -> None:
    async with quick_shop() as found:
        await found.buy("api_monthly")
        await found.use(4_000, START)
        await found.pass_time(3 * HOUR)
        rows = await found.held.operate("stripe-billing.cancel", {"account": ANN, "plan": "api_monthly", "now": True})
        assert rows[0]["status"] == "canceled"
        assert await found.plan() is None
        await found.pass_time(2 * HOUR)
        assert found.charged("paid") == [9_900, 15]
        with pytest.raises(Refused, match="no running subscription"):
            await found.held.operate("stripe-billing.reactivate", {"account": ANN, "plan": "api_monthly"})


async def test_what_staff_does_is_on_record_before_stripe_is_asked(sqlite_url: str) -> None:
    async with shop(sqlite_url) as found:
        await found.buy("pro")
        found.fake.fail_next(500, times=2, path="/v1/subscriptions/")
        with pytest.raises(Refused, match="Stripe cannot be asked"):
            await found.held.operate("stripe-billing.cancel", {"account": ANN, "plan": "pro"})
        acts = await found.billing.desk.read(lambda reading: reading.find(AuditRow))
        assert "stripe_billing_orders" in acts[-1].after
        assert "cancel at the period's end" in acts[-1].after


async def test_a_subscription_whose_invoices_are_voided_allows_nothing() -> None:
    async with quick_shop() as found:
        bought = await found.buy("pro")
        found.fake.subscriptions.update({"pause_collection": {"behavior": "void"}}, bought["id"])
        await found.tell()
        assert await found.plan("web") is None
        found.fake.subscriptions.update({"pause_collection": ""}, bought["id"])
        await found.tell()
        assert await found.plan("web") == "pro"


async def test_while_stripe_is_away_buying_says_so(sqlite_url: str) -> None:
    async with shop(sqlite_url) as found:
        found.fake.down = True
        answer = await found.ask("POST", "checkout", json={"plan": "pro"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "60"
        found.fake.down = False
        await found.checkout("pro")
        assert len(found.fake.shelf.of("customer")) == 1


async def test_a_customer_that_only_stripe_knows_is_adopted() -> None:
    """As after a restore of an older backup."""
    async with quick_shop() as found:
        bought = found.fake.buy(await found.checkout("pro"))
        await found.billing.desk.write(lambda writing: writing.drop(Customer, account=ANN))
        await found.tell()
        assert await found.plan("web") == "pro"
        assert await found.billing.sales.customer(ANN) == bought["customer"]


async def test_a_lost_customer_is_found_again_by_its_address() -> None:
    async with quick_shop() as found:
        customer = await found.billing.sales.customer(ANN)
        await found.billing.desk.write(lambda writing: writing.drop(Customer, account=ANN))
        assert await found.billing.sales.customer(ANN) == customer


async def test_the_operations_show_what_there_is() -> None:
    async with quick_shop() as found:
        await found.join("bob", "bob@example.org")
        await found.buy("pro")
        await found.buy("api_monthly", "bob")
        rows = await found.held.operate("stripe-billing.status")
        assert [(row["account"], row["plan"], row["granted"]) for row in rows] == [
            ("ann", "pro", "pro"),
            ("bob", "api_monthly", "api_monthly"),
        ]
        events = await found.held.operate("stripe-billing.events", {"limit": 200})
        assert {row["account"] for row in events} == {"", "ann", "bob"}
        with pytest.raises(Refused, match="no customer"):
            await found.held.operate("stripe-billing.status", {"account": "eve"})
        with pytest.raises(Refused, match="no customer"):
            await found.held.operate("stripe-billing.resync", {"account": "eve"})


async def test_taxes_are_left_to_stripe_where_the_file_says_so() -> None:
    async with quick_shop(tax=True) as found:
        bought = await found.buy("pro")
        assert bought["automatic_tax"]["enabled"]


async def test_an_offer_that_its_plan_contradicts_is_refused() -> None:
    async with quick_shop() as found:
        for offers, reason in (
            ({"pro": {"cents": 1, "overage_cents": "1"}}, "bills overage"),
            ({"gold": {"cents": 1}}, "is no plan"),
        ):
            found.billing.catalogue._options = Options.model_validate(options(found.fake, offers=offers))
            with pytest.raises(Refused, match=reason):
                await found.held.operate("stripe-billing.setup")
