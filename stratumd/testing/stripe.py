"""A Stripe on this machine that the official client cannot tell from the real one: billing, as far as it is used here.

```python
clock = VirtualClock(micros(datetime(2026, 3, 1, tzinfo=UTC)))
async with FakeStripe(clock) as fake:
    fake.listen("http://127.0.0.1:8000/api/v1/billing/webhook", "whsec_test")
    ...  # make a checkout session with stripe.StripeClient(fake.key, base_addresses={"api": fake.url})
    subscription = fake.buy(session["id"])
    await fake.webhooks.deliver()
    fake.advance(timedelta(days=31))  # invoices
```
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, NamedTuple, Self

import anyio

from stratumd.plugin import SECOND, Clock, Micros
from stratumd.testing.clock import VirtualClock
from stratumd.testing.provider_http import HttpReply, HttpRequest, LoopbackServer
from stratumd.testing.stripe_catalog import Catalog
from stratumd.testing.stripe_checkout import Checkout
from stratumd.testing.stripe_meters import Meters
from stratumd.testing.stripe_shelf import VERSION, Shelf
from stratumd.testing.stripe_subscriptions import Subscriptions
from stratumd.testing.stripe_webhooks import Webhooks
from stratumd.testing.stripe_wire import Obj, Problem, Repeats, allow, decode, page, reply, truth, within

KEY = "sk_test_canary_4never2be0seen"  # opens nothing
EVENTS_KEPT = 30 * 24 * 3600
"""Seconds: /v1/events goes back 30 days (API reference, events/list)."""


class _Route(NamedTuple):
    method: str
    path: re.Pattern[str]
    call: Callable[..., Obj]
    allowed: frozenset[str]


class _Fault(NamedTuple):
    status: int
    manner: str
    path: str
    does: bool
    """Whether what was asked is done all the same."""


class FakeStripe:
    """An asynchronous context manager: inside it, `url` is on a free port of 127.0.0.1."""

    def __init__(self, clock: Clock, *, key: str = KEY) -> None:
        self.clock = clock
        self.key = key
        self.url = ""
        self.shelf = Shelf(clock)
        self.catalog = Catalog(self.shelf)
        self.meters = Meters(self.shelf)
        self.subscriptions = Subscriptions(self.shelf, self.catalog, self.meters)
        self.invoices = self.subscriptions.invoices
        self.checkout = Checkout(self.shelf, self.catalog, self.subscriptions)
        self.webhooks = Webhooks(self.shelf)
        self.requests: list[tuple[str, str]] = []
        """Method and path of every request, in order."""
        self.down = False
        """Whether no request is answered at all: connections are reset."""
        self._faults: deque[_Fault] = deque()
        self._repeats = Repeats()
        self._stack = AsyncExitStack()
        self._routes = list(_routes(self))

    # ---- what a test does

    def listen(self, url: str, *secrets: str) -> None:
        """Have webhooks: from now on events are told to `url`, signed with these secrets."""
        self.webhooks.url, self.webhooks.secrets = url, secrets

    def buy(self, session: str) -> Obj:
        """Complete a checkout session as its customer does. Returns the subscription."""
        return self.checkout.complete(session)

    def decline(self, customer: str, declined: bool = True) -> None:
        """Let a customer's card be declined from now on, or be good again."""
        (self.invoices.declined.add if declined else self.invoices.declined.discard)(customer)

    def pay(self, invoice: str) -> Obj:
        """Pay an invoice as its customer does in the portal. `Problem` (402) where the card is declined."""
        return self.invoices.pay({}, invoice)

    def advance(self, by: timedelta | Micros) -> None:
        """Let time go by, on a `VirtualClock`: periods end, invoices become final, payments are tried again."""
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("only a VirtualClock can be advanced")
        self.clock.advance(by)
        self.catch_up()

    def catch_up(self) -> None:
        """Do what is due by now, each thing as of its own moment."""
        for each in self.subscriptions.due(self.clock.now() // SECOND):
            with self.shelf.at(each.at):
                each.do()
        self.checkout.lapse()

    def fail_next(
        self, status: int, *, times: int = 1, manner: str = "whole", path: str = "", does: bool = False
    ) -> None:
        """Answer the next requests (of paths that begin so) with an error, or in a manner of `provider_http.MANNERS`.

        `does`: what is asked happens, and only the answer is bad or, with a manner such as `reset`, lost.
        """
        self._faults.extend([_Fault(status, manner, path, does)] * times)

    def events(self, *types: str) -> list[Obj]:
        """Return the events of these types, or all, oldest first."""
        return [each for each in self.shelf.events if not types or each["type"] in types]

    # ---- the server

    async def __aenter__(self) -> Self:
        server = await self._stack.enter_async_context(LoopbackServer(self._answer))
        self._stack.push_async_callback(self.webhooks.close)
        tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(tasks.cancel_scope.cancel)
        self.tasks = tasks
        self.url = server.url
        return self

    async def __aexit__(self, *error: object) -> bool | None:
        return await self._stack.__aexit__(*error)  # type: ignore[arg-type]  # passed on as received

    def deliver_always(self) -> None:
        """Deliver webhooks as events happen, from now on."""
        self.tasks.start_soon(self.webhooks.go_on)

    async def _answer(self, request: HttpRequest) -> HttpReply:
        self.requests.append((request.method, request.path))
        if self.down:
            return HttpReply(500, b"", manner="reset")
        self.catch_up()
        fault = self._fault(request.path)
        if fault is not None and not fault.does:
            return self._spoilt(fault, request)
        answer = self._decide(request)
        return answer if fault is None else self._spoilt(fault, request)

    def _fault(self, path: str) -> _Fault | None:
        for fault in self._faults:
            if path.startswith(fault.path):
                self._faults.remove(fault)
                return fault
        return None

    def _spoilt(self, fault: _Fault, request: HttpRequest) -> HttpReply:
        kinds = {429: "invalid_request_error", 401: "invalid_request_error", 402: "card_error"}
        code = {429: "rate_limit", 402: "card_declined", 409: "lock_timeout"}.get(fault.status)
        problem = Problem(fault.status, "As it was told.", kind=kinds.get(fault.status, "api_error"), code=code)
        answer = self._say(request, fault.status, problem.body)
        return answer._replace(manner=fault.manner)

    def _decide(self, request: HttpRequest) -> HttpReply:
        try:
            self._admit(request)
            repeated = self._repeats.find(request, self.clock.now())
            if repeated is not None:
                return repeated
            return self._say(request, 200, self._call(request))
        except Problem as problem:
            return self._say(request, problem.status, problem.body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self._say(request, 400, Problem(400, f"Invalid request: {type(error).__name__}").body)

    def _admit(self, request: HttpRequest) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Problem(401, "Invalid API Key provided: sk_test_***", code="api_key_expired")
        version = request.headers.get("stripe-version", VERSION)
        if version != VERSION:
            raise Problem(400, f"Invalid Stripe API version: {version}", param="Stripe-Version")

    def _call(self, request: HttpRequest) -> Obj:
        for route in self._routes:
            found = route.path.fullmatch(request.path)
            if found and route.method == request.method:
                asked = decode(request)
                allow(asked, route.allowed)
                return route.call(asked, **found.groupdict())
        message = f"Unrecognized request URL ({request.method}: {request.path})."
        raise Problem(404, message)

    def _say(self, request: HttpRequest, status: int, body: Obj) -> HttpReply:
        id = self.shelf.id("req")
        self._repeats.keep(request, self.clock.now(), status, body, id)
        headers = {"Request-Id": id, "Stripe-Version": VERSION}
        if 400 <= status < 500:
            headers["Stripe-Should-Retry"] = "true" if status in (409, 429) else "false"
        return reply(status, body, headers)

    # ---- events

    def list_events(self, asked: Obj) -> Obj:
        """GET /v1/events."""
        oldest = self.clock.now() // SECOND - EVENTS_KEPT
        found = [each for each in reversed(self.shelf.events) if each["created"] >= oldest]
        types = asked.get("types") or ([asked["type"]] if "type" in asked else None)
        if types is not None:
            found = [each for each in found if each["type"] in types]
        if "delivery_success" in asked:
            good = truth(asked["delivery_success"])
            found = [each for each in found if (each["pending_webhooks"] == 0) == good]
        return page(within(found, asked), asked, "/v1/events")

    def retrieve_event(self, asked: Obj, id: str) -> Obj:
        """GET /v1/events/{id}."""
        for each in self.shelf.events:
            if each["id"] == id:
                return each
        raise Problem(404, f"No such event: '{id}'", code="resource_missing", param="id")


_PAGES = "limit starting_after ending_before"


def _routes(fake: FakeStripe) -> Iterator[_Route]:
    catalog, meters, subscriptions = fake.catalog, fake.meters, fake.subscriptions
    checkout, invoices = fake.checkout, fake.invoices
    table: list[tuple[str, Callable[..., Any], str]] = [
        ("POST /v1/products", catalog.create_product, "id name description metadata tax_code"),
        ("GET /v1/products/{id}", catalog.product, ""),
        ("POST /v1/products/{id}/features", catalog.attach, "entitlement_feature"),
        ("GET /v1/products/{id}/features", catalog.attached, _PAGES),
        ("POST /v1/entitlements/features", catalog.create_feature, "lookup_key name metadata"),
        ("GET /v1/entitlements/features", catalog.features, f"{_PAGES} lookup_key archived"),
        (
            "POST /v1/prices",
            catalog.create_price,
            "currency product unit_amount unit_amount_decimal recurring lookup_key transfer_lookup_key nickname "
            "metadata billing_scheme tiers tiers_mode tax_behavior",
        ),
        ("GET /v1/prices", catalog.prices, f"{_PAGES} lookup_keys active product type currency"),
        ("POST /v1/prices/{id}", catalog.update_price, "active nickname metadata"),
        (
            "POST /v1/billing/meters",
            catalog.create_meter,
            "default_aggregation display_name event_name customer_mapping value_settings event_time_window",
        ),
        ("GET /v1/billing/meters", catalog.meters, f"{_PAGES} status"),
        (
            "GET /v1/billing/meters/{id}/event_summaries",
            meters.summaries,
            f"{_PAGES} customer start_time end_time value_grouping_window",
        ),
        ("POST /v1/billing/meter_events", meters.create, "event_name payload timestamp identifier"),
        ("POST /v1/customers", checkout.create_customer, "email name description metadata address"),
        ("GET /v1/customers", checkout.customers, f"{_PAGES} email created"),
        ("GET /v1/customers/{id}", checkout.customer, ""),
        ("POST /v1/customers/{id}", checkout.update_customer, "email name description metadata address"),
        (
            "POST /v1/checkout/sessions",
            checkout.create,
            "mode customer line_items success_url cancel_url client_reference_id metadata subscription_data "
            "automatic_tax customer_update tax_id_collection expires_at",
        ),
        ("GET /v1/checkout/sessions/{id}", checkout.retrieve, ""),
        ("POST /v1/checkout/sessions/{id}/expire", checkout.expire, ""),
        ("POST /v1/billing_portal/sessions", checkout.portal, "customer return_url configuration"),
        ("GET /v1/subscriptions", subscriptions.list, f"{_PAGES} customer status created price"),
        ("GET /v1/subscriptions/{id}", subscriptions.retrieve, ""),
        (
            "POST /v1/subscriptions/{id}",
            subscriptions.update,
            "cancel_at cancel_at_period_end pause_collection metadata items proration_behavior",
        ),
        ("DELETE /v1/subscriptions/{id}", subscriptions.cancel, "invoice_now prorate"),
        ("POST /v1/subscriptions/{id}/resume", subscriptions.resume, "billing_cycle_anchor"),
        (
            "POST /v1/subscription_items",
            subscriptions.add_item,
            "subscription price quantity proration_behavior metadata",
        ),
        ("GET /v1/entitlements/active_entitlements", subscriptions.entitlements, f"{_PAGES} customer"),
        ("GET /v1/invoices", invoices.list, f"{_PAGES} customer subscription status created"),
        ("GET /v1/invoices/{id}", invoices.retrieve, ""),
        ("GET /v1/invoices/{id}/lines", invoices.lines, _PAGES),
        ("POST /v1/invoices/{id}/finalize", invoices.finalize_now, "auto_advance"),
        ("POST /v1/invoices/{id}/pay", invoices.pay, ""),
        ("GET /v1/events", fake.list_events, f"{_PAGES} created type types delivery_success"),
        ("GET /v1/events/{id}", fake.retrieve_event, ""),
    ]
    for name, call, allowed in table:
        method, path = name.split(" ")
        pattern = re.compile(path.replace("{id}", "(?P<id>[^/]+)"))
        yield _Route(method, pattern, call, frozenset([*allowed.split(), "expand"]))
