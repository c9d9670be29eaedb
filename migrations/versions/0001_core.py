"""Observations, polls, facts, signals, deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITING = sa.text("state IN ('pending', 'in_flight')")


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "changes",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("line", sa.Double(), nullable=True),
        sa.Column("price", sa.Double(), nullable=True),
        sa.Column("last_update", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "observed_at", "series_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consensus",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("market", _TEXT, nullable=False),
        sa.Column("player", _TEXT, nullable=False),
        sa.Column("outcomes", _TEXT, nullable=False),
        sa.Column("line", sa.Double(), nullable=True),
        sa.Column("fair_line", sa.Double(), nullable=True),
        sa.Column("probabilities", _TEXT, nullable=False),
        sa.Column("prices", _TEXT, nullable=False),
        sa.Column("dispersion", sa.Double(), nullable=True),
        sa.Column("books", sa.BigInteger(), nullable=False),
        sa.Column("operators", sa.BigInteger(), nullable=False),
        sa.Column("contributors", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("event_id", "observed_at", "pipeline", "market", "player"),
    )
    op.create_table(
        "counters",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "coverage",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("market", _TEXT, nullable=False),
        sa.Column("player", _TEXT, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "event_id", "market", "player"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cursors",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "source"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("signal", _TEXT, nullable=False),
        sa.Column("sink", _TEXT, nullable=False),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", _TEXT, nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("error", _TEXT, nullable=True),
        sa.Column("receipt", _TEXT, nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("deliveries_by_state", "deliveries", ["sink", "state"])
    op.create_index(
        "deliveries_in_order",
        "deliveries",
        ["sink", "event", "observed_at", "signal"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["sink", "observed_at", "signal"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_table(
        "disabled_sinks",
        sa.Column("sink", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("options", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("sink"),
    )
    op.create_table(
        "event_starts",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("commence_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "observed_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("sport", _TEXT, nullable=False),
        sa.Column("home", _TEXT, nullable=False),
        sa.Column("away", _TEXT, nullable=False),
        sa.Column("commence_at", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
        sa.UniqueConstraint("event"),
    )
    op.create_index("events_by_start", "events", ["commence_at"])
    op.create_table(
        "failures",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("observation", _TEXT, nullable=False),
        sa.Column("component", _TEXT, nullable=False),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("error", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "observation", "component", "event"),
    )
    op.create_index("failures_by_time", "failures", ["observed_at"])
    op.create_table(
        "issues",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("observation", _TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("event", _TEXT, nullable=True),
        sa.Column("book", _TEXT, nullable=True),
        sa.Column("market", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("pipeline", "observation", "number"),
    )
    op.create_index("issues_by_time", "issues", ["observed_at"])
    op.create_table(
        "latest",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Double(), nullable=True),
        sa.Column("price", sa.Double(), nullable=True),
        sa.Column("last_update", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "series_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "observations",
        sa.Column("position", _POSITION, nullable=False, autoincrement=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("format", _TEXT, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("params", _TEXT, nullable=False),
        sa.Column("request_key", sa.BigInteger(), nullable=False),
        sa.Column("headers", _TEXT, nullable=False),
        sa.Column("origin", _TEXT, nullable=False),
        sa.Column("body_sha256", _TEXT, nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("observations_by_source", "observations", ["source", "position"])
    op.create_index("observations_by_time", "observations", ["received_at"])
    op.create_table(
        "polls",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("elapsed", sa.BigInteger(), nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("params", _TEXT, nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("error", _TEXT, nullable=True),
        sa.Column("code", _TEXT, nullable=True),
        sa.Column("detail", _TEXT, nullable=True),
        sa.Column("credits_remaining", sa.BigInteger(), nullable=True),
        sa.Column("credits_used", sa.BigInteger(), nullable=True),
        sa.Column("credits_last", sa.BigInteger(), nullable=True),
        sa.Column("body_bytes", sa.BigInteger(), nullable=True),
        sa.Column("observation", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("polls_by_observation", "polls", ["observation"])
    op.create_index("polls_by_source", "polls", ["source", "started_at"])
    op.create_table(
        "processed",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("observation", _TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("request_key", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.BigInteger(), nullable=False),
        sa.Column("quotes", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("signals", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "observation"),
        sa.UniqueConstraint("pipeline", "position", name="processed_in_order"),
    )
    op.create_index("processed_by_request", "processed", ["pipeline", "request_key", "received_at"])
    op.create_index("processed_by_time", "processed", ["pipeline", "received_at"])
    op.create_table(
        "records",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("market", _TEXT, nullable=False),
        sa.Column("player", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("event_id", "observed_at", "pipeline", "kind", "market", "player"),
    )
    op.create_table(
        "series",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("book", _TEXT, nullable=False),
        sa.Column("market", _TEXT, nullable=False),
        sa.Column("player", _TEXT, nullable=True),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("rung", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "series_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "signals",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("detector", _TEXT, nullable=False),
        sa.Column("detector_version", _TEXT, nullable=False),
        sa.Column("sport", _TEXT, nullable=False),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("home", _TEXT, nullable=False),
        sa.Column("away", _TEXT, nullable=False),
        sa.Column("commence_at", sa.BigInteger(), nullable=False),
        sa.Column("market", _TEXT, nullable=False),
        sa.Column("player", _TEXT, nullable=True),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("direction", _TEXT, nullable=False),
        sa.Column("operator", _TEXT, nullable=True),
        sa.Column("books", _TEXT, nullable=False),
        sa.Column("magnitude", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("strength", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("observation", _TEXT, nullable=False),
        sa.Column("metadata", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("signals_by_event", "signals", ["event", "observed_at"])
    op.create_index("signals_by_time", "signals", ["observed_at", "id"])
    op.create_table(
        "states",
        sa.Column("pipeline", _TEXT, nullable=False),
        sa.Column("component", _TEXT, nullable=False),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "component", "event"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Already compressed: compressing again costs time and gains nothing.
        op.execute("ALTER TABLE observations ALTER COLUMN body SET STORAGE EXTERNAL")
