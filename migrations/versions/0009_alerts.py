"""What is wrong now and who was told, how much a notice matters, and the figures of each cycle."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("notices", sa.Column("severity", _TEXT, nullable=False, server_default="info"))
    op.add_column("notices", sa.Column("resolved", _TEXT, nullable=False, server_default=""))
    op.add_column("notices", sa.Column("figures", _TEXT, nullable=False, server_default="{}"))
    op.create_table(
        "alerts",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("title", _TEXT, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=True),
        sa.Column("clear_since", sa.BigInteger(), nullable=True),
        sa.Column("owner", _TEXT, nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "cycles",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("observations", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("latency", sa.BigInteger(), nullable=False),
        sa.Column("requests_used_delta", sa.BigInteger(), nullable=False),
        sa.Column("requests_last", sa.BigInteger(), nullable=True),
        sa.Column("snapshots_inserted", sa.BigInteger(), nullable=False),
        sa.Column("consensus_points_written", sa.BigInteger(), nullable=False),
        sa.Column("signals_created_by_type", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "position"),
    )
    op.create_index("cycles_by_time", "cycles", ["finished_at"])
