"""The contributors of consensus points as bytes, compressed. Old ones stay the text that they are, and are read so."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE consensus ALTER COLUMN contributors TYPE bytea USING convert_to(contributors, 'UTF8')")
        # New ones are compressed already. After the other statement, which compresses the old ones.
        op.execute("ALTER TABLE consensus ALTER COLUMN contributors SET STORAGE EXTERNAL")
        return
    op.rename_table("consensus", "consensus_before")
    op.create_table(
        "consensus",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("player", sa.Text(), nullable=False),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.Column("line", sa.Double(), nullable=True),
        sa.Column("fair_line", sa.Double(), nullable=True),
        sa.Column("probabilities", sa.Text(), nullable=False),
        sa.Column("prices", sa.Text(), nullable=False),
        sa.Column("dispersion", sa.Double(), nullable=True),
        sa.Column("books", sa.BigInteger(), nullable=False),
        sa.Column("operators", sa.BigInteger(), nullable=False),
        sa.Column("contributors", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "observed_at", "pipeline", "market", "player"),
    )
    op.execute(
        "INSERT INTO consensus SELECT event_id, observed_at, pipeline, market, player, outcomes, line, fair_line,"
        " probabilities, prices, dispersion, books, operators, CAST(contributors AS BLOB), reason"
        " FROM consensus_before ORDER BY rowid"
    )
    op.drop_table("consensus_before")
