"""Customers, subscriptions, events and the queue of meter events."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _table(name: str, key: dict[str, Any], facts: dict[str, Any], nullable: tuple[str, ...] = ()) -> None:
    op.create_table(
        f"stripe_billing_{name}",
        *[sa.Column(column, kind, nullable=False, autoincrement=False) for column, kind in key.items()],
        *[sa.Column(column, kind, nullable=column in nullable) for column, kind in facts.items()],
        sa.PrimaryKeyConstraint(*key),
    )


def upgrade() -> None:
    whole: Any = sa.BigInteger()
    _table(
        "catalogue",
        {"id": _TEXT},
        {"name": _TEXT, "role": _TEXT, "plan": _TEXT, "current": whole, "made_at": whole},
    )
    _table("customers", {"account": _TEXT}, {"customer": _TEXT, "drawn": whole, "applied": whole})
    op.create_index("stripe_billing_customers_id", "stripe_billing_customers", ["customer"])
    _table(
        "subscriptions",
        {"id": _TEXT},
        {
            **{"account": _TEXT, "kind": _TEXT, "plan": _TEXT, "status": _TEXT, "created_at": whole},
            **{"period_end": whole, "cancel_at": whole, "overdue_since": whole, "metered_from": whole},
            "ended_at": whole,
        },
        ("cancel_at", "overdue_since", "metered_from", "ended_at"),
    )
    op.create_index("stripe_billing_subscriptions_account", "stripe_billing_subscriptions", ["account"])
    _table("grants", {"account": _TEXT, "kind": _TEXT}, {"plan": _TEXT, "until": whole}, ("plan", "until"))
    _table("events", {"id": _TEXT}, {"type": _TEXT, "created_at": whole, "at": whole, "account": _TEXT})
    op.create_index("stripe_billing_events_at", "stripe_billing_events", ["at"])
    _table(
        "sessions",
        {"account": _TEXT, "kind": _TEXT},
        {
            **{"plan": _TEXT, "attempt": whole, "session": _TEXT, "url": _TEXT},
            **{"begun_at": whole, "expires_at": whole},
        },
    )
    _table(
        "meter_events",
        {"account": _TEXT, "hour": whole, "revision": whole},
        {
            **{"customer": _TEXT, "value": whole, "total": whole, "state": _TEXT, "attempts": whole},
            **{"tried_at": whole, "retry_at": whole, "problem": _TEXT},
        },
        ("tried_at",),
    )
    op.create_index("stripe_billing_meter_events_due", "stripe_billing_meter_events", ["state", "retry_at"])
    op.create_index("stripe_billing_meter_events_hour", "stripe_billing_meter_events", ["hour"])
    _table("orders", {"id": _TEXT}, {"account": _TEXT, "subscription": _TEXT, "what": _TEXT, "at": whole})
    _table("marks", {"name": _TEXT}, {"value": whole})


def downgrade() -> None:
    names = (
        "marks",
        "orders",
        "meter_events",
        "sessions",
        "events",
        "grants",
        "subscriptions",
        "customers",
        "catalogue",
    )
    for name in names:
        op.drop_table(f"stripe_billing_{name}")
