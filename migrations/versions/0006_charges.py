"""What exchanges cost, and for which budget."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "charges",
        sa.Column("poll", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("charged_at", sa.BigInteger(), nullable=False),
        sa.Column("feature", _TEXT, nullable=False),
        sa.Column("tier", _TEXT, nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("asked", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("poll"),
    )
    op.create_index("charges_by_source", "charges", ["source", "charged_at"])
