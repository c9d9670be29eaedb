"""What several daemons share out: due instants of schedules, and leases on pipelines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("schedule", _TEXT, nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("schedule"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "instants",
        sa.Column("schedule", _TEXT, nullable=False),
        sa.Column("instant", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("schedule", "instant"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline"),
    )
