"""Receipts, idempotency keys, service tokens, and backfills that were asked for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _table(name: str, key: str, texts: str = "", wholes: str = "", nullable: str = "") -> None:
    """Create a table from the names of its columns, separated by spaces."""
    kinds = dict.fromkeys(f"{key} {texts}".split(), _TEXT) | {each: sa.BigInteger() for each in wholes.split()}
    op.create_table(
        f"admin_{name}",
        *[
            sa.Column(each, kind, nullable=each in nullable.split(), autoincrement=False)
            for each, kind in kinds.items()
        ],
        sa.PrimaryKeyConstraint(*key.split()),
    )


def upgrade() -> None:
    _table("receipts", "id", "actor operation target reason request_id rows audit", "at")
    op.create_index("admin_receipts_by_time", "admin_receipts", ["at", "id"])
    op.create_index("admin_receipts_by_actor", "admin_receipts", ["actor", "at", "id"])
    _table("claims", "actor idempotency", "fingerprint request_id receipt", "at", "receipt")
    _table("tokens", "id", "name hash scopes successor", "created_at expires_at revoked_at", "revoked_at successor")
    _table("token_uses", "token", "", "at")
    _table(
        "backfills",
        "id",
        "source sport markets state asked_by outcome",
        "start end step most_requests most_events min_remaining asked_at closed_at",
        "most_events closed_at",
    )
