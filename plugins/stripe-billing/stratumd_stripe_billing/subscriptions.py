"""What Stripe says about a customer's subscriptions, read from its objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stratumd.plugin import SECOND, Micros
from stratumd.plugin.partners import Plan
from stratumd_stripe_billing.catalogue import BASE, OVERAGE, PLAN, ROLE
from stratumd_stripe_billing.entitlement import Held


def held(subscription: Mapping[str, Any], overdue: Micros | None, plans: Mapping[str, Plan]) -> Held | None:
    """Return a subscription of ours; None for one to something else.

    `overdue` is when its oldest invoice was made whose payment failed.
    Periods are those of its items: since mixed intervals there is none of the whole
    (docs.stripe.com/changelog/basil/2025-03-31).
    """
    items = subscription["items"]["data"]
    bases = [item for item in items if _role(item) == BASE]
    plan = plans.get(bases[0]["price"]["metadata"][PLAN]) if bases else None
    if plan is None:
        return None
    paused = subscription.get("pause_collection") or {}
    metered = [item["created"] * SECOND for item in items if _role(item) == OVERAGE]
    return Held(
        id=subscription["id"],
        kind=plan.kind,
        plan=plan.name,
        status=subscription["status"],
        created_at=subscription["created"] * SECOND,
        period_end=max(item["current_period_end"] for item in bases) * SECOND,
        cancel_at=_micros(subscription["cancel_at"]),
        overdue_since=overdue,
        withheld=paused.get("behavior") == "void",
        metered_from=min(metered, default=None),
        ended_at=_micros(subscription["ended_at"]),
    )


def overdue_since(invoices: Iterable[Mapping[str, Any]]) -> Micros | None:
    """Return when the oldest of these open invoices was made whose payment was tried."""
    return min((each["created"] * SECOND for each in invoices if each["attempted"]), default=None)


def _role(item: Mapping[str, Any]) -> str | None:
    metadata = item["price"].get("metadata") or {}
    return metadata.get(ROLE) if PLAN in metadata else None


def _micros(seconds: int | None) -> Micros | None:
    return None if seconds is None else seconds * SECOND
