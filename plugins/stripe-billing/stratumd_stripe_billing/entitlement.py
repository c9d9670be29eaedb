"""What a customer's subscriptions allow. Pure: what Stripe shows and the time are all it knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stratumd.plugin import Micros

STATUSES = ("incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "canceled", "paused")
"""All that a subscription can be (API reference, subscriptions `status`)."""
SERVED = ("trialing", "active", "past_due")
"""Those in which something is allowed. `incomplete`: never paid; `unpaid`: Stripe has given up; `paused`: no trial any
more and no card. A status that is not known allows nothing."""
LIVE = (*SERVED, "unpaid", "paused", "incomplete")
"""Those in which there is still something to cancel, or to pay."""


class Held(NamedTuple):
    """A subscription as Stripe shows it."""

    id: str
    kind: str
    """`web` or `api`."""
    plan: str
    status: str
    created_at: Micros
    period_end: Micros
    """When what is paid ahead ends, or the trial."""
    cancel_at: Micros | None
    """When it ends for good."""
    overdue_since: Micros | None
    """When the oldest invoice was made whose payment failed."""
    withheld: bool
    """Whether its invoices are voided: the customer does not pay and is not served."""
    metered_from: Micros | None
    ended_at: Micros | None


class Entitlement(NamedTuple):
    """A plan, and when it ends unless Stripe says more."""

    plan: str
    until: Micros


def entitlement(held: Held, grace: Micros) -> Entitlement | None:
    """Return what a subscription allows, with the time until which it does; None for nothing.

    What renews goes on for the grace, so that a late word of Stripe costs nobody access. What is past due goes on for
    the grace from the first payment that failed: no later failure lengthens it. What is to end, ends.
    """
    if held.status not in SERVED or held.withheld:
        return None
    until = held.period_end + grace
    if held.status == "past_due":
        until = min(until, (held.overdue_since if held.overdue_since is not None else held.created_at) + grace)
    if held.cancel_at is not None:
        until = min(until, held.cancel_at)
    return Entitlement(held.plan, until)


def best(helds: Iterable[Held], grace: Micros, now: Micros) -> Entitlement | None:
    """Return what several subscriptions of one kind allow: what lasts longest, of equals the newer; None for nothing.

    It does not depend on their order.
    """
    found = [
        (allowed.until, held.created_at, held.id, allowed) for held in helds if (allowed := entitlement(held, grace))
    ]
    latest = max(found, default=None)
    return latest[3] if latest is not None and latest[0] > now else None
