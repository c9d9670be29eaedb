"""Invoices of the fake Stripe: drafts, an hour until they are final, payments, and attempts that fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from stratumd.testing.stripe_catalog import charges
from stratumd.testing.stripe_meters import Meters
from stratumd.testing.stripe_shelf import Shelf
from stratumd.testing.stripe_wire import Obj, Problem, page, within

DRAFT = 3600
"""Seconds: "a default finalization grace period of 1 hour", in which usage of the period is still taken
(docs.stripe.com/billing/subscriptions/usage-based/configure-grace-period)."""
DAY = 24 * 3600
RETRIES = (3 * DAY, 5 * DAY, 7 * DAY)
"""Seconds until a payment is tried again: the schedule that the Dashboard offers."""


class Part(NamedTuple):
    """What an invoice is about: an item and a period. Its quantity is that of the end of the draft."""

    item: Obj
    start: int
    end: int


class Invoices:
    """What is to be paid."""

    def __init__(self, shelf: Shelf, meters: Meters, settled: Callable[[Obj, str], None]) -> None:
        """`settled` is told how a payment went: `paid`, `failed`, or `given_up` after the last attempt."""
        self._shelf = shelf
        self._meters = meters
        self._settled = settled
        self._parts: dict[str, Sequence[Part]] = {}
        self.declined: set[str] = set()
        """The customers whose card is declined."""

    def draft(self, subscription: Obj, parts: Sequence[Part], reason: str) -> Obj:
        """Open an invoice, which becomes final an hour later."""
        now = self._shelf.now()
        made = self._shelf.add(
            "invoice",
            "in",
            amount_due=0,
            amount_paid=0,
            amount_remaining=0,
            attempt_count=0,
            attempted=False,
            auto_advance=True,
            automatic_tax=subscription["automatic_tax"],
            automatically_finalizes_at=now + DRAFT,
            billing_reason=reason,
            collection_method="charge_automatically",
            currency=subscription["currency"],
            customer=subscription["customer"],
            hosted_invoice_url=None,
            lines={},
            metadata={},
            next_payment_attempt=None,
            number=None,
            parent={
                "type": "subscription_details",
                "quote_details": None,
                "subscription_details": {"subscription": subscription["id"], "metadata": subscription["metadata"]},
            },
            period_start=min(part.start for part in parts),
            period_end=now,
            status="draft",
            status_transitions=dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
            subtotal=0,
            total=0,
        )
        self._parts[made["id"]] = parts
        self._reckon(made)
        subscription["latest_invoice"] = made["id"]
        self._shelf.tell("invoice.created", made)
        return made

    def _reckon(self, invoice: Obj) -> None:
        lines = [line for part in self._parts[invoice["id"]] for line in self._lines(invoice, part)]
        total = sum(line["amount"] for line in lines)
        url = f"/v1/invoices/{invoice['id']}/lines"
        invoice["lines"] = {"object": "list", "data": lines, "has_more": False, "total_count": len(lines), "url": url}
        invoice.update(subtotal=total, total=total, amount_due=total, amount_remaining=total)

    def _lines(self, invoice: Obj, part: Part) -> list[Obj]:
        price = part.item["price"]
        meter = price["recurring"]["meter"]
        quantity = part.item.get("quantity", 0)
        if meter is not None:
            quantity = self._meters.used(invoice["customer"], meter, part.start, part.end)
        return [
            {
                "id": self._shelf.id("il"),
                "object": "line_item",
                "amount": charge.amount,
                "currency": invoice["currency"],
                "description": None,
                "invoice": invoice["id"],
                "livemode": False,
                "metadata": {},
                "parent": {
                    "type": "subscription_item_details",
                    "invoice_item_details": None,
                    "subscription_item_details": {
                        "invoice_item": None,
                        "proration": False,
                        "subscription": part.item["subscription"],
                        "subscription_item": part.item["id"],
                    },
                },
                "period": {"start": part.start, "end": part.end},
                "pricing": {
                    "type": "price_details",
                    "price_details": {"price": price["id"], "product": price["product"]},
                    "unit_amount_decimal": format(charge.unit.normalize(), "f"),
                },
                "quantity": charge.quantity,
                "subtotal": charge.amount,
                "taxes": [],
            }
            for charge in charges(price, quantity)
        ]

    def finalize(self, invoice: Obj) -> None:
        """Make a draft final, with the usage that is known by now, and try to be paid."""
        if invoice["status"] != "draft":
            raise Problem(400, "This invoice is already finalized.", code="invoice_no_longer_editable")
        self._reckon(invoice)
        invoice["status"] = "open"
        invoice["number"] = self._shelf.id("FAKE")
        invoice["hosted_invoice_url"] = f"https://invoice.stripe.test/i/{invoice['id']}"
        invoice["status_transitions"]["finalized_at"] = self._shelf.now()
        self._shelf.tell("invoice.finalized", invoice)
        if invoice["auto_advance"]:
            self.attempt(invoice)

    def attempt(self, invoice: Obj) -> bool:
        """Charge the customer's card. Returns whether it was paid."""
        invoice["attempted"] = True
        invoice["attempt_count"] += 1
        if invoice["amount_due"] and invoice["customer"] in self.declined:
            self._fail(invoice)
            return False
        invoice.update(status="paid", amount_paid=invoice["amount_due"], amount_remaining=0, next_payment_attempt=None)
        invoice["status_transitions"]["paid_at"] = self._shelf.now()
        self._shelf.tell("invoice.paid", invoice)
        self._shelf.tell("invoice.payment_succeeded", invoice)
        self._settled(invoice, "paid")
        return True

    def _fail(self, invoice: Obj) -> None:
        tried = invoice["attempt_count"]
        again = RETRIES[tried - 1] if tried <= len(RETRIES) else None
        invoice["next_payment_attempt"] = None if again is None else self._shelf.now() + again
        self._shelf.tell("invoice.payment_failed", invoice)
        self._settled(invoice, "given_up" if again is None else "failed")

    def void(self, subscription: str) -> None:
        """Collect nothing more for a subscription that ended: its drafts and attempts stop advancing."""
        for each in self.of(subscription):
            if each["status"] in ("draft", "open") and each["billing_reason"] != "subscription_cancel":
                each.update(auto_advance=False, next_payment_attempt=None)

    def of(self, subscription: str) -> list[Obj]:
        """Return a subscription's invoices, newest first."""
        return [each for each in self._shelf.of("invoice") if _subscription(each) == subscription]

    # ---- the API

    def list(self, asked: Obj) -> Obj:
        """GET /v1/invoices."""
        wanted = {name: asked[name] for name in ("customer", "status") if name in asked}
        found = within(self._shelf.of("invoice", **wanted), asked)
        if "subscription" in asked:
            found = [each for each in found if _subscription(each) == asked["subscription"]]
        return page(found, asked, "/v1/invoices")

    def retrieve(self, asked: Obj, id: str) -> Obj:
        """GET /v1/invoices/{id}."""
        return self._shelf.get("invoice", id)

    def lines(self, asked: Obj, id: str) -> Obj:
        """GET /v1/invoices/{id}/lines."""
        return page(self._shelf.get("invoice", id)["lines"]["data"], asked, f"/v1/invoices/{id}/lines")

    def finalize_now(self, asked: Obj, id: str) -> Obj:
        """POST /v1/invoices/{id}/finalize."""
        invoice = self._shelf.get("invoice", id)
        self.finalize(invoice)
        return invoice

    def pay(self, asked: Obj, id: str) -> Obj:
        """POST /v1/invoices/{id}/pay: a declined card is a 402."""
        invoice = self._shelf.get("invoice", id)
        if invoice["status"] == "paid":
            raise Problem(400, "Invoice is already paid", code="invoice_already_paid")
        if invoice["status"] == "draft":
            self.finalize(invoice)
        if invoice["status"] != "paid" and not self.attempt(invoice):
            raise Problem(
                402, "Your card was declined.", kind="card_error", code="card_declined", decline_code="generic_decline"
            )
        return invoice


def _subscription(invoice: Obj) -> str:
    id: str = invoice["parent"]["subscription_details"]["subscription"]
    return id
