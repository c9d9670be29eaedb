"""What several daemons on one database share out among them: due instants, and the work on pipelines.

SQLite has one daemon, which its file's lock makes sure of: that one holds every pipeline without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine

from stratumd.plugin import SECOND, Micros
from stratumd.store import instants, leases
from stratumd.store.errors import mapped
from stratumd.store.instants import Newest, Taken
from stratumd.store.leases import Lease
from stratumd.store.writes import Bulk

T = TypeVar("T")

LEASE: Micros = 10 * SECOND
"""How long a daemon that says nothing keeps its pipelines, where the configuration does not say."""


class _Write(Protocol):
    def __call__(self, name: str, work: Callable[[Connection, Bulk], T], /) -> T: ...


class Sharing:
    """One daemon's part in it. The methods block, may be called from any thread, and may be repeated."""

    def __init__(self, write: _Write, readers: Engine, owner: str, lease: Micros) -> None:
        self.owner = owner
        """As `Lease.owner` names this daemon."""
        self.lease = lease
        """How long one lasts that is not renewed."""
        self.shared = readers.dialect.name == "postgresql"
        """Whether there may be other daemons."""
        self._write = write
        self._readers = readers
        self.claim: Micros = leases.CLAIM * lease
        """How long a delivery stays with a daemon that says nothing."""
        self._epochs: dict[str, int] = {}

    def newest(self, schedule: str) -> Newest:
        """Return where a schedule stands."""
        with mapped(), self._readers.begin() as connection:
            return instants.newest(connection, schedule)

    def take(self, schedule: str, instant: Micros, gap: Micros) -> Taken:
        """Take a due instant, unless it, one after it, or one less than `gap` before it is taken; 0 asks for it alone.

        Whoever has taken it may ask again, and still has it: an answer may have been lost.
        """
        return self._write("take", lambda connection, _: instants.take(connection, schedule, instant, gap, self.owner))

    def hold(self, pipeline: str) -> Lease:
        """Ask for the work on a pipeline, and return who has it. Ask once, then `beat`: each time is a new epoch."""
        if not self.shared:
            return Lease(pipeline, self.owner, 0, self.lease)
        found = self._write("hold", lambda connection, _: leases.acquire(connection, pipeline, self.owner, self.lease))
        if found.owner == self.owner:
            self._epochs[pipeline] = found.epoch
        return found

    def beat(self) -> None:
        """Renew what this daemon holds: pipelines, and deliveries that it is sending. Call it well within a lease."""
        if self.shared:
            self._write("beat", lambda connection, _: leases.renew(connection, self.owner, self.lease))

    def let_go(self, pipeline: str) -> None:
        """Give up the work on a pipeline; nothing of it is committed from then on."""
        if self.shared:
            self._epochs[pipeline] = 0
            self._write("let go", lambda connection, _: leases.release(connection, pipeline, self.owner))

    def holders(self) -> list[Lease]:
        """Return who works each pipeline that ever was held; nothing where there is one daemon only."""
        if not self.shared:
            return []
        with mapped(), self._readers.begin() as connection:
            return leases.holders(connection)

    def require(self, connection: Connection, pipelines: Iterable[str]) -> None:
        """Make sure, inside a transaction, that those of `pipelines` that this daemon held are its own still.

        `LeaseLost` otherwise. What was never held, as in a replay, needs no lease.
        """
        for pipeline in sorted(self._epochs.keys() & set(pipelines)):
            leases.require(connection, pipeline, self.owner, self._epochs[pipeline], self.lease)
