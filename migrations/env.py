"""Alembic's environment for the core's revisions and for those of plugins.

stratumd.store.migrate gives the connection and the version table, and asks for one revision at a time: each is one
transaction, whole or not at all, on both databases.
"""

from alembic import context
from sqlalchemy import text

# Daemons that start together on one PostgreSQL migrate one after the other. The number is arbitrary.
_LOCK = text("SELECT pg_advisory_xact_lock(8391361840652735821)")
_NO_TIMEOUT = text("SET LOCAL statement_timeout = 0")

settings = context.config.attributes
connection = settings["connection"]

context.configure(
    connection=connection,
    target_metadata=settings["metadata"],
    version_table=settings["version_table"],
    on_version_apply=settings["applied"],
)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        connection.execute(_NO_TIMEOUT)
        connection.execute(_LOCK)
    context.run_migrations()
