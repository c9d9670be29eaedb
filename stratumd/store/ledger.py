"""The store as a job of one pipeline sees it: the `Ledger` of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, select

from stratumd.plugin import ConsensusPoint, Drop, EventPast, KnownEvent, Micros, Row, Signal
from stratumd.store import pasts, points, shelves
from stratumd.store.errors import mapped
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import signals
from stratumd.store.writes import Bulk, bulk_of

R = TypeVar("R", bound=Row)

_AT_ONCE = 500
_PASTS = 50  # events whose quotes are held at once


class Write(Protocol):
    """Runs work in one writing transaction."""

    def __call__(self, work: Callable[[Connection, Bulk], None], /) -> None:
        """Run `work`, again from the start where the database asks for it."""


def writing(engine: Engine) -> Write:
    """Return what writes through `engine`, for who has no store open."""

    def write(work: Callable[[Connection, Bulk], None], /) -> None:
        with mapped(), engine.begin() as connection:
            work(connection, bulk_of(connection))

    return write


class StoreLedger:
    """Reads what is committed, and writes a plugin's own rows."""

    def __init__(self, pipeline: str, readers: Engine, write: Write) -> None:
        self._pipeline = pipeline
        self._readers = readers
        self._write = write

    def events(self, *, since: Micros | None = None, until: Micros | None = None) -> list[KnownEvent]:
        """Return the pipeline's events whose newest start lies in [since, until), by start and id."""
        with mapped(), self._readers.begin() as connection:
            return pasts.known_events(connection, self._pipeline, since, until)

    def pasts(self, events: Sequence[str]) -> Iterator[EventPast]:
        """Yield what was observed of these events, by id, in their order; events that are not known are left out."""
        lanes: pasts.Lanes | None = None
        for start in range(0, len(events), _PASTS):
            with mapped(), self._readers.begin() as connection:
                lanes = lanes or pasts.Lanes(connection, self._pipeline)
                found = pasts.pasts(connection, self._pipeline, events[start : start + _PASTS], lanes)
            yield from found  # outside of the transaction: nobody knows how long the job takes over each

    def consensus(self, event: str) -> list[tuple[Micros, ConsensusPoint]]:
        """Return the stored consensus of all markets of an event, oldest first."""
        with mapped(), self._readers.begin() as connection:
            found = points.history(connection, event, self._pipeline)
        return [(row.observed_at, row.point) for row in found]

    def signals(self, events: Sequence[str]) -> list[Signal]:
        """Return the pipeline's signals about these events, by time and id."""
        found = []
        with mapped(), self._readers.begin() as connection:
            for start in range(0, len(events), _AT_ONCE):
                some = signals.c.event.in_(events[start : start + _AT_ONCE])
                query = select(*COLUMNS).where(signals.c.pipeline == self._pipeline, some)
                found += [restored_signal(row) for row in connection.execute(query)]
        return sorted(found, key=lambda signal: (signal.observed_at, signal.id))

    def rows(self, kind: type[R], **equal: Any) -> list[R]:
        """Return the rows whose fields have these values, by key."""
        with mapped(), self._readers.begin() as connection:
            return shelves.fetch(connection, kind, equal)

    def write(self, put: Iterable[Row] = (), drop: Iterable[Drop] = ()) -> None:
        """Drop rows, then put rows: both or nothing."""
        rows, gone = list(put), list(drop)
        if not rows and not gone:
            return

        def work(connection: Connection, bulk: Bulk) -> None:
            shelves.drop(connection, gone)
            shelves.put(bulk, rows)

        self._write(work)
