"""What each pipeline was built from, and since which of its steps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "builds",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "position"),
        sqlite_with_rowid=False,
    )
