"""A shop: the billing plugin, a fake Stripe at the other end of real HTTP, and one clock for both.

`shop` serves the plugin over real HTTP and a database; `quick_shop` keeps rows in memory and calls the plugin itself,
for stories of weeks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import msgspec

from stratumd.observe.logs import logger
from stratumd.plugin import HOUR, Micros, Notice, micros, parse_iso
from stratumd.testing.clock import VirtualClock
from stratumd.testing.house import CONSOLE, Serving, serving
from stratumd.testing.stripe import FakeStripe
from stratumd_stripe_billing import register_operations
from stratumd_stripe_billing.billing import Billing
from stratumd_stripe_billing.inbox import Event
from stratumd_stripe_billing.options import Options
from tests.support import stratumd_partners as partners
from tests.support.memory_desk import MemoryDesk
from tests.support.stratumd_partners import Hour, Known, Partners, Right

START: Micros = parse_iso("2026-03-10T10:30:00Z")
SECRET = "whsec_canary_n0t_to_be_shown"  # opens nothing
ANN = "ann"
EMAIL = "ann@example.org"


def options(fake: FakeStripe, **more: Any) -> dict[str, Any]:
    """Return the plugin's options."""
    overage = {"overage_cents": "5", "overage_per": 1_000}
    return {
        "secret_key": fake.key,
        "webhook_secrets": [SECRET],
        "offers": {
            "pro": {"cents": 1_900},
            "api_monthly": {"cents": 9_900, **overage},
            "api_annual": {"cents": 99_000, "every": "year", **overage},
        },
        "success_url": "https://example.org/thanks",
        "cancel_url": "https://example.org/account",
        "base_url": fake.url,
        **more,
    }


class Shop:
    """What a test does."""

    def __init__(self, fake: FakeStripe, held: Serving | Office, billing: Billing) -> None:
        self.fake = fake
        self.held = held
        self.clock = held.clock
        self.billing = billing

    # ---- accounts

    async def join(self, account: str = ANN, email: str = EMAIL) -> None:
        """Let somebody have an account."""
        await self.billing.desk.write(lambda writing: writing.put(Known(id=account, email=email)))

    async def right(self, kind: str = "api", account: str = ANN) -> Right | None:
        """Return what was granted."""
        found: Right | None = await self.billing.desk.read(lambda r: r.get(Right, account=account, kind=kind))
        return found

    async def plan(self, kind: str = "api", account: str = ANN) -> str | None:
        """Return the plan that an account has now, as accounts would say."""
        right = await self.right(kind, account)
        is_over = right is None or (right.until is not None and right.until <= self.clock.now())
        return None if is_over or right is None else right.plan

    async def use(self, requests: int, hour: Micros, account: str = ANN) -> None:
        """Let an account have used so many in an hour."""
        row = Hour(account=account, hour=hour // HOUR * HOUR, requests=requests)
        await self.billing.desk.write(lambda writing: writing.put(row))

    # ---- buying

    @property
    def client(self) -> httpx.AsyncClient:
        """What asks the plugin over HTTP."""
        assert isinstance(self.held, Serving)
        return self.held.client

    async def ask(self, method: str, path: str, account: str = ANN, **more: Any) -> Any:
        """Ask an endpoint as an account."""
        headers = {"authorization": f"Bearer {account}"} if account else {}
        return await self.client.request(method, f"/api/v1/billing/{path}", headers=headers, **more)

    async def checkout(self, plan: str, account: str = ANN) -> str:
        """Begin to buy, and return the id of Stripe's session."""
        if isinstance(self.held, Office):
            return (await self.billing.sales.checkout(account, plan)).session
        answer = await self.ask("POST", "checkout", account, json={"plan": plan})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["url"].rpartition("/")[2])

    async def buy(self, plan: str, account: str = ANN) -> dict[str, Any]:
        """Buy, and let Stripe tell of it."""
        bought = self.fake.buy(await self.checkout(plan, account))
        await self.tell()
        return bought

    async def tell(self) -> list[int]:
        """Let Stripe tell of everything that it has not told of."""
        if isinstance(self.held, Office):
            return [await self._take(event) for event in self._untold()]
        statuses = []
        while self.fake.webhooks.pending:
            told = await self.fake.webhooks.deliver()
            statuses += told
            if any(status >= 300 or not status for status in told):
                break
        return statuses

    def _untold(self) -> list[dict[str, Any]]:
        events, self.fake.webhooks.pending = self.fake.webhooks.pending, []
        return events

    async def _take(self, event: dict[str, Any]) -> int:
        await self.billing.inbox.take(msgspec.convert(event, Event))
        return 200

    # ---- time

    async def pass_time(self, by: timedelta | Micros, *, step: timedelta = timedelta(hours=1)) -> None:
        """Let time go by in steps, with everything that happens beside requests, webhooks included."""
        left, length = micros(by) if isinstance(by, timedelta) else by, micros(step)
        while left > 0:
            self.fake.advance(min(length, left))
            left -= length
            await self.billing.tick()
            await self.tell()

    def charged(self, *statuses: str) -> list[int]:
        """Return the totals of invoices, oldest first."""
        found = reversed(self.fake.shelf.of("invoice"))
        return [each["total"] for each in found if not statuses or each["status"] in statuses]


class Office:
    """What core lends to the plugin, without a daemon and without a database."""

    name = "stripe-billing"

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.log = logger("test")
        self.desk = MemoryDesk(clock)
        self.notices: list[Notice] = []
        self.provided: Any = Partners(None, self)
        self.billing: Billing

    def service(self, kind: type[Any]) -> Any:
        return self.billing if kind is Billing else self.provided

    async def notify(self, notice: Notice) -> None:
        self.notices.append(notice)

    async def operate(self, name: str, arguments: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run an operation, and return its rows."""
        [kind] = [each for each in register_operations() if each.name == name]
        operation = kind(kind.config.model_validate(dict(arguments or {})), self)
        return [dict(row) for row in await operation.run(CONSOLE)]


@asynccontextmanager
async def quick_shop(**more: Any) -> AsyncIterator[Shop]:
    """Open a shop whose rows are in memory; the fake Stripe is asked over HTTP all the same."""
    clock = VirtualClock(START)
    async with FakeStripe(clock) as fake:
        office = Office(clock)
        billing = office.billing = Billing(Options.model_validate(options(fake, **more)), office)
        billing.open()
        found = Shop(fake, office, billing)
        fake.listen("memory", SECRET)
        try:
            await office.operate("stripe-billing.setup")
            fake.webhooks.pending.clear()
            await found.join()
            yield found
        finally:
            await billing.gateway.close()


@asynccontextmanager
async def shop(database_url: str, **more: Any) -> AsyncIterator[Shop]:
    """Open a shop in which everything is set up and one account is there."""
    clock = VirtualClock(START)
    async with FakeStripe(clock) as fake:
        routes = {"partners": {}, "stripe-billing": options(fake, **more)}
        async with serving(database_url, routes, clock=clock, extra=[partners], background=False) as held:
            found = Shop(fake, held, held.routes("stripe-billing").billing)
            fake.listen(f"{held.url}/api/v1/billing/webhook", SECRET)
            await held.operate("stripe-billing.setup")
            fake.webhooks.pending.clear()
            await found.join()
            yield found
