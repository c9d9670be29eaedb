"""Closing lines, values of signals, first movers."""

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
    number: Any = sa.Double()
    _table(
        "clv_events",
        {"pipeline": _TEXT, "event": _TEXT},
        {"sport": _TEXT, "commence_at": whole, "observed_until": whole, "signals": whole, "options": _TEXT},
    )
    _table(
        "clv_closings",
        {"pipeline": _TEXT, "event": _TEXT, "convention": _TEXT},
        {"cutoff_at": whole, "closed_at": whole},
        ("closed_at",),
    )
    _table(
        "clv_markets",
        {"pipeline": _TEXT, "event": _TEXT, "convention": _TEXT, "market": _TEXT},
        {
            "quality": _TEXT, "operators": whole, "books": whole, "outcomes": _TEXT, "line": number,
            "fair_line": number, "probabilities": _TEXT, "oldest_seconds": number,
        },
        ("line", "fair_line", "oldest_seconds"),
    )  # fmt: skip
    _table(
        "clv_books",
        {"pipeline": _TEXT, "event": _TEXT, "closed_at": whole, "market": _TEXT, "book": _TEXT},
        {
            "operator": _TEXT, "outcomes": _TEXT, "line": number, "fair_line": number, "prices": _TEXT,
            "probabilities": _TEXT, "hold": number, "changed_at": whole, "confirmed_at": whole,
            "early_error": number,
        },
        ("line", "fair_line", "early_error"),
    )  # fmt: skip
    _table(
        "clv_values",
        {"pipeline": _TEXT, "signal": _TEXT, "reference": _TEXT, "after_seconds": whole},
        {
            "event": _TEXT, "sport": _TEXT, "type": _TEXT, "market": _TEXT, "outcome": _TEXT, "observed_at": whole,
            "strength": whole, "bucket": _TEXT, "score": number, "tier": _TEXT, "score_source": _TEXT,
            "status": _TEXT, "book": _TEXT, "line": number, "price": number, "close_line": number,
            "close_probability": number, "ev": number, "log": number, "points": number, "baseline": number,
            "quality": _TEXT,
        },
        ("book", "line", "price", "close_line", "close_probability", "ev", "log", "points", "baseline"),
    )  # fmt: skip
    op.create_index("clv_values_by_event", "clv_values", ["pipeline", "event"])
    _table(
        "clv_firsts",
        {"pipeline": _TEXT, "signal": _TEXT, "operator": _TEXT},
        {"event": _TEXT, "market": _TEXT, "first": whole},
    )
    op.create_index("clv_firsts_by_event", "clv_firsts", ["pipeline", "event"])
