"""Customers, checkout sessions and the billing portal of the fake Stripe."""

from __future__ import annotations

from stratumd.testing.stripe_catalog import Catalog
from stratumd.testing.stripe_shelf import Shelf
from stratumd.testing.stripe_subscriptions import Subscriptions
from stratumd.testing.stripe_wire import Obj, Problem, need, page, truth

OPEN_FOR = 24 * 3600
"""Seconds that a session is open where nothing else is asked (API reference, checkout/sessions `expires_at`)."""


class Checkout:
    """Where customers buy."""

    def __init__(self, shelf: Shelf, catalog: Catalog, subscriptions: Subscriptions) -> None:
        self._shelf = shelf
        self._catalog = catalog
        self._subscriptions = subscriptions
        self._asked: dict[str, Obj] = {}

    # ---- customers

    def create_customer(self, asked: Obj) -> Obj:
        """POST /v1/customers."""
        usual: Obj = {"address": None, "description": None, "email": None, "metadata": {}, "name": None}
        made = self._shelf.add("customer", "cus", **{**usual, **asked})
        self._shelf.tell("customer.created", made)
        return made

    def customer(self, asked: Obj, id: str) -> Obj:
        """GET /v1/customers/{id}."""
        return self._shelf.get("customer", id)

    def update_customer(self, asked: Obj, id: str) -> Obj:
        """POST /v1/customers/{id}: metadata is added to what is there."""
        customer = self._shelf.get("customer", id)
        if "metadata" in asked:
            asked["metadata"] = {**customer["metadata"], **asked["metadata"]}
        self._shelf.change(customer, "customer.updated", **asked)
        return customer

    def customers(self, asked: Obj) -> Obj:
        """GET /v1/customers."""
        wanted = {"email": asked["email"]} if "email" in asked else {}
        return page(self._shelf.of("customer", **wanted), asked, "/v1/customers")

    # ---- sessions

    def create(self, asked: Obj) -> Obj:
        """POST /v1/checkout/sessions, for subscriptions of customers who are there already."""
        need(asked, "mode", "customer", "line_items", "success_url")
        customer = self._shelf.get("customer", asked["customer"], param="customer")
        self._check_lines(asked["line_items"])
        tax = truth(asked.get("automatic_tax", {}).get("enabled"))
        if tax and customer["address"] is None and asked.get("customer_update", {}).get("address") != "auto":
            raise Problem(
                400,
                "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address "
                "to the Customer or set either `customer_update[address]` to 'auto' or ...",
                code="customer_tax_location_invalid",
            )
        now = self._shelf.now()
        made = self._shelf.add(
            "checkout.session",
            "cs_test",
            automatic_tax={"enabled": tax, "liability": None, "status": None},
            cancel_url=asked.get("cancel_url"),
            client_reference_id=asked.get("client_reference_id"),
            currency=None,
            customer=asked["customer"],
            expires_at=int(asked.get("expires_at", now + OPEN_FOR)),
            invoice=None,
            metadata=asked.get("metadata", {}),
            mode=asked["mode"],
            payment_status="unpaid",
            status="open",
            subscription=None,
            success_url=asked["success_url"],
            url=None,
        )
        made["url"] = f"https://checkout.stripe.test/c/pay/{made['id']}"
        self._asked[made["id"]] = asked
        return made

    def _check_lines(self, lines: list[Obj]) -> None:
        prices = [self._catalog.price(line["price"], f"line_items[{at}][price]") for at, line in enumerate(lines)]
        # Checkout takes no mixed intervals, though subscriptions do: docs.stripe.com/changelog/basil/2025-07-30
        # (support-mixed-intervals) names where they can be made, and github.com/better-auth/better-auth pull request
        # 7221 tells of the refusal.
        if len({price["recurring"]["interval"] for price in prices}) > 1:
            raise Problem(400, "Checkout does not support multiple prices with different billing intervals.")
        for at, (price, line) in enumerate(zip(prices, lines, strict=True)):
            # github.com/invertase/stripe-firebase-extensions issue 134 quotes the answer.
            if price["recurring"]["usage_type"] == "metered" and "quantity" in line:
                message = "Quantity should not be specified where usage_type is `metered`."
                raise Problem(400, f"{message} Remove quantity from `line_items[{at}]`")
            # github.com/stripe/stripe-java issue 1584 quotes this one.
            if price["recurring"]["usage_type"] == "licensed" and "quantity" not in line:
                raise Problem(400, f"Quantity is required. Add `quantity` to `line_items[{at}]`")

    def retrieve(self, asked: Obj, id: str) -> Obj:
        """GET /v1/checkout/sessions/{id}."""
        return self._shelf.get("checkout.session", id)

    def expire(self, asked: Obj, id: str) -> Obj:
        """POST /v1/checkout/sessions/{id}/expire."""
        session = self._shelf.get("checkout.session", id)
        if session["status"] != "open":
            raise Problem(400, 'Only Checkout Sessions with a status in ["open"] can be expired.')
        session.update(status="expired", url=None)
        self._shelf.tell("checkout.session.expired", session)
        return session

    def lapse(self) -> None:
        """Let sessions expire whose time is up."""
        for each in self._shelf.of("checkout.session", status="open"):
            if each["expires_at"] <= self._shelf.now():
                self.expire({}, each["id"])

    def complete(self, id: str) -> Obj:
        """Do what the customer does on the page: pay. Returns the subscription.

        A declined card is a 402 as `Problem`, and the session stays open.
        """
        session, asked = self._shelf.get("checkout.session", id), self._asked[id]
        if session["status"] != "open":
            raise Problem(400, f"The session is {session['status']}.")
        if session["customer"] in self._subscriptions.invoices.declined:
            raise Problem(402, "Your card was declined.", kind="card_error", code="card_declined")
        tax = session["automatic_tax"]["enabled"]
        made = self._subscriptions.begin(
            session["customer"], asked["line_items"], asked.get("subscription_data", {}), tax
        )
        bought = {"subscription": made["id"], "invoice": made["latest_invoice"], "currency": made["currency"]}
        session.update(status="complete", payment_status="paid", url=None, **bought)
        self._shelf.tell("checkout.session.completed", session)
        return made

    # ---- the portal

    def portal(self, asked: Obj) -> Obj:
        """POST /v1/billing_portal/sessions."""
        need(asked, "customer")
        self._shelf.get("customer", asked["customer"], param="customer")
        made = self._shelf.add(
            "billing_portal.session",
            "bps",
            configuration="bpc_1FakeConfiguration",
            customer=asked["customer"],
            flow=None,
            locale=None,
            on_behalf_of=None,
            return_url=asked.get("return_url"),
        )
        made["url"] = f"https://billing.stripe.test/p/session/{made['id']}"
        return made
