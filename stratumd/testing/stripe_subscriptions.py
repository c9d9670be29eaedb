"""Customers' subscriptions in the fake Stripe, and what time does to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from stratumd.testing.stripe_catalog import Catalog, after
from stratumd.testing.stripe_invoices import Invoices, Part
from stratumd.testing.stripe_meters import Meters
from stratumd.testing.stripe_shelf import Shelf
from stratumd.testing.stripe_wire import Obj, Problem, need, page, truth, within

LIVE = ("active", "past_due", "unpaid")
"""Statuses in which periods end and begin."""
ENTITLED = ("active", "past_due", "trialing")
ENDED = ("canceled", "incomplete_expired")


class _Due(NamedTuple):
    at: int
    rank: int
    """What comes first of two things that are due at once: an end before a renewal."""
    do: Callable[[], None]


class Subscriptions:
    """What customers have subscribed to."""

    def __init__(self, shelf: Shelf, catalog: Catalog, meters: Meters) -> None:
        self._shelf = shelf
        self._catalog = catalog
        self.invoices = Invoices(shelf, meters, self._settled)
        self.gives_up = "unpaid"
        """What a subscription becomes after the last failed attempt: `unpaid`, `canceled` or `past_due`."""

    # ---- how it begins

    def begin(self, customer: str, lines: Sequence[Obj], asked: Obj, automatic_tax: bool = False) -> Obj:
        """Subscribe a customer: lines have `price` and, where that is not metered, `quantity`."""
        now = self._shelf.now()
        prices = [self._catalog.price(line["price"], "line_items") for line in lines]
        trial = now + int(asked["trial_period_days"]) * 24 * 3600 if "trial_period_days" in asked else None
        mode = asked.get("billing_mode", {"type": "flexible"})
        made = self._shelf.add(
            "subscription",
            "sub",
            automatic_tax={"enabled": automatic_tax, "liability": None, "disabled_reason": None},
            billing_cycle_anchor=trial or now,
            billing_mode={**mode, "updated_at": None},
            cancel_at=None,
            cancel_at_period_end=False,
            canceled_at=None,
            cancellation_details={"comment": None, "feedback": None, "reason": None},
            collection_method="charge_automatically",
            currency=prices[0]["currency"],
            customer=customer,
            default_payment_method=None,
            discounts=[],
            ended_at=None,
            items={},
            latest_invoice=None,
            metadata=asked.get("metadata", {}),
            pause_collection=None,
            start_date=now,
            status="incomplete",
            trial_start=now if trial else None,
            trial_end=trial,
            trial_settings=asked.get("trial_settings"),
        )
        items = [self._item(made, price, line.get("quantity")) for price, line in zip(prices, lines, strict=True)]
        url = f"/v1/subscription_items?subscription={made['id']}"
        made["items"] = {"object": "list", "data": items, "has_more": False, "url": url}
        self._shelf.tell("customer.subscription.created", made)
        self._open(made, trial)
        return made

    def _item(self, subscription: Obj, price: Obj, quantity: object) -> Obj:
        now, trial = self._shelf.now(), subscription["trial_end"]
        made = self._shelf.add(
            "subscription_item",
            "si",
            current_period_start=now,
            current_period_end=trial or _period_end(now, price, subscription["billing_cycle_anchor"]),
            discounts=[],
            metadata={},
            price={name: value for name, value in price.items() if name != "tiers"},
            subscription=subscription["id"],
            tax_rates=[],
        )
        if price["recurring"]["usage_type"] == "licensed":
            made["quantity"] = int(str(quantity or 1))
        return made

    def _open(self, subscription: Obj, trial: int | None) -> None:
        if trial is not None:
            self._become(subscription, "trialing")
            return
        paid = [self._part(item, ahead=True) for item in subscription["items"]["data"] if _licensed(item)]
        invoice = self.invoices.draft(subscription, paid, "subscription_create")
        self.invoices.finalize(invoice)

    def _part(self, item: Obj, *, ahead: bool) -> Part:
        priced = {**item, "price": self._shelf.get("price", item["price"]["id"])}
        start, end = item["current_period_start"], item["current_period_end"]
        return Part(priced, start, end if ahead else min(end, self._shelf.now()))

    # ---- how it goes on

    def _become(self, subscription: Obj, status: str, **members: object) -> None:
        was = subscription["status"] in ENTITLED
        self._shelf.change(subscription, "customer.subscription.updated", status=status, **members)
        if was != (status in ENTITLED):
            self._tell_entitlements(subscription["customer"])

    def _tell_entitlements(self, customer: str) -> None:
        # The summary has the customer where other objects have an id (API reference, entitlements).
        summary = {"object": "entitlements.active_entitlement_summary", "customer": customer, "livemode": False}
        found = {"object": "list", "data": self._entitled(customer), "has_more": False, "url": "/v1/customer"}
        self._shelf.tell("entitlements.active_entitlement_summary.updated", {**summary, "entitlements": found})

    def _settled(self, invoice: Obj, how: str) -> None:
        details = invoice["parent"]["subscription_details"]
        subscription = self._shelf.get("subscription", details["subscription"])
        if subscription["status"] in ENDED:
            return
        if how == "paid":
            # "active" again once the latest invoice is paid (docs: subscriptions/overview, subscription statuses).
            if subscription["latest_invoice"] == invoice["id"] and subscription["status"] != "trialing":
                self._become(subscription, "active")
        elif how == "failed" and subscription["status"] == "active":
            self._become(subscription, "past_due")
        elif how == "given_up" and self.gives_up == "canceled":
            self._end(subscription, "payment_failed")
        elif how == "given_up":
            self._become(subscription, self.gives_up)

    def _renew(self, subscription: Obj, moment: int) -> None:
        ended = [each for each in subscription["items"]["data"] if each["current_period_end"] <= moment]
        used = [self._part(item, ahead=False) for item in ended if not _licensed(item)]
        for item in ended:
            begun = item["current_period_end"]
            end = _period_end(begun, item["price"], subscription["billing_cycle_anchor"])
            item.update(current_period_start=begun, current_period_end=end)
        bought = [self._part(item, ahead=True) for item in ended if _licensed(item)]
        invoice = self.invoices.draft(subscription, [*used, *bought], "subscription_cycle")
        if subscription["status"] == "unpaid":
            # An unpaid subscription goes on to make invoices, which stay drafts (docs: subscription statuses).
            invoice["auto_advance"] = False
        self._shelf.tell("customer.subscription.updated", subscription, {"latest_invoice": None})

    def _try(self, subscription: Obj) -> None:
        """End a trial: with a card it goes on, without it pauses, where the subscription was made so."""
        behaviour = (subscription["trial_settings"] or {}).get("end_behavior", {}).get("missing_payment_method")
        if behaviour == "pause" and subscription["customer"] in self.invoices.declined:
            self._become(subscription, "paused")
            self._shelf.tell("customer.subscription.paused", subscription)
            return
        self._become(subscription, "active")
        self._renew(subscription, self._shelf.now())

    def _end(self, subscription: Obj, reason: str, *, invoice: bool = False) -> None:
        now = self._shelf.now()
        used = [self._part(item, ahead=False) for item in subscription["items"]["data"] if not _licensed(item)]
        self.invoices.void(subscription["id"])
        if invoice and used:
            self.invoices.draft(subscription, used, "subscription_cancel")
        entitled = subscription["status"] in ENTITLED
        subscription.update(status="canceled", ended_at=now, canceled_at=subscription["canceled_at"] or now)
        subscription["cancellation_details"]["reason"] = reason
        self._shelf.tell("customer.subscription.deleted", subscription)
        if entitled:
            self._tell_entitlements(subscription["customer"])

    # ---- time

    def due(self, until: int) -> Iterator[_Due]:
        """Yield what is due up to a moment, in order; each is to be done before the next one is asked for."""
        while found := [each for each in self._agenda() if each.at <= until]:
            yield min(found, key=lambda each: (each.at, each.rank))

    def _agenda(self) -> Iterator[_Due]:
        for invoice in self._shelf.of("invoice"):
            if invoice["status"] == "draft" and invoice["auto_advance"]:
                yield _Due(invoice["automatically_finalizes_at"], 2, partial(self.invoices.finalize, invoice))
            if invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
                yield _Due(invoice["next_payment_attempt"], 3, partial(self._again, invoice))
        for each in self._shelf.of("subscription"):
            if each["status"] in ENDED or each["status"] == "paused":
                continue
            if each["cancel_at"] is not None:
                end = partial(self._end, each, "cancellation_requested", invoice=True)
                yield _Due(each["cancel_at"], 0, end)
            if each["status"] == "trialing":
                yield _Due(each["trial_end"], 1, partial(self._try, each))
            if each["status"] in LIVE:
                moment = min(item["current_period_end"] for item in each["items"]["data"])
                yield _Due(moment, 1, partial(self._renew, each, moment))

    def _again(self, invoice: Obj) -> None:
        self.invoices.attempt(invoice)

    # ---- the API

    def retrieve(self, asked: Obj, id: str) -> Obj:
        """GET /v1/subscriptions/{id}: also one that is canceled."""
        return self._shelf.get("subscription", id)

    def list(self, asked: Obj) -> Obj:
        """GET /v1/subscriptions: those that are canceled only where `status` asks for them, or for `all`."""
        wanted = {"customer": asked["customer"]} if "customer" in asked else {}
        status = asked.get("status")
        found = within(self._shelf.of("subscription", **wanted), asked)
        if status is None:
            found = [each for each in found if each["status"] not in ENDED]
        elif status != "all":
            found = [each for each in found if each["status"] == status]
        return page(found, asked, "/v1/subscriptions")

    def update(self, asked: Obj, id: str) -> Obj:
        """POST /v1/subscriptions/{id}."""
        subscription = self._running(id)
        changes: Obj = {}
        if "cancel_at_period_end" in asked:
            changes = self._ending(subscription, truth(asked["cancel_at_period_end"]), "max_period_end")
            changes["cancel_at_period_end"] = truth(asked["cancel_at_period_end"])
        elif "cancel_at" in asked:
            changes = self._ending(subscription, bool(asked["cancel_at"]), asked["cancel_at"])
            changes["cancel_at_period_end"] = False
        if "pause_collection" in asked:
            changes["pause_collection"] = asked["pause_collection"] or None
        if "metadata" in asked:
            changes["metadata"] = {**subscription["metadata"], **asked["metadata"]}
        if "items" in asked:
            changes["items"] = self._switched(subscription, asked["items"])
        self._shelf.change(subscription, "customer.subscription.updated", **changes)
        return subscription

    def _running(self, id: str) -> Obj:
        subscription = self._shelf.get("subscription", id)
        if subscription["status"] in ENDED:
            # A canceled subscription takes only changes of its metadata (API reference, subscriptions/update).
            raise Problem(400, "A canceled subscription can only update its cancellation_details and metadata.")
        return subscription

    def _ending(self, subscription: Obj, ends: bool, when: str) -> Obj:
        if not ends:
            return {"cancel_at": None, "canceled_at": None}
        periods = [item["current_period_end"] for item in subscription["items"]["data"]]
        named = {"min_period_end": min(periods), "max_period_end": max(periods)}
        return {"cancel_at": named.get(when) or int(when), "canceled_at": self._shelf.now()}

    def _switched(self, subscription: Obj, lines: Sequence[Obj]) -> Obj:
        """Give items another price, from now on and without a proration; `deleted` ones go."""
        items = {item["id"]: item for item in subscription["items"]["data"]}
        for line in lines:
            old = items.pop(line.get("id", ""), None)
            if not truth(line.get("deleted")):
                price = self._catalog.price(line["price"], "items[price]")
                made = self._item(subscription, price, line.get("quantity") or (old or {}).get("quantity"))
                items[made["id"]] = made
        found = list(items.values())
        self._check_intervals(subscription, found)
        return {**subscription["items"], "data": found}

    def _check_intervals(self, subscription: Obj, items: Sequence[Obj]) -> None:
        intervals = {item["price"]["recurring"]["interval"] for item in items}
        # Mixed intervals need flexible billing (docs.stripe.com/billing/subscriptions/mixed-interval).
        if len(intervals) > 1 and subscription["billing_mode"]["type"] != "flexible":
            raise Problem(
                400,
                "Currency and interval fields must match across all plans on this subscription. "
                "Found mismatch in interval field.",
            )

    def add_item(self, asked: Obj) -> Obj:
        """POST /v1/subscription_items: a new item's periods follow the subscription's anchor."""
        need(asked, "subscription", "price")
        subscription = self._running(asked["subscription"])
        price = self._catalog.price(asked["price"], "price")
        if any(item["price"]["id"] == price["id"] for item in subscription["items"]["data"]):
            raise Problem(400, f"This subscription already has an item with the price {price['id']}.", param="price")
        item = self._item(subscription, price, asked.get("quantity"))
        items = [*subscription["items"]["data"], item]
        self._check_intervals(subscription, items)
        listed = {**subscription["items"], "data": items}
        self._shelf.change(subscription, "customer.subscription.updated", items=listed)
        return item

    def cancel(self, asked: Obj, id: str) -> Obj:
        """DELETE /v1/subscriptions/{id}: at once; with `invoice_now` what was used is invoiced."""
        subscription = self._shelf.get("subscription", id)
        if subscription["status"] in ENDED:
            raise Problem(404, f"No such subscription: '{id}'", code="resource_missing", param="id")
        self._end(subscription, "cancellation_requested", invoice=truth(asked.get("invoice_now")))
        return subscription

    def resume(self, asked: Obj, id: str) -> Obj:
        """POST /v1/subscriptions/{id}/resume."""
        subscription = self._running(id)
        if subscription["status"] != "paused":
            raise Problem(400, "Only paused subscriptions can be resumed.")
        self._become(subscription, "active")
        self._shelf.tell("customer.subscription.resumed", subscription)
        self._renew(subscription, self._shelf.now())
        return subscription

    def entitlements(self, asked: Obj) -> Obj:
        """GET /v1/entitlements/active_entitlements."""
        need(asked, "customer")
        return page(self._entitled(asked["customer"]), asked, "/v1/entitlements/active_entitlements")

    def _entitled(self, customer: str) -> list[Obj]:  # type: ignore[valid-type]  # the builtin, not the method
        held = self._shelf.of("subscription", customer=customer)
        items = [item for each in held if each["status"] in ENTITLED for item in each["items"]["data"]]
        features = {
            each["entitlement_feature"]["lookup_key"]: each["entitlement_feature"]
            for item in items
            for each in self._shelf.of("product_feature", product=item["price"]["product"])
        }
        return [
            {
                "id": f"ent_{customer}_{feature['id']}",
                "object": "entitlements.active_entitlement",
                "feature": feature["id"],
                "livemode": False,
                "lookup_key": key,
            }
            for key, feature in sorted(features.items())
        ]


def _licensed(item: Obj) -> bool:
    return bool(item["price"]["recurring"]["usage_type"] == "licensed")


def _period_end(start: int, price: Obj, anchor: int) -> int:
    """Return the first end of a period of `price` after `start`, counted from the anchor."""
    end = anchor
    while end <= start:
        end = after(end, price, anchor)
    return end
