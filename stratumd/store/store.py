"""The writing side of the store: what the daemon and `stratumd replay` write, and read back to go on."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Select, select
from sqlalchemy.exc import DBAPIError

from stratumd import failpoints
from stratumd.engine.outcome import StateChange, Step
from stratumd.plugin import Delivery, Micros, Notice, Observation, Poll, Record, Signal
from stratumd.plugin.views import PauseRow
from stratumd.store import (
    backlog,
    breakers,
    charges,
    counters,
    cycles,
    deliveries,
    engines,
    feed,
    history,
    lives,
    moving,
    notices,
    pauses,
    retention,
    rewriting,
    scores,
    sinks,
    writes,
)
from stratumd.store.alerts import Alerts
from stratumd.store.answers import Answered
from stratumd.store.batch import Batch, Known, Rows
from stratumd.store.breakers import Outage
from stratumd.store.charges import Charge
from stratumd.store.checkpoints import Checkpoints
from stratumd.store.cycles import Kpi
from stratumd.store.deliveries import Waiting
from stratumd.store.desk import StoreDesk, serializable
from stratumd.store.errors import (
    DEADLOCK_DETECTED,
    SERIALIZATION_FAILURE,
    StoreDown,
    StoreError,
    StoreRefused,
    mapped,
    sqlstate,
)
from stratumd.store.ledger import StoreLedger
from stratumd.store.lock import FileLock, Owner
from stratumd.store.lookup import find_event
from stratumd.store.moving import Moved
from stratumd.store.notices import Notices
from stratumd.store.observations import Recorder, fetch, poll_row
from stratumd.store.points import last_seen, newest_records
from stratumd.store.reader import Reader
from stratumd.store.retention import Cleaned, Keep
from stratumd.store.rewriting import Rewritten
from stratumd.store.roots import Roots
from stratumd.store.sharing import LEASE, Sharing
from stratumd.store.sinks import Disabled
from stratumd.store.tables import processed, states
from stratumd.store.writes import Bulk, bulk_of, rows_written

T = TypeVar("T")

_CHUNK = 200  # observations read at once: a few megabytes
_RETRIES = 5
_FIRST_PAUSE = 0.02  # seconds, doubled with each retry


class NewDelivery(msgspec.Struct, frozen=True):
    """A signal that is to be delivered to one sink."""

    id: str
    signal: Signal
    sink: str


class Commit(msgspec.Struct, frozen=True):
    """A step with the deliveries that follow from it: committed together, or not at all."""

    step: Step
    deliveries: tuple[NewDelivery, ...] = ()
    build: str | None = None
    """What the pipeline that stepped is built from, as JSON, the same text for the same build; kept where it is another
    than before."""
    kpi: Kpi | None = None
    """With the last step of a cycle: the figures of all of it."""


class Store:
    """One writer. Its methods block, may be called from any thread, and may be repeated with the same arguments.

    Every method raises a `StoreError` that says how to react; then nothing of the call was written.
    """

    def __init__(
        self,
        engine: Engine,
        readers: Engine,
        owner: Owner,
        lock: FileLock | None,
        lease: Micros = LEASE,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._engine = engine
        self._readers = readers
        self._owner = owner
        self._file_lock = lock
        self.checkpoints = checkpoints
        """What brings SQLite's log into the file; None with PostgreSQL, which does it by itself."""
        self._turn = threading.RLock()
        self._known = Known()
        self._floors: dict[str, dict[str, int]] = {}
        self.sharing = Sharing(self._write, readers, str(owner), lease)
        """What is shared out among several daemons."""
        self.notices = Notices(self._write, readers, str(owner), self.sharing.claim)
        """What the daemon has to tell, and what became of it."""
        self.alerts = Alerts(self._write, readers, str(owner))
        """What is wrong, and who was told."""
        self.roots = Roots(self._read, partial(self._write, "roots"))
        """What binds the signals of each day."""
        self._desks: Engine | None = None
        self._held: set[str] = set()
        """Deliveries that are known to be lent to this process: a claim may have been committed without its answer."""

    def close(self) -> None:
        """Close every connection and let go of the lock."""
        if self.checkpoints is not None:
            self.checkpoints.close()
        self._engine.dispose()
        self._readers.dispose()
        if self._desks is not None:
            self._desks.dispose()
        if self._file_lock is not None:
            self._file_lock.close()
            self._file_lock = None

    def observe(self, polls: Sequence[tuple[str, Poll]]) -> list[str]:
        """Store what sources were answered, and the poll log: (source name, poll). T1, one transaction.

        Returns the ids of the exchanges in the log.
        """
        self._check()
        answers = [poll.observation for _, poll in polls if poll.observation is not None]
        recorder = Recorder()
        bodies = [recorder.row(0, answer)[1:] for answer in answers]
        log = [poll_row(source, poll) for source, poll in polls]
        costs = [charges.row(row[0], *poll) for row, poll in zip(log, polls, strict=True)]

        def write(connection: Connection, bulk: Bulk) -> None:
            if bodies:
                first = counters.advance(connection, "observations", len(bodies)) - len(bodies) + 1
                bulk(writes.OBSERVATIONS, [(first + n, *body) for n, body in enumerate(bodies)])
            if log:
                bulk(writes.POLLS, log)
                bulk(writes.CHARGES, costs)

        self._write("observe", write)
        return [row[0] for row in log]

    def commit(self, commits: Sequence[Commit]) -> None:
        """Store all that follows from these steps. T2, one transaction; steps that are there already are left out.

        `LeaseLost` where another daemon works one of the pipelines by now.
        """
        self._check()

        def write(connection: Connection, bulk: Bulk) -> Batch:
            self.sharing.require(connection, {commit.step.pipeline for commit in commits})
            batch = self._batch(connection, commits)
            floors = self._new_floors(commits)
            with bulk.together():
                for statement, rows in batch.tables():
                    bulk(statement, rows)
                if floors:
                    bulk(writes.CURSORS, floors.values())
            lives.settle(connection, bulk, batch.lives)
            cycles.append(connection, batch.cycles)
            feed.append(connection, bulk, batch.signals)  # last: every other commit waits for this number
            return batch

        with self._turn:
            self._known.learn(self._write("commit", write))
            for commit in commits:
                self._floors.pop(commit.step.pipeline, None)

    def rewrite(
        self,
        pipeline: str,
        steps: Callable[[], Iterable[tuple[int, Step]]],
        kept: Collection[str],
        *,
        check: bool = False,
    ) -> list[Rewritten]:
        """Replace all that follows from the pipeline's steps, but for the observations `kept`, in one transaction.

        With `check` it is rolled back. `StoreRefused` where a daemon works the pipeline, or an answer is missing.
        """
        found: list[Rewritten] = []

        def write(connection: Connection, bulk: Bulk) -> None:
            self.sharing.require(connection, [pipeline])
            found[:] = rewriting.rewrite(connection, bulk, pipeline, steps(), kept)
            if check:
                raise rewriting.Checked

        if self.sharing.hold(pipeline).owner != self.sharing.owner:
            raise StoreRefused(f"a daemon works the pipeline {pipeline!r}: stop it first")
        try:
            with self._turn, suppress(rewriting.Checked):
                self._write("rewrite", write)
                self._known = Known()
        finally:
            self.sharing.let_go(pipeline)
        return found

    def clean(self, keep: Keep, now: Micros, rows: int = retention.ROWS) -> Iterator[Cleaned]:
        """Delete what is older than `keep` says at `now`: each item is a transaction, after which others may write.

        One deletes up to `rows` rows of a table.
        """

        return retention.clean(self._read, partial(self._write, "clean"), keep, now, rows)

    def restore(self, folder: Path) -> list[Moved]:
        """Read what an export wrote into `folder` back into tables that are empty, all of it or nothing."""

        def write(connection: Connection, bulk: Bulk) -> list[Moved]:
            return [*moving.restore(connection, bulk, folder)]

        return self._write("restore", write)

    def pending(self, pipeline: str, sources: Sequence[str], limit: int) -> list[Observation]:
        """Return the first observations that the pipeline has not processed, by the time received and the id."""
        with mapped(), self._readers.begin() as connection:
            known = backlog.floors(connection, pipeline)
            start = {source: known.get(source, 0) for source in sources}
            ids, floors = backlog.pending(connection, pipeline, start, limit)
            found = list(fetch(connection, ids))
        with self._turn:
            self._floors[pipeline] = floors
        return found

    def rebuild(self, pipeline: str, sources: Sequence[str], lookback: Micros) -> Iterator[tuple[Observation, Micros]]:
        """Yield the processed observations that the board is made of, with when they were taken, in that order."""
        with mapped(), self._readers.begin() as connection:
            taken = backlog.rebuilding(connection, pipeline, sources, lookback)
            found = fetch(connection, [id for id, _ in taken])
            yield from zip(found, [at for _, at in taken], strict=True)

    def states(self, pipeline: str) -> list[StateChange]:
        """Return all that the pipeline's components remember, in the order of component and event."""
        query = select(states).where(states.c.pipeline == pipeline).order_by(states.c.component, states.c.event)
        with mapped(), self._readers.begin() as connection:
            rows = connection.execute(query).all()
        return [StateChange(row.component, row.event, row.body.encode()) for row in rows]

    def records(self, pipeline: str) -> list[tuple[str, Record]]:
        """Return the newest consensus of each market of the events that were observed lately: (event id, record)."""
        with mapped(), self._readers.begin() as connection:
            return newest_records(connection, pipeline)

    def seen(self, pipeline: str) -> dict[str, Micros]:
        """Return when each event was covered last, by event id."""
        with mapped(), self._readers.begin() as connection:
            return last_seen(connection, pipeline)

    def claim(self, sink: str, limit: int, now: Micros, *, fresh: bool = False) -> list[Delivery]:
        """Take up to `limit` deliveries due at `now`, oldest first; per event no more than one is in flight.

        With `fresh`, what is worth nothing any more expires before.
        """
        owner, lease = str(self._owner), self.sharing.claim

        def take(connection: Connection, _: Bulk) -> list[Delivery]:
            if fresh:
                deliveries.expire(connection, sink, now)
            return deliveries.claim(connection, sink, limit, now, owner, lease, sorted(self._held))

        with self._turn:
            found = self._write("claim", take)
            self._held.update(delivery.id for delivery in found)
        return found

    def delivered(self, ids: Sequence[str], now: Micros, receipt: str | None = None) -> None:
        """Settle deliveries that arrived. Those whose lease was lost meanwhile stay with the new owner."""
        owner = str(self._owner)
        self._write("delivered", lambda connection, _: deliveries.delivered(connection, ids, now, receipt, owner))
        self._held.difference_update(ids)

    def failed(self, id: str, now: Micros, error: str, retry_at: Micros | None) -> None:
        """Put a delivery back until `retry_at`, or into the dead letters where that is None."""
        owner = str(self._owner)
        self._write("failed", lambda connection, _: deliveries.failed(connection, id, now, error, retry_at, owner))
        self._held.discard(id)

    def expire(self, sink: str, now: Micros) -> int:
        """Settle as expired what waits for `sink` and is worth nothing any more. Returns how many."""
        return self._write("expire", lambda connection, _: deliveries.expire(connection, sink, now))

    def release(self) -> int:
        """At start: put back what was in flight with the daemon before. Returns how many.

        Several daemons leave each other's deliveries alone until their leases have run out.
        """
        if self.sharing.shared:
            return 0
        return self._write("release", lambda connection, _: deliveries.release(connection, str(self._owner)))

    def notify(self, notice: Notice) -> bool:
        """Store a notice, which is sent from then on. Returns False where it is there already."""
        return self._write("notify", lambda connection, bulk: notices.add(connection, bulk, notice))

    def disable(self, sink: str, found: Disabled, notice: Notice | None = None) -> None:
        """Remember that a sink is off, until `enable`. Where it was not, `notice` goes to the others."""

        def write(connection: Connection, bulk: Bulk) -> None:
            if sinks.disable(connection, sink, found) and notice is not None:
                notices.add(connection, bulk, notice, sink)

        self._write("disable", write)

    def enable(self, sink: str, notice: Notice | None = None) -> bool:
        """Forget that a sink is off, and let `notice` tell the others. Returns False where it was not."""

        def write(connection: Connection, bulk: Bulk) -> bool:
            was = sinks.enable(connection, sink)
            if was and notice is not None:
                notices.add(connection, bulk, notice, sink)
            return was

        return self._write("enable", write)

    def disabled(self) -> dict[str, Disabled]:
        """Return the sinks that are off, by name."""
        with mapped(), self._readers.begin() as connection:
            return sinks.disabled(connection)

    def trip(self, kind: str, name: str, outage: Outage) -> None:
        """Remember that a component is left alone, until `mend`."""
        self._write("trip", lambda connection, _: breakers.trip(connection, kind, name, outage))

    def mend(self, kind: str, name: str) -> None:
        """Forget that it is."""
        self._write("mend", lambda connection, _: breakers.mend(connection, kind, name))

    def outage(self, kind: str, name: str) -> Outage | None:
        """Return what is known of a component's outage; None where it has none."""
        with mapped(), self._readers.begin() as connection:
            return breakers.outage(connection, kind, name)

    def paused(self, now: Micros) -> list[PauseRow]:
        """Return the sources and jobs that a person paused, by name."""
        with mapped(), self._readers.begin() as connection:
            return pauses.paused(connection, now)

    def answered(self, source: str) -> Answered:
        """Return what is stored of `source`, by what was asked."""
        return Answered(self._readers, source)

    def over(self, since: Micros) -> list[str]:
        """Return the events that are final or cancelled, by a word from `since` on."""
        with mapped(), self._readers.begin() as connection:
            return scores.over(connection, since)

    def match_game(self, source: str, game: str, event: str | None, *, by: str, note: str, at: Micros) -> bool:
        """Give a score provider's game the event that the person `by` chose, or none, for good.

        Returns False where there is no such game; `UnknownEventError` where no event begins with `event`, or several.
        """

        def write(connection: Connection, bulk: Bulk) -> bool:
            chosen = None if event is None else find_event(connection, event)
            return scores.decide(connection, bulk, source, game, chosen, by=by, note=note, at=at)

        return self._write("match", write)

    def charges(self, source: str, since: Micros) -> list[Charge]:
        """Return what a source's exchanges cost from `since` on, oldest first."""
        with mapped(), self._readers.begin() as connection:
            return charges.since(connection, source, since)

    def delivery_counts(self) -> dict[tuple[str, str], Waiting]:
        """Return, by sink and state, how many deliveries there are and how old the oldest is."""
        with mapped(), self._readers.begin() as connection:
            return deliveries.counts(connection)

    def desk(self, clock: Callable[[], Micros]) -> StoreDesk:
        """Return where plugins keep what is theirs; `clock` gives the time of their transactions."""
        if self._desks is None and self.sharing.shared:
            self._desks = engines.desk_writer(self._engine.url)
        write = partial(self._write, "desk") if self._desks is None else serializable(self._desks)
        return StoreDesk(self._readers, write, clock)

    def reader(self) -> Reader:
        """Return the reading side, over connections of its own."""
        return Reader(engines.reader(self._engine.url, primary=True))

    def ledger(self, pipeline: str) -> StoreLedger:
        """Return the store as the jobs of `pipeline` see it."""
        return StoreLedger(pipeline, self._readers, partial(self._write, "ledger"))

    def _batch(self, connection: Connection, commits: Sequence[Commit]) -> Batch:
        batch = Batch(self._known)
        batch.repeats = False
        for pipeline in sorted({commit.step.pipeline for commit in commits}):
            mine = {c.step.observation.id: c for c in commits if c.step.pipeline == pipeline}
            # Counting first holds off every other process on this pipeline until the end of the transaction.
            position = counters.advance(connection, f"processed/{pipeline}", len(mine)) - len(mine)
            newest = history.observed_at(connection, pipeline, position)
            batch.repeats |= newest is None or min([each.step.at for each in mine.values()]) <= newest
            done = {row.observation for row in connection.execute(_processed(pipeline, list(mine)))}
            built = history.newest_build(connection, pipeline)
            for commit in (commit for id, commit in mine.items() if id not in done):
                position += 1
                batch.add(commit.step, position)
                if commit.build not in (None, built):
                    built = commit.build
                    batch.build(pipeline, position, built)
                if commit.kpi is not None:
                    batch.cycles.append((pipeline, position, commit.kpi))
                for delivery in commit.deliveries:
                    batch.deliver(delivery.id, delivery.signal, delivery.sink)
        return batch

    def _new_floors(self, commits: Sequence[Commit]) -> Rows:
        pipelines = sorted({commit.step.pipeline for commit in commits})
        return {(p, source): (p, source, at) for p in pipelines for source, at in self._floors.get(p, {}).items()}

    def _check(self) -> None:
        """Raise what nobody was told of yet: that SQLite's log does not come into the file."""
        if self.checkpoints is not None:
            self.checkpoints.check()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with mapped(), self._readers.begin() as connection:
            return work(connection)

    def _write(self, name: str, work: Callable[[Connection, Bulk], T]) -> T:
        """Run `work` in one transaction; where PostgreSQL asks for it, again from the start."""
        with self._turn:
            for retry in range(_RETRIES):
                try:
                    return self._once(name, work)
                except StoreError as error:
                    if not _again(error):
                        raise
                time.sleep(random.uniform(0, _FIRST_PAUSE * 2**retry))  # noqa: S311 (jitter is no secret)
            return self._once(name, work)

    def _once(self, name: str, work: Callable[[Connection, Bulk], T]) -> T:
        try:
            with mapped(), self._engine.begin() as connection:
                failpoints.reached(f"{name}: begun")
                before = rows_written(connection)
                done = work(connection, bulk_of(connection))
                rows = rows_written(connection) - before
                failpoints.reached(f"{name}: written")
            failpoints.reached(f"{name}: committed")
            if self.checkpoints is not None:
                self.checkpoints.written(rows)
            return done
        except StoreDown:
            self._engine.dispose()  # whatever is left of that connection: the next call opens a new one
            raise


def _processed(pipeline: str, ids: Sequence[str]) -> Select[tuple[str]]:
    mine = processed.c.pipeline == pipeline
    return select(processed.c.observation).where(mine, processed.c.observation.in_(ids))


def _again(error: StoreError) -> bool:
    cause = error.__cause__
    if isinstance(cause, DBAPIError):
        cause = cause.orig
    return sqlstate(cause) in (SERIALIZATION_FAILURE, DEADLOCK_DETECTED)
