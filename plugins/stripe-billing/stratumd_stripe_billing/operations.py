"""What staff may do with billing, on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from stratumd.plugin import PluginConfig, iso, micros
from stratumd.plugin.desk import Act, Reading
from stratumd.plugin.operations import Operation
from stratumd_stripe_billing.billing import Billing, seconds
from stratumd_stripe_billing.inbox import subscriptions
from stratumd_stripe_billing.metering import WAITING
from stratumd_stripe_billing.reconciling import no_customer
from stratumd_stripe_billing.routes import asking
from stratumd_stripe_billing.rows import Customer, Granted, Metered, Seen, Subscription

Rows = Iterable[Mapping[str, Any]]


class _Of(Operation):
    """An operation of this plugin."""

    @property
    def billing(self) -> Billing:
        """What it works with."""
        return self.context.service(Billing)


class ForAccount(PluginConfig):
    """For one account."""

    account: str = Field(min_length=1, max_length=200)
    """The account's id."""


class SetUp(_Of):
    """Find or make the products, prices, features and the meter in Stripe."""

    name: ClassVar[str] = "stripe-billing.setup"
    command: ClassVar[tuple[str, str]] = ("billing", "setup")
    permission: ClassVar[str] = "billing:write"
    sensitive: ClassVar[bool] = True

    @property
    def target(self) -> str:
        """What it is done to."""
        return "catalogue"

    async def run(self, act: Act) -> Rows:
        """Say of each whether it was found, made, or replaced by one with another amount."""
        with asking():
            found = await self.billing.catalogue.set_up(self.billing.accounts.plans, act)
        return [
            {"role": each.row.role, "plan": each.row.plan, "name": each.row.name, "id": each.row.id, "result": each.how}
            for each in found
        ]


class Status(_Of):
    """Show what accounts have bought, and what follows from it."""

    class Config(PluginConfig):
        """Whose."""

        account: str | None = None
        """The account's id; all customers without."""

    name: ClassVar[str] = "stripe-billing.status"
    config: ClassVar[type[PluginConfig]] = Config
    command: ClassVar[tuple[str, str]] = ("billing", "status")
    permission: ClassVar[str] = "billing:read"
    writes: ClassVar[bool] = False

    async def run(self, act: Act) -> Rows:
        """Show a row for each subscription, and for each customer without any."""
        return await self.billing.desk.read(self._rows)

    def _rows(self, reading: Reading) -> Rows:
        wanted = {} if self.options.account is None else {"account": self.options.account}
        customers = reading.find(Customer, **wanted)
        if self.options.account is not None and not customers:
            raise no_customer(self.options.account)
        return [row for customer in customers for row in self._of(reading, customer)]

    def _of(self, reading: Reading, customer: Customer) -> list[dict[str, Any]]:
        granted = {row.kind: row for row in reading.find(Granted, account=customer.account)}
        found = [_shown(each, granted.get(each.kind)) for each in subscriptions(reading, customer.account)]
        shown = found or [dict.fromkeys(_FIELDS)]
        return [{"account": customer.account, "customer": customer.customer, **each} for each in shown]


_FIELDS = ("subscription", "plan", "status", "period_end", "cancel_at", "overdue_since", "granted", "until")


def _shown(row: Subscription, granted: Granted | None) -> dict[str, Any]:
    values = (row.id, row.plan, row.status, seconds(row.period_end), seconds(row.cancel_at))
    given = (granted.plan, seconds(granted.until)) if granted is not None else (None, None)
    return dict(zip(_FIELDS, (*values, seconds(row.overdue_since), *given), strict=True))


class Resync(_Of):
    """Ask Stripe how subscriptions are, and give the word to the accounts again."""

    class Config(PluginConfig):
        """Whose."""

        account: str | None = None
        """The account's id; all without, and the events that no webhook told of are taken in first."""

    name: ClassVar[str] = "stripe-billing.resync"
    config: ClassVar[type[PluginConfig]] = Config
    command: ClassVar[tuple[str, str]] = ("billing", "resync")
    permission: ClassVar[str] = "billing:write"

    @property
    def target(self) -> str:
        """What it is done to."""
        return self.options.account or "all"

    async def run(self, act: Act) -> Rows:
        """Show for each account which entitlements were given."""
        with asking():
            if self.options.account is not None:
                return [await self._account(self.options.account, act)]
            events = await self.billing.inbox.catch_up()
            customers = await self.billing.desk.read(lambda reading: reading.find(Customer))
            rows = [await self._account(each.account, act) for each in customers]
            return [{"account": "", "result": f"{events} events that no webhook told of", "kinds": []}, *rows]

    async def _account(self, account: str, act: Act) -> dict[str, Any]:
        taken = await self.billing.inbox.refresh(account, act=act)
        if taken.how == "ignored":
            raise no_customer(account)
        return {"account": account, "result": taken.how, "kinds": list(taken.changed)}


class OfPlan(ForAccount):
    """For one subscription of an account."""

    plan: str = Field(min_length=1, max_length=100)
    """The plan that is subscribed to."""


class Cancel(_Of):
    """End a subscription."""

    class Config(OfPlan):
        """Which, and when."""

        now: bool = False
        """End it now, with an invoice of what was used; otherwise when what is paid ahead ends."""

    name: ClassVar[str] = "stripe-billing.cancel"
    config: ClassVar[type[PluginConfig]] = Config
    command: ClassVar[tuple[str, str]] = ("billing", "cancel")
    permission: ClassVar[str] = "billing:write"
    sensitive: ClassVar[bool] = True

    @property
    def target(self) -> str:
        """What it is done to."""
        return str(self.options.account)

    async def run(self, act: Act) -> Rows:
        """Show the subscription as it is then."""
        with asking():
            found = await self.billing.sales.cancel(self.options.account, self.options.plan, act, now=self.options.now)
        return [{"account": found.account, **_shown(found, None)}]


class Reactivate(_Of):
    """Let a subscription go on that was to end, or was paused."""

    name: ClassVar[str] = "stripe-billing.reactivate"
    config: ClassVar[type[PluginConfig]] = OfPlan
    command: ClassVar[tuple[str, str]] = ("billing", "reactivate")
    permission: ClassVar[str] = "billing:write"
    sensitive: ClassVar[bool] = True

    @property
    def target(self) -> str:
        """What it is done to."""
        return str(self.options.account)

    async def run(self, act: Act) -> Rows:
        """Show the subscription as it is then."""
        with asking():
            found = await self.billing.sales.reactivate(self.options.account, self.options.plan, act)
        return [{"account": found.account, **_shown(found, None)}]


class Reconcile(_Of):
    """Work the usage on invoices out again from what was served, and show what differs."""

    class Config(PluginConfig):
        """Whose, and since when."""

        account: str | None = None
        """The account's id; all customers without."""
        since: timedelta = timedelta(days=35)
        """How far back invoices are looked at."""
        differing: bool = False
        """Show only what differs."""

    name: ClassVar[str] = "stripe-billing.reconcile"
    config: ClassVar[type[PluginConfig]] = Config
    command: ClassVar[tuple[str, str]] = ("billing", "reconcile")
    permission: ClassVar[str] = "billing:read"
    writes: ClassVar[bool] = False

    async def run(self, act: Act) -> Rows:
        """Show each metered period on an invoice: billed, served, sent to Stripe, and the difference."""
        since = self.billing.clock.now() - micros(self.options.since)
        found = []
        with asking():
            for account in await self._accounts():
                found += await self.billing.reconciler.account(account, since)
        return [
            {
                **{"account": each.account, "invoice": each.invoice, "status": each.status},
                **{"start": iso(each.start), "end": iso(each.end)},
                **{"billed": each.billed, "served": each.served, "sent": each.sent, "difference": each.difference},
            }
            for each in found
            if each.difference or not self.options.differing
        ]

    async def _accounts(self) -> list[str]:
        if self.options.account is not None:
            return [self.options.account]
        return [row.account for row in await self.billing.desk.read(lambda reading: reading.find(Customer))]


class Listed(PluginConfig):
    """How many."""

    limit: int = Field(default=50, ge=1, le=1_000)
    """The most rows."""


class Events(_Of):
    """Show the events of Stripe's that were taken in, the newest first."""

    name: ClassVar[str] = "stripe-billing.events"
    config: ClassVar[type[PluginConfig]] = Listed
    command: ClassVar[tuple[str, str]] = ("billing", "events")
    permission: ClassVar[str] = "billing:read"
    writes: ClassVar[bool] = False

    async def run(self, act: Act) -> Rows:
        """Show each with the account it was about; empty where it was about none of ours."""
        rows = await self.billing.desk.read(
            lambda reading: reading.find(Seen, order=("at", "id"), newest=True, limit=self.options.limit)
        )
        return [
            {"id": row.id, "type": row.type, "account": row.account, "created": iso(row.created_at), "at": iso(row.at)}
            for row in rows
        ]


class ShowQueue(_Of):
    """Show what of the usage waits to be told to Stripe, or could not be."""

    class Config(Listed):
        """Which."""

        state: Literal["waiting", "sent", "expired", "unclear"] = WAITING  # type: ignore[assignment]  # it is one of these
        """`waiting`; `sent`; `expired`: too old for Stripe; `unclear`: Stripe's sum fits neither way."""

    name: ClassVar[str] = "stripe-billing.queue"
    config: ClassVar[type[PluginConfig]] = Config
    command: ClassVar[tuple[str, str]] = ("billing", "queue")
    permission: ClassVar[str] = "billing:read"
    writes: ClassVar[bool] = False

    async def run(self, act: Act) -> Rows:
        """Show the oldest hours first."""
        rows = await self.billing.desk.read(
            lambda reading: reading.find(
                Metered, state=self.options.state, order=("hour", "account", "revision"), limit=self.options.limit
            )
        )
        return [
            {
                **{"account": row.account, "hour": iso(row.hour), "revision": row.revision, "requests": row.value},
                **{"attempts": row.attempts, "retry_at": iso(row.retry_at), "problem": row.problem},
            }
            for row in rows
        ]
