"""What binds the signals of each day: the Merkle tree's root, its leaves, and the signature."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "roots",
        sa.Column("day", _TEXT, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", _TEXT, nullable=False),
        sa.Column("previous", _TEXT, nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.Column("signature", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("day"),
    )
