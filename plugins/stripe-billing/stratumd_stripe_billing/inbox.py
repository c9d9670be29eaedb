"""Takes in what Stripe says: an event only tells that something changed; what is, is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from stratumd.plugin import DAY, MINUTE, SECOND, Clock, Log, Micros, micros, parse_iso
from stratumd.plugin.desk import Act, Desk, Reading, Writing
from stratumd.plugin.partners import Accounts
from stratumd_stripe_billing.catalogue import Catalogue
from stratumd_stripe_billing.entitlement import SERVED, Held, best
from stratumd_stripe_billing.gateway import Declined, Gateway
from stratumd_stripe_billing.options import Options
from stratumd_stripe_billing.rows import Customer, Granted, Mark, Seen, Subscription
from stratumd_stripe_billing.subscriptions import held, overdue_since

ACCOUNT = "stratumd_account"
"""Metadata of a customer: whose it is."""
TYPES = (
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "entitlements.active_entitlement_summary.updated",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.marked_uncollectible",
    "invoice.voided",
)
"""The events to subscribe to: after each of them something may be allowed, or no more."""
KINDS = ("web", "api")
REMEMBERED = 30 * DAY
"""/v1/events goes back so far (API reference, events/list)."""
KEPT = 40 * DAY
"""How long ids of events are kept: Stripe repeats one for three days, and lists it for 30."""
OVERLAP = 10 * MINUTE
"""How far behind the newest event the next look begins: a list may show an event late."""
CURSOR = "events"


class _Object(msgspec.Struct):
    id: str | None = None
    customer: Any = None


class _Content(msgspec.Struct):
    object: _Object


class Event(msgspec.Struct):
    """An event, as far as it is read."""

    id: str
    type: str
    created: int | str
    """Seconds; a text in thin events."""
    data: _Content | None = None
    """None in thin events."""

    @property
    def at(self) -> Micros:
        """When it came to be. `ValueError` where that is no time."""
        return parse_iso(self.created) if isinstance(self.created, str) else self.created * SECOND

    @property
    def customer(self) -> str | None:
        """Whom it is about."""
        found = self.data.object.customer if self.data is not None and self.type in TYPES else None
        found = found.get("id") if isinstance(found, dict) else found
        return found if isinstance(found, str) else None


_DECODER = msgspec.json.Decoder(Event)


def read_event(body: bytes) -> Event:
    """Read the body of a webhook. `ValueError` where it is none."""
    event = _DECODER.decode(body)
    if not 0 < len(event.id) <= 255 or not 0 < event.at < 1 << 60:
        raise ValueError("no event")
    return event


class Taken(NamedTuple):
    """What became of an event or a look."""

    how: str
    """`applied`, `duplicate`, `ignored` (about none of ours), or `outdated`: a later look was applied before."""
    changed: Sequence[str] = ()
    """The kinds of plans whose entitlement changed."""


class Inbox:
    """Keeps the entitlements of accounts as Stripe says."""

    def __init__(
        self, options: Options, gateway: Gateway, catalogue: Catalogue, desk: Desk, clock: Clock, log: Log
    ) -> None:
        self._grace = micros(options.grace)
        self._offers = options.offers
        self._gateway = gateway
        self._catalogue = catalogue
        self._desk = desk
        self._clock = clock
        self._log = log
        self.accounts: Accounts
        """Set when everything is opened."""

    # ---- events

    async def take(self, event: Event) -> Taken:
        """Take in an event. `Unreachable` where Stripe cannot be asked: then it is not taken in at all."""
        if await self._desk.read(lambda reading: reading.get(Seen, id=event.id)) is not None:
            return Taken("duplicate")
        if event.type.startswith("v1.billing.meter."):
            self._log.error("Stripe could not use meter events: see the meter in its Dashboard", id=event.id)
        account = await self._account(event.customer) if event.customer else None
        if account is None:
            first = await self._desk.write(lambda writing: writing.insert(self._seen(event, "", writing.at)))
            return Taken("ignored" if first else "duplicate")
        return await self.refresh(account, event=event)

    def _seen(self, event: Event, account: str, at: Micros) -> Seen:
        return Seen(id=event.id, type=event.type, created_at=event.at, at=at, account=account)

    async def _account(self, customer: str) -> str | None:
        """Return whose customer this is, also where only Stripe knows."""
        known = await self._desk.read(lambda reading: reading.find(Customer, customer=customer))
        if known:
            return known[0].account
        try:
            shown = await self._gateway.ask(lambda v1: v1.customers.retrieve_async(customer))
        except Declined:
            return None
        account = (shown.get("metadata") or {}).get(ACCOUNT)
        return account if account and await self._desk.write(lambda w: self._adopt(w, account, customer)) else None

    def _adopt(self, writing: Writing, account: str, customer: str) -> bool:
        if self.accounts.rights(writing, account) is None:
            return False
        known = writing.get(Customer, account=account)
        if known is None:
            writing.put(Customer(account=account, customer=customer, drawn=0, applied=0))
        return known is None or known.customer == customer

    # ---- what is

    async def refresh(self, account: str, *, event: Event | None = None, act: Act | None = None) -> Taken:
        """Ask Stripe how an account's subscriptions are and apply it, in one transaction with the event's id.

        A ticket is drawn before Stripe is asked, and an answer is applied only where none of a younger ticket was: what
        is applied never goes back in time, whatever order events arrive in and however many daemons take them in.
        With `act` the word is given to the accounts again even where it did not change.
        """
        ticket = await self._desk.write(lambda writing: _draw(writing, account))
        if ticket is None:
            return Taken("ignored")
        helds = await self._fetch(ticket.customer)

        def apply(writing: Writing) -> Taken:
            if event is not None and not writing.insert(self._seen(event, account, writing.at)):
                return Taken("duplicate")
            return self._apply(writing, ticket, helds, again=act is not None)

        taken = await self._desk.write(apply, act)
        if taken.changed:
            self.accounts.changed()
            self._log.info("entitlements changed", account=account, kinds=list(taken.changed))
        return taken

    async def _fetch(self, customer: str) -> list[Held]:
        helds = await self._held(customer)
        missing = [each for each in helds if await self._lacks_overage(each)]
        return await self._held(customer) if missing else helds

    async def _held(self, customer: str) -> list[Held]:
        found = await self._gateway.all(
            lambda v1: v1.subscriptions.list_async({"customer": customer, "status": "all", "limit": 100})
        )
        read = [held(each, await self._overdue(each), self.accounts.plans) for each in found]
        return [each for each in read if each is not None]

    async def _overdue(self, subscription: dict[str, Any]) -> Micros | None:
        if subscription["status"] != "past_due":
            return None
        id: str = subscription["id"]
        return overdue_since(
            await self._gateway.all(
                lambda v1: v1.invoices.list_async({"subscription": id, "status": "open", "limit": 100})
            )
        )

    async def _lacks_overage(self, each: Held) -> bool:
        """Add what is metered to a subscription that cannot have been bought with it: Checkout takes one interval."""
        if each.status not in SERVED or each.metered_from is not None or each.plan not in self._offers:
            return False
        prices = await self._desk.read(lambda reading: self._catalogue.prices(reading, each.plan))
        overage = prices.overage if prices is not None else None
        if overage is None:
            return False
        hour = self._clock.now() // (3600 * SECOND)
        try:
            # The key changes with the hour, for Stripe repeats a failure under the same one.
            await self._gateway.ask(
                lambda v1: v1.subscription_items.create_async(
                    {"subscription": each.id, "price": overage}, {"idempotency_key": f"overage:{each.id}:{hour}"}
                )
            )
        except Declined as error:
            self._log.error("overage could not be added", subscription=each.id, error=str(error))
            return False
        return True

    def _apply(self, writing: Writing, ticket: Customer, helds: Sequence[Held], *, again: bool) -> Taken:
        row = writing.get(Customer, account=ticket.account)
        if row is None or row.applied >= ticket.drawn or row.customer != ticket.customer:
            return Taken("outdated")
        writing.put(replace(row, applied=ticket.drawn))
        for each in helds:
            writing.put(_row(each, row.account))
        changed = [kind for kind in KINDS if self._grant(writing, row.account, kind, helds, again=again)]
        return Taken("applied", changed)

    def _grant(self, writing: Writing, account: str, kind: str, helds: Sequence[Held], *, again: bool) -> bool:
        of_kind = [each for each in helds if each.kind == kind]
        if not of_kind:
            return False  # Stripe has no say: what staff granted stays
        allowed = best(of_kind, self._grace, writing.at)
        plan, until = (allowed.plan, allowed.until) if allowed is not None else (None, None)
        word = Granted(account=account, kind=kind, plan=plan, until=until)
        if not again and writing.get(Granted, account=account, kind=kind) == word:
            return False
        writing.put(word)
        self.accounts.grant(writing, account, kind, plan, until=until, source="stripe")
        return True

    # ---- after a while without webhooks

    async def catch_up(self) -> int:
        """Take in the events since the last look that no webhook told of. Returns how many."""
        mark = await self._desk.read(lambda reading: reading.get(Mark, name=CURSOR))
        now = self._clock.now()
        if mark is None:
            await self._move(now)
            return 0
        if now - mark.value > REMEMBERED:
            self._log.error("Stripe lists no events of so long ago: every customer is asked about", since=mark.value)
            await self.resync()
        since = max(mark.value - OVERLAP, now - REMEMBERED) // SECOND
        found = await self._gateway.all(
            lambda v1: v1.events.list_async({"types": [*TYPES], "created": {"gte": since}, "limit": 100})
        )
        events = [msgspec.convert(each, Event) for each in reversed(found)]
        taken = [await self.take(event) for event in events]
        await self._move(now)
        return sum(each.how in ("applied", "outdated") for each in taken)

    async def _move(self, to: Micros) -> None:
        await self._desk.write(lambda writing: writing.put(Mark(name=CURSOR, value=to)))

    async def resync(self) -> int:
        """Ask about every customer. Returns how many."""
        rows = await self._desk.read(lambda reading: reading.find(Customer))
        for row in rows:
            await self.refresh(row.account)
        return len(rows)

    async def forget(self) -> None:
        """Delete the ids of events that can come no more."""
        oldest = self._clock.now() - KEPT

        def work(writing: Writing) -> None:
            for row in writing.find(Seen, until=("at", oldest), order=("at",), limit=1_000):
                writing.drop(Seen, id=row.id)

        await self._desk.write(work)


def _draw(writing: Writing, account: str) -> Customer | None:
    row = writing.get(Customer, account=account)
    if row is None:
        return None
    drawn = replace(row, drawn=row.drawn + 1)
    writing.put(drawn)
    return drawn


def _row(each: Held, account: str) -> Subscription:
    return Subscription(
        id=each.id,
        account=account,
        kind=each.kind,
        plan=each.plan,
        status=each.status,
        created_at=each.created_at,
        period_end=each.period_end,
        cancel_at=each.cancel_at,
        overdue_since=each.overdue_since,
        metered_from=each.metered_from,
        ended_at=each.ended_at,
    )


def subscriptions(reading: Reading, account: str) -> list[Subscription]:
    """Return an account's subscriptions, the newest first."""
    return reading.find(Subscription, account=account, order=("created_at", "id"), newest=True)
