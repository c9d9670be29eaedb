"""The errors of the store, and what the drivers' own exceptions become.

```
StoreError             the database refused something; the transaction was rolled back wholly
├── StoreBusy          another writer held it too long; call again with the same arguments
├── StoreDown          the connection is gone, perhaps during the commit; call again with the same arguments
├── StoreFull          no space left; call again once there is
├── LeaseLost          another daemon works the pipeline; begin anew once it is free
├── StoreRefused       a value that no column takes; the same call is refused again
└── StoreBroken        reading or writing failed or the file is damaged; stop, do not try again
```

Every call of the store may be repeated with the same arguments: what is already there is not written again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import alembic.util
import psycopg
from psycopg import errors as postgres
from sqlalchemy import exc

from stratumd.errors import StartupError, StratumError

__all__ = [
    "LeaseLost",
    "StoreBroken",
    "StoreBusy",
    "StoreDown",
    "StoreError",
    "StoreFull",
    "StoreRefused",
    "mapped",
    "starting",
    "translate",
]


class StoreError(StratumError):
    """The database refused a statement."""


class StoreBusy(StoreError):
    """The database is busy; the same call may be repeated."""

    exit_code = 75


class StoreDown(StoreError):
    """The database cannot be reached; the same call may be repeated."""

    exit_code = 75


class StoreFull(StoreError):
    """The database has no space left; free some, then the same call may be repeated."""

    exit_code = 75


class LeaseLost(StoreError):
    """Another daemon works the pipeline now; nothing of this one's is committed."""

    exit_code = 75


class StoreRefused(StoreError):
    """The database takes no such value; the same call is refused again."""


class StoreBroken(StoreError):
    """The database file cannot be read or written, or is damaged; restore it or repair the disk."""

    exit_code = 75


_SQLITE: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_IOERR: StoreBroken,
    sqlite3.SQLITE_CORRUPT: StoreBroken,
    sqlite3.SQLITE_NOTADB: StoreBroken,
    sqlite3.SQLITE_READONLY: StoreBroken,
    sqlite3.SQLITE_CANTOPEN: StoreBroken,
    sqlite3.SQLITE_NOMEM: StoreBusy,
    sqlite3.SQLITE_INTERRUPT: StoreBusy,
    sqlite3.SQLITE_TOOBIG: StoreRefused,
    sqlite3.SQLITE_CONSTRAINT: StoreRefused,
    sqlite3.SQLITE_MISMATCH: StoreRefused,
}

# The first that matches counts: the order is from the special to the general.
_POSTGRES: tuple[tuple[type[Exception], type[StoreError]], ...] = (
    (postgres.DiskFull, StoreFull),
    (postgres.OutOfMemory, StoreBusy),
    (postgres.TooManyConnections, StoreDown),
    (postgres.SerializationFailure, StoreBusy),
    (postgres.DeadlockDetected, StoreBusy),
    (postgres.LockNotAvailable, StoreBusy),
    (postgres.QueryCanceled, StoreBusy),
    (postgres.ReadOnlySqlTransaction, StoreDown),
    (postgres.IdleInTransactionSessionTimeout, StoreDown),
    (postgres.DataCorrupted, StoreBroken),
    (postgres.IndexCorrupted, StoreBroken),
    (postgres.IoError, StoreBroken),
    (psycopg.DataError, StoreRefused),
    (psycopg.IntegrityError, StoreRefused),
    (psycopg.OperationalError, StoreDown),
    (psycopg.InterfaceError, StoreDown),
)


_UNFIT = (sqlite3.ProgrammingError, sqlite3.InterfaceError, psycopg.ProgrammingError)
"""What the drivers themselves raise, before any statement is sent: of a type that they cannot bind."""


def translate(error: BaseException) -> StratumError:
    """Return the error of the store that says how to react to the driver's `error`."""
    if isinstance(error, StratumError):
        return error
    if isinstance(error, exc.StatementError) and error.orig is not None:
        return translate(error.orig)
    return _kind(error)(_line(error))


@contextmanager
def mapped() -> Iterator[None]:
    """Turn every exception of the drivers, of SQLAlchemy and of Alembic into a `StoreError`."""
    try:
        yield
    except (sqlite3.Error, psycopg.Error, exc.SQLAlchemyError, alembic.util.CommandError, OSError) as error:
        raise translate(error) from error


@contextmanager
def starting(name: str) -> Iterator[None]:
    """While opening the database `name`: whatever is wrong with it is a `StartupError`."""
    try:
        with mapped():
            yield
    except StoreError as error:
        raise StartupError(f"cannot open the database {name}: {error}") from error


def _kind(error: BaseException) -> type[StoreError]:
    if type(error) in _UNFIT:
        return StoreRefused
    if isinstance(error, sqlite3.Error):
        # The low byte is the primary code; extended codes add where it happened.
        return _SQLITE.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF, StoreError)
    if isinstance(error, psycopg.Error):
        return next((ours for theirs, ours in _POSTGRES if isinstance(error, theirs)), StoreError)
    if isinstance(error, exc.TimeoutError | exc.DisconnectionError | exc.PendingRollbackError):
        return StoreDown
    return StoreBroken if isinstance(error, OSError) else StoreError


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__
