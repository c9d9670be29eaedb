"""Leases: which daemon works a pipeline. Only the database's time says whether one has run out.

Each new holder raises the epoch. A holder that was frozen meanwhile finds another epoch in the transaction of its next
commit, and commits nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Select, and_, or_, select, text, update

from stratumd.plugin import Micros
from stratumd.store.clock import clock
from stratumd.store.errors import LeaseLost
from stratumd.store.tables import deliveries, leases

CLAIM = 6
"""Leases that a delivery stays with a daemon that says nothing. A database that fails over is back before, so that what
was sent meanwhile is marked by its sender, not sent again by another."""
_ADD = text(
    "INSERT INTO leases (pipeline, owner, epoch, until) VALUES (:pipeline, '', 0, 0) ON CONFLICT (pipeline) DO NOTHING"
)
# Literal, because a partial index is used only where the statement itself says what the index says.
_WAITS = text("state IN ('pending', 'in_flight')")


class Lease(NamedTuple):
    """Who works a pipeline."""

    pipeline: str
    owner: str
    """As `Owner` writes it: host, boot, process, token; empty where nobody ever did."""
    epoch: int
    """Raised by each new holder."""
    left: Micros
    """How long it still is valid; negative where it has run out or was let go."""


def acquire(connection: Connection, pipeline: str, owner: str, length: Micros) -> Lease:
    """Take the lease of `pipeline` where it is free, has run out, or is the owner's already; return whose it is."""
    free = or_(leases.c.until < clock(connection), leases.c.owner == owner)
    # A commit of the owner's whose answer got lost may still be under way, and nothing is to be read before its end.
    own = select(leases.c.pipeline).where(leases.c.pipeline == pipeline, leases.c.owner == owner)
    connection.execute(own.with_for_update())
    # Who else has the row at the moment renews it or takes it over: neither is worth waiting for.
    found = select(leases.c.pipeline).where(leases.c.pipeline == pipeline, free).with_for_update(skip_locked=True)
    values = {"owner": owner, "epoch": leases.c.epoch + 1, "until": clock(connection) + length}
    take = update(leases).where(leases.c.pipeline.in_(found)).values(values)
    theirs = _leases(connection).where(leases.c.pipeline == pipeline)
    if connection.execute(take).rowcount == 0 and connection.execute(theirs).first() is None:
        connection.execute(_ADD, {"pipeline": pipeline})
        connection.execute(take)
    return Lease._make(connection.execute(theirs).one())


def require(connection: Connection, pipeline: str, owner: str, epoch: int, length: Micros) -> None:
    """Renew a lease inside the transaction at hand, before whose end nobody takes it over. `LeaseLost`."""
    held = and_(leases.c.pipeline == pipeline, leases.c.owner == owner, leases.c.epoch == epoch)
    renewed = update(leases).where(held).values(until=clock(connection) + length)
    if connection.execute(renewed).rowcount == 0:
        raise LeaseLost(f"another daemon works the pipeline {pipeline!r} now")


def renew(connection: Connection, owner: str, length: Micros) -> None:
    """Renew every lease and every claimed delivery of `owner` that nobody else took."""
    held = and_(leases.c.owner == owner, leases.c.until > 0)
    connection.execute(update(leases).where(held).values(until=clock(connection) + length))
    claimed = and_(deliveries.c.owner == owner, deliveries.c.state == "in_flight", _WAITS)
    connection.execute(update(deliveries).where(claimed).values(lease_until=clock(connection) + CLAIM * length))


def release(connection: Connection, pipeline: str, owner: str) -> None:
    """Let go of a lease, so that another daemon need not wait for its end."""
    held = and_(leases.c.pipeline == pipeline, leases.c.owner == owner)
    connection.execute(update(leases).where(held).values(until=0))


def holders(connection: Connection) -> list[Lease]:
    """Return every lease, by pipeline."""
    return [Lease._make(row) for row in connection.execute(_leases(connection).order_by(leases.c.pipeline))]


def _leases(connection: Connection) -> Select[tuple[str, str, int, int]]:
    columns = leases.c
    return select(columns.pipeline, columns.owner, columns.epoch, columns.until - clock(connection))
