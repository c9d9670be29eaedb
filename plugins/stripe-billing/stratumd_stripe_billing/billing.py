"""Everything of this plugin in one place: what its endpoints and operations work with."""

from __future__ import annotations

from collections.abc import Iterable

import anyio

from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros, Notice, iso
from stratumd.plugin.partners import Accounts, Usage
from stratumd.plugin.routes import RoutesContext
from stratumd_stripe_billing.catalogue import Catalogue
from stratumd_stripe_billing.gateway import Declined, Gateway, Unreachable
from stratumd_stripe_billing.inbox import Inbox
from stratumd_stripe_billing.metering import OLDEST
from stratumd_stripe_billing.options import Options
from stratumd_stripe_billing.queue import Queue
from stratumd_stripe_billing.reconciling import Reconciler
from stratumd_stripe_billing.rows import Metered
from stratumd_stripe_billing.sales import Sales
from stratumd_stripe_billing.sending import Sender

TICK = 5.0
"""Seconds between two looks at what is due."""


class Billing:
    """Sells, takes in what Stripe says, and tells it what was used."""

    def __init__(self, options: Options, context: RoutesContext) -> None:
        self.options = options
        self._context = context
        clock, desk, log = context.clock, context.desk, context.log
        self.clock = clock
        self.desk = desk
        self.gateway = Gateway(options.secret_key, options.base_url)
        self.catalogue = Catalogue(options, self.gateway, desk, clock)
        self.inbox = Inbox(options, self.gateway, self.catalogue, desk, clock, log)
        self.sales = Sales(options, self.gateway, self.catalogue, self.inbox, desk, clock)
        self.queue = Queue(desk, clock)
        self.sender = Sender(self.queue, self.gateway, options.meter, clock, log)
        self.reconciler = Reconciler(self.gateway, self.catalogue, desk, clock)
        self._log = log
        self._due: dict[str, Micros] = {}

    def open(self) -> None:
        """Get ready: from here on there are accounts and usage."""
        accounts, usage = self._context.service(Accounts), self._context.service(Usage)  # type: ignore[type-abstract]  # asked for by its protocol
        self.inbox.accounts = self.sales.accounts = self.accounts = accounts
        self.queue.usage = self.reconciler.usage = usage
        self.gateway.open()

    async def run(self) -> None:
        """Keep up with Stripe, until cancelled."""
        while True:
            await self.tick()
            await anyio.sleep(TICK)

    async def tick(self) -> None:
        """Do what is due now. Stripe being away is no failure: what waits is tried again, later and later."""
        try:
            if self._is_due("collect", MINUTE):
                await self.queue.collect()
            if self._is_due("collect all", 6 * HOUR):
                await self.queue.collect(back=OLDEST)
                await self._report(await self.queue.expired())
                await self.inbox.forget()
            await self.send()
            if self.clock.now() >= self.sender.breaker.closed_at and self._is_due("catch up", 10 * MINUTE):
                await self.inbox.catch_up()
        except Unreachable as error:
            self.sender.breaker.failed(self.clock.now())
            self._log.warning("Stripe cannot be reached", error=str(error), failures=self.sender.breaker.failures)
        except Declined as error:
            self._log.error("Stripe declined", error=str(error), code=error.code)

    async def send(self) -> int:
        """Send the usage that waits, where there is a meter. Returns how many events Stripe has more."""
        meter = await self.desk.read(self.catalogue.meter)
        if meter is None:
            return 0
        self.sender.meter = meter
        return await self.sender.drain()

    def _is_due(self, what: str, every: Micros) -> bool:
        now = self.clock.now()
        if now < self._due.get(what, 0):
            return False
        self._due[what] = now + every
        return True

    async def _report(self, late: Iterable[Metered]) -> None:
        """Say loudly what can be billed no more."""
        for row in late:
            self._log.error("usage is too old for Stripe", account=row.account, hour=row.hour, requests=row.value)
            await self._context.notify(
                Notice(
                    id=f"usage_expired:{row.account}:{row.hour}:{row.revision}",
                    kind="usage_expired",
                    title=f"Usage of account {row.account} can be billed no more",
                    text=f"{row.value} requests of the hour from {iso(row.hour)} waited for Stripe for "
                    f"{(self.clock.now() - row.hour) // DAY} days, longer than it takes usage. Last problem: "
                    f"{row.problem or 'none'}. Bill them by hand, or let them go.",
                    at=self.clock.now(),
                )
            )


def seconds(at: Micros | None) -> str | None:
    """Return a time as answers show it."""
    return None if at is None else iso(at // SECOND * SECOND)
