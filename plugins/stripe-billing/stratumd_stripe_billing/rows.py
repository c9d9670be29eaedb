"""What the plugin keeps: a struct per table. Times are microseconds UTC."""

from __future__ import annotations

from typing import ClassVar

from stratumd.plugin import Row


class Sold(Row, frozen=True):
    """What `billing setup` found or made in Stripe. Prices that were replaced stay: old invoices name them."""

    table: ClassVar[str] = "stripe_billing_catalogue"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    name: str
    """Its lookup key; of a meter the event name."""
    role: str
    """`product`, `feature`, `meter`, `base` or `overage`."""
    plan: str
    """Empty for the meter."""
    current: int
    """1 where it is what is sold now, else 0."""
    made_at: int


class Customer(Row, frozen=True):
    """The customer of an account, and how far what Stripe says about it was taken in."""

    table: ClassVar[str] = "stripe_billing_customers"
    key: ClassVar[tuple[str, ...]] = ("account",)
    account: str
    customer: str
    """Its id in Stripe."""
    drawn: int
    """The newest ticket: one is drawn before Stripe is asked."""
    applied: int
    """The newest ticket whose answer was applied. An older one's never is: what it says is no newer."""


class Subscription(Row, frozen=True):
    """A subscription as Stripe showed it last."""

    table: ClassVar[str] = "stripe_billing_subscriptions"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    account: str
    kind: str
    """`web` or `api`."""
    plan: str
    status: str
    created_at: int
    period_end: int
    """When what is paid ahead ends."""
    cancel_at: int | None
    overdue_since: int | None
    """When the oldest invoice was made whose payment was tried in vain."""
    metered_from: int | None
    """Since when requests are metered; None where they are not."""
    ended_at: int | None


class Granted(Row, frozen=True):
    """The newest word that was given to the accounts. It is given again only when it changes."""

    table: ClassVar[str] = "stripe_billing_grants"
    key: ClassVar[tuple[str, ...]] = ("account", "kind")
    account: str
    kind: str
    plan: str | None
    until: int | None


class Seen(Row, frozen=True):
    """An event of Stripe's that was taken in: it is written with its effect, and has none a second time."""

    table: ClassVar[str] = "stripe_billing_events"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    type: str
    created_at: int
    at: int
    account: str
    """Whose subscription it was about; empty where it was about none of ours."""


class Session(Row, frozen=True):
    """The newest checkout session of an account and a kind of plan."""

    table: ClassVar[str] = "stripe_billing_sessions"
    key: ClassVar[tuple[str, ...]] = ("account", "kind")
    account: str
    kind: str
    plan: str
    attempt: int
    """Counted up with each session: part of the idempotency key, so that two clicks make one session."""
    session: str
    """Its id; empty while it is being made."""
    url: str
    begun_at: int
    expires_at: int


class Metered(Row, frozen=True):
    """What is told to Stripe about an hour of an account: the first time all of it, then only what came later."""

    table: ClassVar[str] = "stripe_billing_meter_events"
    key: ClassVar[tuple[str, ...]] = ("account", "hour", "revision")
    account: str
    hour: int
    revision: int
    """From 1."""
    customer: str
    value: int
    """How many requests more than the revision before."""
    total: int
    """How many this one and those before it tell of."""
    state: str
    """`waiting`, `sent`, `expired` (older than Stripe takes) or `unclear` (Stripe's sum fits neither way)."""
    attempts: int
    tried_at: int | None
    """When it was first tried: from then on it may have arrived."""
    retry_at: int
    """When it may be tried; claiming it moves this on, so that nobody else takes it meanwhile."""
    problem: str
    """What Stripe said last."""


class Order(Row, frozen=True):
    """What staff had done in Stripe. It is written before, so that the audit has it whatever happens then."""

    table: ClassVar[str] = "stripe_billing_orders"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    account: str
    subscription: str
    what: str
    at: int


class Mark(Row, frozen=True):
    """A place to go on from."""

    table: ClassVar[str] = "stripe_billing_marks"
    key: ClassVar[tuple[str, ...]] = ("name",)
    name: str
    value: int
