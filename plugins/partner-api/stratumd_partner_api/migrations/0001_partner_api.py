"""Usage, webhooks of partners with their deliveries, and what several daemons share."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _table(name: str, key: dict[str, Any], facts: dict[str, Any], nullable: tuple[str, ...] = ()) -> None:
    op.create_table(
        name,
        *[sa.Column(column, kind, nullable=False, autoincrement=False) for column, kind in key.items()],
        *[sa.Column(column, kind, nullable=column in nullable) for column, kind in facts.items()],
        sa.PrimaryKeyConstraint(*key),
    )


def upgrade() -> None:
    whole: Any = sa.BigInteger()
    _table("partner_api_secrets", {"name": _TEXT}, {"value": _TEXT, "made_at": whole})
    _table("partner_api_hours", {"hour": whole, "account": _TEXT, "credential": _TEXT}, {"requests": whole})
    op.create_index("partner_api_hours_by_account", "partner_api_hours", ["account", "hour"])
    _table("partner_api_months", {"account": _TEXT, "month": _TEXT}, {"requests": whole})
    _table("partner_api_flushes", {"process": _TEXT}, {"number": whole, "at": whole})
    op.create_index("partner_api_flushes_by_time", "partner_api_flushes", ["at"])
    _table("partner_api_warnings", {"account": _TEXT, "month": _TEXT, "percent": whole}, {"at": whole})
    _table(
        "partner_api_webhooks",
        {"id": _TEXT},
        {
            "account": _TEXT, "url": _TEXT, "types": _TEXT, "markets": _TEXT, "min_strength": whole,
            "generation": whole, "overlap_until": whole, "created_at": whole, "position": whole, "disabled": _TEXT,
            "failing_since": whole, "rest_until": whole,
        },
        ("failing_since",),
    )  # fmt: skip
    op.create_index("partner_api_webhooks_by_account", "partner_api_webhooks", ["account"])
    _table("partner_api_leases", {"webhook": _TEXT}, {"process": _TEXT, "until": whole})
    _table(
        "partner_api_deliveries",
        {"id": _TEXT},
        {
            "webhook": _TEXT, "sequence": whole, "signal": _TEXT, "event": _TEXT, "state": _TEXT, "attempts": whole,
            "due_at": whole, "status": whole, "error": _TEXT, "created_at": whole, "ended_at": whole,
        },
        ("status", "ended_at"),
    )  # fmt: skip
    op.create_index("partner_api_deliveries_waiting", "partner_api_deliveries", ["webhook", "state", "sequence"])
    op.create_index("partner_api_deliveries_in_order", "partner_api_deliveries", ["webhook", "sequence"])
    op.create_index("partner_api_deliveries_ended", "partner_api_deliveries", ["ended_at"])
