"""Every exception of the drivers becomes an error of the store that says how to react."""

from __future__ import annotations

import errno
import inspect
import os
import pickle
import sqlite3

import alembic.util
import psycopg
import psycopg.errors
import pytest
import sqlalchemy.exc

from stratumd.errors import StartupError, StratumError
from stratumd.store import errors
from stratumd.store.errors import (
    StoreBroken,
    StoreBusy,
    StoreDown,
    StoreError,
    StoreFull,
    StoreRefused,
    mapped,
    translate,
)


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("something")
    error.sqlite_errorcode = code
    return error


def classes(module, base) -> list[type[Exception]]:
    return [c for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, base)]


@pytest.mark.parametrize("kind", classes(sqlite3, sqlite3.Error), ids=lambda kind: kind.__name__)
def test_every_exception_of_sqlite3_is_mapped(kind):
    assert_mapped(kind("something"))


@pytest.mark.parametrize("kind", classes(psycopg.errors, psycopg.Error), ids=lambda kind: kind.__name__)
def test_every_exception_of_psycopg_is_mapped(kind):
    assert_mapped(kind("something"))


@pytest.mark.parametrize(
    "kind", classes(sqlalchemy.exc, sqlalchemy.exc.SQLAlchemyError), ids=lambda kind: kind.__name__
)
def test_every_exception_of_sqlalchemy_is_mapped(kind):
    wraps = issubclass(kind, sqlalchemy.exc.StatementError)
    # Each of the others wants arguments of its own; what matters here is only its class.
    assert_mapped(kind("something", "SELECT 1", {}, None) if wraps else kind.__new__(kind, "something"))


@pytest.mark.parametrize("error", [alembic.util.CommandError("something"), OSError(5, "Input/output error")])
def test_what_else_may_come_is_mapped(error):
    assert_mapped(error)


def assert_mapped(error: Exception) -> None:
    with pytest.raises(StoreError) as caught, mapped():
        raise error
    assert caught.value.__cause__ is error
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_FULL, StoreFull),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreBroken),
        (sqlite3.SQLITE_IOERR_WRITE, StoreBroken),
        (sqlite3.SQLITE_PERM, StoreBroken),
        (sqlite3.SQLITE_READONLY, StoreBroken),
        (sqlite3.SQLITE_CORRUPT, StoreBroken),
        (sqlite3.SQLITE_NOTADB, StoreBroken),
        (sqlite3.SQLITE_CANTOPEN, StoreBroken),
        (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, StoreRefused),
        (sqlite3.SQLITE_TOOBIG, StoreRefused),
        (sqlite3.SQLITE_ERROR, StoreError),
    ],
)
def test_the_reaction_to_codes_of_sqlite(code, expected):
    assert type(translate(sqlite_error(code))) is expected


@pytest.mark.parametrize("code", [sqlite3.SQLITE_READONLY, sqlite3.SQLITE_READONLY_DBMOVED, sqlite3.SQLITE_CANTOPEN])
def test_what_the_system_forbids_is_told_with_the_user_and_where_to_look(code):
    said = str(translate(sqlite_error(code)))
    assert said.startswith("something: see whether the database's file is where it was, ")
    assert f"user id {os.geteuid()} may read and write it and its folder" in said


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EIO, StoreBroken), (errno.EROFS, StoreBroken)],
)
def test_the_reaction_to_errors_of_the_system(number, expected):
    assert type(translate(OSError(number, "something"))) is expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (psycopg.OperationalError, StoreDown),
        (psycopg.errors.AdminShutdown, StoreDown),
        (psycopg.errors.CannotConnectNow, StoreDown),
        (psycopg.errors.DeadlockDetected, StoreBusy),
        (psycopg.errors.SerializationFailure, StoreBusy),
        (psycopg.errors.QueryCanceled, StoreBusy),
        (psycopg.errors.DiskFull, StoreFull),
        (psycopg.errors.ReadOnlySqlTransaction, StoreDown),
        (psycopg.errors.IoError, StoreBroken),
        (psycopg.errors.IdleInTransactionSessionTimeout, StoreDown),
        (psycopg.errors.UniqueViolation, StoreRefused),
        (psycopg.errors.InvalidTextRepresentation, StoreRefused),
        (psycopg.errors.NumericValueOutOfRange, StoreRefused),
        (psycopg.errors.UndefinedTable, StoreError),
    ],
)
def test_the_reaction_to_errors_of_postgresql(kind, expected):
    assert type(translate(kind("something"))) is expected


def test_what_sqlalchemy_wraps_counts_as_what_it_wraps():
    wrapped = sqlalchemy.exc.OperationalError("SELECT 1", {}, sqlite_error(sqlite3.SQLITE_FULL))
    assert type(translate(wrapped)) is StoreFull


@pytest.mark.parametrize("kind", [sqlite3.ProgrammingError, sqlite3.InterfaceError, psycopg.ProgrammingError])
def test_what_a_driver_cannot_bind_is_refused(kind):
    assert type(translate(kind("something"))) is StoreRefused


def test_the_statement_and_its_values_are_not_in_the_message():
    wrapped = sqlalchemy.exc.OperationalError("SELECT 1", {"password": "canary"}, psycopg.OperationalError("gone"))
    assert str(translate(wrapped)) == "gone"


def test_an_error_of_our_own_passes_unchanged():
    ours = StartupError("closed")
    with pytest.raises(StartupError) as caught, mapped():
        raise ours
    assert caught.value is ours


def test_a_mistake_in_the_program_is_no_error_of_the_store():
    with pytest.raises(ZeroDivisionError), mapped():
        raise ZeroDivisionError


def test_the_errors_are_those_of_the_page():
    drawn = [name for name in errors.__doc__.split() if name.startswith("Store")]
    named = ["StoreError", "StoreBusy", "StoreDown", "StoreFull", "StoreRefused", "StoreBroken"]
    assert drawn[: len(set(drawn))] == named
    assert all(issubclass(getattr(errors, name), StratumError) for name in drawn)


def test_errors_can_cross_processes():
    assert str(pickle.loads(pickle.dumps(StoreDown("gone")))) == "gone"
