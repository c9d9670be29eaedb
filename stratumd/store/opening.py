"""Opening a store or a reader by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, func, select

from stratumd.errors import StartupError
from stratumd.plugin import Micros
from stratumd.plugin.history import AuditBreak
from stratumd.plugin.views import DeliveryRow, PauseRow
from stratumd.store import audit, engines, letters, pauses, sinks
from stratumd.store.checkpoints import PAGES, Checkpoints
from stratumd.store.desk import StoreDesk, serializable
from stratumd.store.errors import mapped, starting
from stratumd.store.ledger import StoreLedger, writing
from stratumd.store.letters import Wanted
from stratumd.store.lock import FileLock, Owner, require_lockable
from stratumd.store.migrate import Revision, require, revisions
from stratumd.store.migrate import migrate as run_migrations
from stratumd.store.reader import Reader
from stratumd.store.roots import Roots
from stratumd.store.sharing import LEASE
from stratumd.store.soundness import Damage, damages
from stratumd.store.store import Store
from stratumd.store.writes import Bulk, bulk_of

T = TypeVar("T")

_PAUSE = 0.25  # seconds between two tries to open


def open_store(
    url: str,
    *,
    wait: float = 0,
    migrate: bool = True,
    plugins: Mapping[str, Path] | None = None,
    lease: Micros = LEASE,
    beside: bool = False,
) -> Store:
    """Open the database `url` for writing, bring its schema up to date, and return the store.

    `wait`: seconds to keep trying while it is down or locked. `migrate`: False refuses an old schema instead.
    `plugins`: folders of migrations by plugin name. `lease`: how long other daemons wait for this one. `beside`: open a
    SQLite file also while a daemon has it. `StartupError` where it cannot be opened, `ConfigError` where `url` names no
    database that stratumd knows.
    """
    engines.parse_url(url)
    return _patiently(lambda: _open_store(url, migrate, plugins, lease, beside), wait)


def open_reader(url: str, *, wait: float = 0) -> Reader:
    """Open the database `url` for reading only; a daemon may be writing to it. Raises as `open_store` does."""
    engines.parse_url(url)
    return _patiently(lambda: Reader(_reading_engine(url)), wait)


def enable_sink(url: str, sink: str) -> bool:
    """Forget that `sink` is off, also while a daemon is running. Returns False where it was not off.

    Raises as `open_store` does.
    """
    return _beside(url, lambda connection: sinks.enable(connection, sink))


def pause_schedule(url: str, wanted: PauseRow) -> None:
    """Pause a source or a job, also while daemons are running. Raises as `open_store` does."""
    _beside(url, lambda connection: pauses.pause(connection, wanted))


def resume_schedule(url: str, name: str) -> bool:
    """Let a source be polled or a job be run again, also while daemons are running. False where it was not paused.

    Raises as `open_store` does.
    """
    return _beside(url, lambda connection: pauses.resume(connection, name))


def replay_deliveries(url: str, wanted: Wanted, now: Micros) -> list[DeliveryRow]:
    """Let deliveries that have ended wait again, also while a daemon is running, and return what they were.

    `wanted` means dead letters where it names no states. Raises as `open_store` does, and `UnknownDeliveryError`.
    """
    return _beside(url, lambda connection: letters.replay(connection, wanted, now))


def _beside(url: str, work: Callable[[Connection], T]) -> T:
    """Do one small transaction beside a daemon: it needs not the lock that keeps a second one out."""
    parsed = engines.parse_url(url)
    _reading_engine(url).dispose()  # that there is a database, of this schema
    with starting(engines.printable(parsed)):
        engine = engines.writer(parsed)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()


@contextmanager
def open_ledger(url: str, pipeline: str, plugins: Mapping[str, Path]) -> Iterator[StoreLedger]:
    """Lend the database `url` as the jobs of `pipeline` see it, also while a daemon is running.

    `plugins`: folders of migrations by plugin name; their tables are brought up to date. Raises as `open_store` does.
    """
    parsed = engines.parse_url(url)
    readers = _reading_engine(url)
    writer = engines.writer(parsed)
    try:
        with starting(engines.printable(parsed)):
            run_migrations(writer, plugins)
        yield StoreLedger(pipeline, readers, writing(writer))
    finally:
        writer.dispose()
        readers.dispose()


@contextmanager
def open_desk(url: str, plugins: Mapping[str, Path], clock: Callable[[], Micros]) -> Iterator[StoreDesk]:
    """Lend the database `url` to operations, also while a daemon is running.

    `plugins`: folders of migrations by plugin name; their tables are brought up to date. `clock` gives the time of
    transactions. Raises as `open_store` does.
    """
    parsed = engines.parse_url(url)
    readers = _reading_engine(url)
    writer = engines.writer(parsed) if engines.sqlite_path(parsed) else engines.desk_writer(parsed)
    try:
        with starting(engines.printable(parsed)):
            run_migrations(writer, plugins)
        yield StoreDesk(readers, serializable(writer), clock)
    finally:
        writer.dispose()
        readers.dispose()


def migrate_plugins(url: str, plugins: Mapping[str, Path]) -> None:
    """Bring the tables of plugins up to date, also while a daemon is running. Raises as `open_store` does.

    `plugins`: folders of migrations by plugin name.
    """
    parsed = engines.parse_url(url)
    with starting(engines.printable(parsed)):
        engine = engines.writer(parsed)
        try:
            run_migrations(engine, plugins)
        finally:
            engine.dispose()


@contextmanager
def open_roots(url: str) -> Iterator[Roots]:
    """Lend the days of the record, also while a daemon is running. Raises as `open_store` does."""
    parsed = engines.parse_url(url)
    readers = _reading_engine(url)
    writer = engines.writer(parsed)  # connects when something is written

    def read(work: Callable[[Connection], T]) -> T:
        with mapped(), readers.begin() as connection:
            return work(connection)

    def write(work: Callable[[Connection, Bulk], T]) -> T:
        with mapped(), writer.begin() as connection:
            return work(connection, bulk_of(connection))

    try:
        yield Roots(read, write)
    finally:
        writer.dispose()
        readers.dispose()


def audit_breaks(url: str) -> list[AuditBreak]:
    """Return every place where the audit was tampered with. Raises as `open_store` does."""
    engine = _reading_engine(url)
    try:
        with mapped(), engine.begin() as connection:
            return [*audit.verify(connection)]
    finally:
        engine.dispose()


def damage(url: str) -> list[Damage]:
    """Return what of the database is not as it was written, also beside a daemon. Raises as `open_store` does."""
    engine = _reading_engine(url)
    try:
        with mapped(), engine.begin() as connection:
            return [*damages(connection)]
    finally:
        engine.dispose()


def is_made(url: str) -> bool:
    """Say whether the file of a SQLite database is there; PostgreSQL says it itself. Nothing is changed.

    `StartupError` where a daemon could neither make nor write it.
    """
    path = engines.sqlite_path(engines.parse_url(url))
    if path is None:
        return True
    engines.refuse_unfit(path, writing=True)
    require_lockable(path)
    return path.is_file()


def schema(url: str, plugins: Mapping[str, Path] | None = None) -> list[Revision]:
    """Return where the core's and the plugins' histories of migrations stand. Nothing is changed."""
    parsed = engines.parse_url(url)
    with starting(engines.printable(parsed)):
        engine = engines.reader(parsed)
        try:
            return revisions(engine, plugins)
        finally:
            engine.dispose()


def may_make_tables(url: str) -> bool:
    """Return whether the user of the URL may make tables, as an upgrade does. Nothing is changed."""
    parsed = engines.parse_url(url)
    with starting(engines.printable(parsed)):
        engine = engines.reader(parsed)
        try:
            if engine.dialect.name != "postgresql":
                return True
            with engine.connect() as connection:
                return bool(connection.scalar(select(func.has_schema_privilege(func.current_schema(), "CREATE"))))
        finally:
            engine.dispose()


def _open_store(url: str, migrate: bool, plugins: Mapping[str, Path] | None, lease: Micros, beside: bool) -> Store:
    parsed = engines.parse_url(url)
    path, owner = engines.sqlite_path(parsed), Owner.here()
    with starting(engines.printable(parsed)):
        if path is not None:
            engines.refuse_unfit(path, writing=True)  # before the lock, which leaves a file beside it
        lock = None if path is None or beside else FileLock(path, owner)
        engine = engines.writer(parsed, lease, PAGES)
        try:
            _prepare(engine, migrate, plugins)
            checkpoints = None if path is None else Checkpoints(path)
            return Store(engine, engines.reader(parsed, primary=True), owner, lock, lease, checkpoints)
        except BaseException:
            engine.dispose()
            if lock is not None:
                lock.close()
            raise


def _prepare(engine: Engine, migrate: bool, plugins: Mapping[str, Path] | None) -> None:
    with engine.connect() as connection:
        engines.check_server(connection)
    if migrate:
        run_migrations(engine, plugins)
    else:
        require(engine)


def _reading_engine(url: str) -> Engine:
    parsed = engines.parse_url(url)
    with starting(engines.printable(parsed)):
        engine = engines.reader(parsed)
        try:
            require(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine


def _patiently(attempt: Callable[[], T], wait: float) -> T:
    deadline = time.monotonic() + wait
    while True:
        try:
            return attempt()
        except StartupError:
            if time.monotonic() + _PAUSE > deadline:
                raise
        time.sleep(_PAUSE)
