"""Accounts, rights and usage of the stand-in."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "partners_accounts", sa.Column("id", sa.Text(), primary_key=True), sa.Column("email", sa.Text(), nullable=False)
    )
    op.create_table(
        "partners_rights",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("plan", sa.Text()),
        sa.Column("until", sa.BigInteger()),
        sa.Column("grants", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "partners_usage",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
    )
