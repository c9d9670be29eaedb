"""Opening a store or a reader by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine

from stratumd.errors import StartupError
from stratumd.store import engines, sinks
from stratumd.store.errors import starting
from stratumd.store.lock import FileLock, Owner
from stratumd.store.migrate import Revision, require, revisions
from stratumd.store.migrate import migrate as run_migrations
from stratumd.store.reader import Reader
from stratumd.store.store import Store

T = TypeVar("T")

_PAUSE = 0.25  # seconds between two tries to open


def open_store(url: str, *, wait: float = 0, migrate: bool = True, plugins: Mapping[str, Path] | None = None) -> Store:
    """Open the database `url` for writing, bring its schema up to date, and return the store.

    `wait`: seconds to keep trying while it is down or locked. `migrate`: False refuses an old schema instead.
    `plugins`: folders of migrations by plugin name. `StartupError` where it cannot be opened, `ConfigError` where
    `url` names no database that stratumd knows.
    """
    engines.parse_url(url)
    return _patiently(lambda: _open_store(url, migrate, plugins), wait)


def open_reader(url: str, *, wait: float = 0) -> Reader:
    """Open the database `url` for reading only; a daemon may be writing to it. Raises as `open_store` does."""
    engines.parse_url(url)
    return _patiently(lambda: Reader(_reading_engine(url)), wait)


def enable_sink(url: str, sink: str) -> bool:
    """Forget that `sink` is off, also while a daemon is running. Returns False where it was not off.

    One row of one small transaction: it needs not the lock that keeps a second daemon out. Raises as `open_store` does.
    """
    parsed = engines.parse_url(url)
    _reading_engine(url).dispose()  # that there is a database, of this schema
    with starting(engines.printable(parsed)):
        engine = engines.writer(parsed)
        try:
            with engine.begin() as connection:
                return sinks.enable(connection, sink)
        finally:
            engine.dispose()


def schema(url: str, plugins: Mapping[str, Path] | None = None) -> list[Revision]:
    """Return where the core's and the plugins' histories of migrations stand. Nothing is changed."""
    parsed = engines.parse_url(url)
    with starting(engines.printable(parsed)):
        engine = engines.reader(parsed)
        try:
            return revisions(engine, plugins)
        finally:
            engine.dispose()


def _open_store(url: str, migrate: bool, plugins: Mapping[str, Path] | None) -> Store:
    parsed = engines.parse_url(url)
    path, owner = engines.sqlite_path(parsed), Owner.here()
    with starting(engines.printable(parsed)):
        if path is not None:
            engines.refuse_unfit(path)  # before the lock, which leaves a file beside it
        lock = None if path is None else FileLock(path, owner)
        engine = engines.writer(parsed)
        try:
            _prepare(engine, migrate, plugins)
            return Store(engine, engines.reader(parsed), owner, lock)
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
