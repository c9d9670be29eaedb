"""Selling: customers, checkout sessions, the portal, and ending and resuming what was bought."""

from __future__ import annotations

import secrets
from typing import Any

from msgspec.structs import replace

from stratumd.plugin import HOUR, MINUTE, SECOND, Clock, Micros
from stratumd.plugin.desk import Act, Desk, Reading, Writing
from stratumd.plugin.partners import Accounts, Plan
from stratumd.plugin.routes import Refused
from stratumd_stripe_billing.catalogue import Catalogue, Prices
from stratumd_stripe_billing.entitlement import LIVE, SERVED
from stratumd_stripe_billing.gateway import Declined, Gateway
from stratumd_stripe_billing.inbox import ACCOUNT, Inbox, subscriptions
from stratumd_stripe_billing.options import Options
from stratumd_stripe_billing.rows import Customer, Order, Session, Subscription

OPEN_FOR: Micros = 1 * HOUR
"""How long a checkout session can be paid: an offer that is not taken does not wait for a day."""
MAKING: Micros = 2 * MINUTE
"""How long the making of a session may take before another attempt is counted."""


class Sales:
    """Sells plans to accounts."""

    def __init__(
        self, options: Options, gateway: Gateway, catalogue: Catalogue, inbox: Inbox, desk: Desk, clock: Clock
    ) -> None:
        self._options = options
        self._gateway = gateway
        self._catalogue = catalogue
        self._inbox = inbox
        self._desk = desk
        self._clock = clock
        self.accounts: Accounts
        """Set when everything is opened."""

    # ---- buying

    async def checkout(self, account: str, plan: str) -> Session:
        """Return an open checkout session for a plan: the one that is open already, or a new one."""
        wanted = self._offered(plan)
        prices = await self._desk.read(lambda reading: self._may_buy(reading, account, wanted))
        customer = await self.customer(account)
        session = await self._desk.write(lambda writing: self._begin(writing, account, wanted))
        if session.session and session.plan == plan:
            return session
        if session.session:
            await self._expire(session)
            session = await self._desk.write(lambda writing: self._begin(writing, account, wanted, anew=True))
        made = await self._make(session, customer, prices)
        return await self._desk.write(lambda writing: _keep(writing, session, made))

    def _offered(self, plan: str) -> Plan:
        if plan not in self._options.offers or plan not in self.accounts.plans:
            raise Refused(422, f"{plan!r} is not for sale: choose one of {', '.join(sorted(self._options.offers))}")
        return self.accounts.plans[plan]

    def _may_buy(self, reading: Reading, account: str, plan: Plan) -> Prices:
        for each in subscriptions(reading, account):
            if each.kind == plan.kind and each.status in LIVE and each.status != "incomplete":
                raise Refused(409, f"there is a subscription to {each.plan!r} already: change it in the billing portal")
        prices = self._catalogue.prices(reading, plan.name)
        if prices is None:
            raise Refused(503, "nothing is for sale yet: the operator has to run 'stratumd billing setup'")
        return prices

    def _begin(self, writing: Writing, account: str, plan: Plan, *, anew: bool = False) -> Session:
        """Return the session that is open or being made, else count another attempt."""
        known = writing.get(Session, account=account, kind=plan.kind)
        if known is not None and not anew:
            is_open = known.session and known.expires_at > writing.at + MINUTE
            is_made = not known.session and known.begun_at > writing.at - MAKING and known.plan == plan.name
            if is_open or is_made:
                return known
        session = Session(
            account=account,
            kind=plan.kind,
            plan=plan.name,
            attempt=known.attempt + 1 if known is not None else 1,
            session="",
            url="",
            begun_at=writing.at,
            expires_at=writing.at + OPEN_FOR,
        )
        writing.put(session)
        return session

    async def _expire(self, session: Session) -> None:
        """Close a session for another plan, so that not both are bought."""
        try:
            await self._gateway.ask(lambda v1: v1.checkout.sessions.expire_async(session.session))
        except Declined:
            # It was paid or expired meanwhile. If it was paid, its events tell.
            await self._inbox.refresh(session.account)
            await self._desk.read(lambda reading: self._may_buy(reading, session.account, self._offered(session.plan)))

    async def _make(self, session: Session, customer: str, prices: Prices) -> dict[str, Any]:
        lines: list[dict[str, Any]] = [{"price": prices.base, "quantity": 1}]
        # Checkout takes one interval. Overage of a yearly plan is added once it is bought (`Inbox`).
        if prices.overage is not None and self._options.offers[session.plan].every == "month":
            lines.append({"price": prices.overage})
        asked: dict[str, Any] = {
            "mode": "subscription",
            "customer": customer,
            "line_items": lines,
            "client_reference_id": session.account,
            "subscription_data": {"billing_mode": {"type": "flexible"}, "metadata": {ACCOUNT: session.account}},
            "success_url": self._options.success_url,
            "cancel_url": self._options.cancel_url,
            "expires_at": session.expires_at // SECOND,
        }
        if self._options.tax:
            asked |= {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto", "name": "auto"}}
            asked["tax_id_collection"] = {"enabled": True}
        once = f"checkout:{session.account}:{session.kind}:{session.attempt}:{session.begun_at}"
        return await self._gateway.ask(lambda v1: v1.checkout.sessions.create_async(asked, {"idempotency_key": once}))  # type: ignore[arg-type]  # stripe's own types are closed dictionaries

    async def customer(self, account: str) -> str:
        """Return the account's customer in Stripe, and make it where there is none."""
        known = await self._desk.read(lambda reading: reading.get(Customer, account=account))
        if known is not None:
            return known.customer
        email = await self._desk.read(lambda reading: self.accounts.email_of(reading, account))
        if email is None:
            raise Refused(404, "there is no such account")
        found = await self._existing(account, email) or await self._made(account, email)

        def keep(writing: Writing) -> str:
            writing.insert(Customer(account=account, customer=found, drawn=0, applied=0))
            row = writing.get(Customer, account=account)
            return row.customer if row is not None else found

        return await self._desk.write(keep)

    async def _existing(self, account: str, email: str) -> str | None:
        listed = await self._gateway.all(lambda v1: v1.customers.list_async({"email": email, "limit": 100}))
        return next((each["id"] for each in listed if (each["metadata"] or {}).get(ACCOUNT) == account), None)

    async def _made(self, account: str, email: str) -> str:
        hour = self._clock.now() // HOUR
        made = await self._gateway.ask(
            lambda v1: v1.customers.create_async(
                {"email": email, "metadata": {ACCOUNT: account}},
                {"idempotency_key": f"customer:{account}:{hour}"},
            )
        )
        id: str = made["id"]
        return id

    async def portal(self, account: str) -> str:
        """Return the URL of the billing portal for an account."""
        customer = await self._desk.read(lambda reading: reading.get(Customer, account=account))
        if customer is None:
            raise Refused(409, "nothing was bought yet: begin with a checkout")
        made = await self._gateway.ask(
            lambda v1: v1.billing_portal.sessions.create_async(
                {"customer": customer.customer, "return_url": self._options.cancel_url}
            )
        )
        url: str = made["url"]
        return url

    # ---- ending and resuming

    async def cancel(self, account: str, plan: str, act: Act, *, now: bool) -> Subscription:
        """End a subscription: when what is paid ahead ends, or now, and then what was used is invoiced."""
        found = await self._subscription(account, plan)
        await self._order(found, "cancel now" if now else "cancel at the period's end", act)
        if now:
            await self._gateway.ask(lambda v1: v1.subscriptions.cancel_async(found.id, {"invoice_now": True}))
        else:
            # The end of the longest period: the month of overage ends before the year that is paid for.
            await self._gateway.ask(lambda v1: v1.subscriptions.update_async(found.id, {"cancel_at": "max_period_end"}))
        return await self._shown(found, act)

    async def reactivate(self, account: str, plan: str, act: Act) -> Subscription:
        """Let a subscription go on that was to end, or was paused. What has ended is bought again by checkout."""
        found = await self._subscription(account, plan)
        if found.status not in SERVED and found.status != "paused":
            raise Refused(409, f"the subscription is {found.status}: its open invoice has to be paid in the portal")
        await self._order(found, "reactivate", act)
        if found.status == "paused":
            await self._gateway.ask(lambda v1: v1.subscriptions.resume_async(found.id))
        else:
            await self._gateway.ask(lambda v1: v1.subscriptions.update_async(found.id, {"cancel_at": ""}))
        return await self._shown(found, act)

    async def _subscription(self, account: str, plan: str) -> Subscription:
        """Return the live subscription to a plan, as Stripe shows it now."""
        await self._inbox.refresh(account)
        rows = await self._desk.read(lambda reading: subscriptions(reading, account))
        live = [each for each in rows if each.plan == plan and each.status in LIVE]
        if not live:
            raise Refused(404, f"the account {account!r} has no running subscription to {plan!r}")
        return live[0]

    async def _order(self, found: Subscription, what: str, act: Act) -> None:
        def work(writing: Writing) -> None:
            id = secrets.token_hex(12)
            writing.put(Order(id=id, account=found.account, subscription=found.id, what=what, at=writing.at))

        await self._desk.write(work, act)

    async def _shown(self, found: Subscription, act: Act) -> Subscription:
        await self._inbox.refresh(found.account, act=act)
        row = await self._desk.read(lambda reading: reading.get(Subscription, id=found.id))
        return row if row is not None else found


def _keep(writing: Writing, session: Session, made: dict[str, Any]) -> Session:
    kept = replace(session, session=made["id"], url=made["url"], expires_at=made["expires_at"] * SECOND)
    writing.put(kept)
    return kept
