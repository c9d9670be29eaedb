"""A story of six events: bought, failed to pay, paid, cancelled. And the inbox without HTTP and without a database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from stratumd.observe.logs import logger
from stratumd.plugin import DAY, HOUR, SECOND
from stratumd.testing.clock import VirtualClock
from stratumd.testing.stripe import FakeStripe
from stratumd_stripe_billing.inbox import Event, Inbox
from stratumd_stripe_billing.options import Options
from stratumd_stripe_billing.rows import Customer, Granted, Subscription
from tests.integration.billing.world import ANN, START, options
from tests.support.memory_desk import MemoryDesk
from tests.support.stratumd_partners import Known, Partners, Right

TYPES = (
    "customer.subscription.created",
    "checkout.session.completed",
    "invoice.payment_failed",
    "customer.subscription.updated",
    "invoice.paid",
    "customer.subscription.deleted",
)


def sell(fake: FakeStripe, account: str = ANN) -> tuple[str, Callable[[], dict[str, Any]]]:
    """Set up a monthly plan in the fake without any plugin. Returns the customer, and what buys it."""
    product = fake.catalog.create_product({"name": "API"})["id"]
    metadata = {"stratumd_plan": "api_monthly", "stratumd_role": "base"}
    price = fake.catalog.create_price(
        {"currency": "usd", "product": product, "unit_amount": "9900", "recurring": {"interval": "month"}}
        | {"metadata": metadata}
    )["id"]
    customer = fake.checkout.create_customer({"email": "x", "metadata": {"stratumd_account": account}})["id"]

    def buy() -> dict[str, Any]:
        asked = {"mode": "subscription", "customer": customer, "success_url": "https://example.org"}
        session = fake.checkout.create(asked | {"line_items": [{"price": price, "quantity": "1"}]})
        return fake.buy(session["id"])

    return customer, buy


def chapters(fake: FakeStripe, customer: str, buy: Callable[[], dict[str, Any]]) -> list[Callable[[], None]]:
    """Return what happens, one after the other. Whole, it makes one event at least of each of `TYPES`."""
    bought: dict[str, Any] = {}

    def begin() -> None:
        bought.update(buy=buy())

    def fail() -> None:
        fake.decline(customer)
        fake.advance(32 * DAY)

    def pay() -> None:
        fake.decline(customer, declined=False)
        fake.pay(bought["buy"]["latest_invoice"])

    def cancel() -> None:
        fake.advance(HOUR)
        fake.subscriptions.cancel({}, bought["buy"]["id"])

    return [begin, fail, pay, cancel]


def six(fake: FakeStripe) -> list[dict[str, Any]]:
    """Return the newest event of each of `TYPES`."""
    return [fake.events(type)[-1] for type in TYPES]


class Gateway:
    """Answers from the fake without HTTP, when `turn` lets it."""

    def __init__(self, fake: FakeStripe, turn: Callable[[], Awaitable[None]] | None = None) -> None:
        self._fake = fake
        self._turn = turn

    async def all(self, ask: Callable[[Any], Awaitable[Any]]) -> list[dict[str, Any]]:
        """Return a list as it is when the question arrives, perhaps late."""
        if self._turn is not None:
            await self._turn()
        found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode((await ask(_V1(self._fake)))["data"]))
        if self._turn is not None:
            await self._turn()
        return found


class _V1:
    def __init__(self, fake: FakeStripe) -> None:
        self.subscriptions = _List(fake.subscriptions.list)
        self.invoices = _List(fake.invoices.list)


class _List:
    def __init__(self, found: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._found = found

    async def list_async(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._found(asked)


class Room:
    """An inbox over a desk in memory."""

    def __init__(self, fake: FakeStripe, customer: str, turn: Callable[[], Awaitable[None]] | None = None) -> None:
        clock = fake.clock
        self.desk = MemoryDesk(clock)
        gateway: Any = Gateway(fake, turn)
        catalogue: Any = None
        read = Options.model_validate(options(fake, offers={"pro": {"cents": 1}}) | {"base_url": "http://127.0.0.1"})
        self.inbox = Inbox(read, gateway, catalogue, self.desk, clock, logger("test"))
        lent: Any = None
        self.inbox.accounts = Partners(None, lent)
        self.desk.tables = {
            Known: {(ANN,): Known(id=ANN, email="x")},
            Customer: {(ANN,): Customer(account=ANN, customer=customer, drawn=0, applied=0)},
        }

    async def take(self, event: dict[str, Any]) -> str:
        """Take in an event."""
        return (await self.inbox.take(msgspec.convert(event, Event))).how

    def state(self) -> list[Any]:
        """Return what is known of subscriptions and entitlements."""
        rights = [(row.plan, row.until) for row in self.desk.tables.get(Right, {}).values() if isinstance(row, Right)]
        return [
            sorted(map(repr, self.desk.tables.get(Subscription, {}).values())),
            sorted(map(repr, self.desk.tables.get(Granted, {}).values())),
            rights,
        ]


def fresh() -> tuple[FakeStripe, VirtualClock]:
    """Return a Stripe that is not served, and its clock."""
    clock = VirtualClock(START // SECOND * SECOND)
    return FakeStripe(clock), clock
