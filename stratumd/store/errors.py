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

import errno
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import msgspec
import zstandard
from sqlalchemy import exc

from stratumd.errors import StartupError, StratumError

__all__ = [
    "LeaseLost",
    "NewerDatabase",
    "NoDatabase",
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


class NoDatabase(StartupError):
    """Nobody has made the database yet: nothing is stored."""


class NewerDatabase(StartupError):
    """A newer stratumd, or a newer plugin, brought the database's schema up to date; this one does not know it."""

    exit_code = 78  # no restart helps: somebody has to install the newer one, or to name another database


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
    sqlite3.SQLITE_PERM: StoreBroken,
    sqlite3.SQLITE_READONLY: StoreBroken,
    sqlite3.SQLITE_CANTOPEN: StoreBroken,
    sqlite3.SQLITE_NOMEM: StoreBusy,
    sqlite3.SQLITE_INTERRUPT: StoreBusy,
    sqlite3.SQLITE_TOOBIG: StoreRefused,
    sqlite3.SQLITE_CONSTRAINT: StoreRefused,
    sqlite3.SQLITE_MISMATCH: StoreRefused,
}

_FORBIDDEN = (sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_SEE = (
    "see whether the database's file is where it was, whether user id {user} may read and write it and its folder, and"
    " whether their file system is mounted read-only"
)

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

SERIALIZATION_FAILURE, DEADLOCK_DETECTED, UNIQUE_VIOLATION = "40001", "40P01", "23505"
"""Codes of PostgreSQL, as `sqlstate` returns them."""


@cache
def _postgres() -> tuple[tuple[type[Exception], type[StoreError]], ...]:
    """Return what psycopg's errors mean. The first that matches counts: from the special to the general."""
    import psycopg
    from psycopg import errors as postgres

    return (
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


def _raised_by(module: str, name: str) -> tuple[type[Exception], ...]:
    """Return an exception of a library, or none where it was never imported: that takes long and raises nothing.

    PostgreSQL's driver is imported for a database on PostgreSQL, Alembic for one that is to be migrated.
    """
    found = getattr(sys.modules.get(module), name, None)
    return () if found is None else (found,)


_UNREADABLE = (UnicodeDecodeError, msgspec.DecodeError, zstandard.ZstdError)
"""What reading a value ends in that is not what was written."""
_NO_TEXT = "Could not decode to UTF-8"
"""How `sqlite3` begins to say the same, without a code."""
DAMAGED = "what is stored is damaged: `stratumd db check` shows where, `stratumd db restore` puts a backup in its place"


def _foreign() -> tuple[type[Exception], ...]:
    alembic, psycopg = _raised_by("alembic.util", "CommandError"), _raised_by("psycopg", "Error")
    return (sqlite3.Error, *psycopg, exc.SQLAlchemyError, *alembic, OSError, *_UNREADABLE)


def sqlstate(error: BaseException | None) -> str | None:
    """Return PostgreSQL's code for what went wrong; None where it is no error of PostgreSQL's."""
    code = getattr(error, "sqlstate", None)
    return code if isinstance(code, str) else None


def translate(error: BaseException) -> StratumError:
    """Return the error of the store that says how to react to the driver's `error`."""
    if isinstance(error, StratumError):
        return error
    if isinstance(error, exc.StatementError) and error.orig is not None:
        return translate(error.orig)
    return StoreBroken(f"{DAMAGED} ({_line(error)})") if _is_damage(error) else _kind(error)(_line(error))


@contextmanager
def mapped() -> Iterator[None]:
    """Turn every exception of the drivers, of SQLAlchemy, of Alembic and of unreadable values into a `StoreError`."""
    try:
        yield
    except _foreign() as error:
        raise translate(error) from error


@contextmanager
def starting(name: str) -> Iterator[None]:
    """While opening the database `name`: whatever is wrong with it is a `StartupError`."""
    try:
        with mapped():
            yield
    except StoreError as error:
        raise StartupError(f"cannot open the database {name}: {error}") from error


def _is_damage(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or str(error).startswith(_NO_TEXT)
    return isinstance(error, _UNREADABLE)


def _kind(error: BaseException) -> type[StoreError]:
    # What the drivers themselves raise, before any statement is sent: of a type that they cannot bind.
    if type(error) in (sqlite3.ProgrammingError, sqlite3.InterfaceError, *_raised_by("psycopg", "ProgrammingError")):
        return StoreRefused
    if isinstance(error, sqlite3.Error):
        return _SQLITE.get(_code(error), StoreError)
    if isinstance(error, _raised_by("psycopg", "Error")):
        return next((ours for theirs, ours in _postgres() if isinstance(error, theirs)), StoreError)
    if isinstance(error, exc.TimeoutError | exc.DisconnectionError | exc.PendingRollbackError):
        return StoreDown
    if isinstance(error, OSError):
        return StoreFull if error.errno in _NO_SPACE else StoreBroken
    return StoreError


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text}: {_SEE.format(user=os.geteuid())}" if _code(error) in _FORBIDDEN else text


def _code(error: BaseException) -> int:
    """Return the primary code of an error of SQLite, 0 for others. The higher bytes add where it happened."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
