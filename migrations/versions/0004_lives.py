"""The life of an event: phases, scores, and which event a score provider's game belongs to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "event_phases",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("phase", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("home_score", sa.BigInteger(), nullable=True),
        sa.Column("away_score", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "observed_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_results",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("phase", _TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("game", _TEXT, nullable=False),
        sa.Column("home_score", sa.BigInteger(), nullable=True),
        sa.Column("away_score", sa.BigInteger(), nullable=True),
        sa.Column("clock", _TEXT, nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_table(
        "games",
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("game", _TEXT, nullable=False),
        sa.Column("sport", _TEXT, nullable=False),
        sa.Column("home", _TEXT, nullable=False),
        sa.Column("away", _TEXT, nullable=False),
        sa.Column("commence_at", sa.BigInteger(), nullable=False),
        sa.Column("phase", _TEXT, nullable=False),
        sa.Column("home_score", sa.BigInteger(), nullable=True),
        sa.Column("away_score", sa.BigInteger(), nullable=True),
        sa.Column("clock", _TEXT, nullable=False),
        sa.Column("named", _TEXT, nullable=True),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("observation", _TEXT, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("matched_by", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("source", "game"),
    )
    op.create_index("games_by_event", "games", ["event_id"])
    op.create_index("games_by_start", "games", ["sport", "commence_at"])
    op.create_table(
        "game_matches",
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("game", _TEXT, nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("matched_by", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("source", "game", "decided_at"),
    )
