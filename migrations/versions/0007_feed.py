"""The feed of signals in the order of their commits, and the audit of what people do."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("sequence", _POSITION, nullable=False, autoincrement=False),
        sa.Column("signal", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("signal", name="feed_of_signals"),
    )
    op.execute(
        "INSERT INTO feed (sequence, signal) SELECT row_number() OVER (ORDER BY observed_at, id), id FROM signals"
    )
    op.execute("INSERT INTO counters (name, value) SELECT 'feed', count(*) FROM feed")
    op.create_table(
        "audit",
        sa.Column("sequence", _POSITION, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *[
            sa.Column(name, _TEXT, nullable=False)
            for name in ("actor", "action", "target", "before", "after", "reason", "request_id", "previous", "hash")
        ],
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("audit_by_actor", "audit", ["actor", "sequence"])
    op.create_index("audit_by_target", "audit", ["target", "sequence"])
