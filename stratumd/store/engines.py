"""Connections to the two databases, set up the same way wherever they are opened."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from stratumd import failpoints
from stratumd.errors import ConfigError, StartupError
from stratumd.plugin import SECOND, Micros
from stratumd.store import rights
from stratumd.store.errors import NoDatabase

BUSY_TIMEOUT = 5.0  # seconds that SQLite waits for another writer
_READERS = 4
_OLDEST_POSTGRES = 15
_OLDEST_SQLITE = (3, 35)

# A peer that is gone is noticed within ten seconds, a transaction of a frozen process is ended by the server.
_POSTGRES_CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "stratumd",
    "prepare_threshold": None,  # prepared statements do not survive a pooler in transaction mode
}
PATIENCE: Micros = 10 * SECOND
"""How long the server waits for a client in the middle of a transaction before it takes its locks away."""
_POSTGRES_BEGIN = "SET LOCAL idle_in_transaction_session_timeout = {patience}; SET LOCAL statement_timeout = '60s'"
# A client that stops in the middle of a pipeline is not idle to the server: only this ends its transaction.
_POSTGRES_17 = "; SET LOCAL transaction_timeout = '60s'"
PIPELINES = 17
"""The first version of PostgreSQL that ends a transaction whose client froze in the middle of a pipeline."""


def parse_url(url: str) -> URL:
    """Return `url` for SQLAlchemy. `ConfigError` where it is neither a SQLite file nor PostgreSQL."""
    try:
        parsed = make_url(_one_host(url))
    except ArgumentError as error:
        raise ConfigError(f"not a database URL: {_EXPECTED}") from error
    match parsed.drivername:
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return parsed.set(drivername="postgresql+psycopg")
        case "sqlite" if parsed.database not in (None, "", ":memory:"):
            return parsed
    raise ConfigError(f"{printable(parsed)}: {_EXPECTED}")


def _one_host(url: str) -> str:
    """Return `url` with several hosts as two parameters, in libpq's own form: SQLAlchemy reads but one host."""
    scheme, _, rest = url.partition("://")
    place, slash, name = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    if "," not in hosts:
        return url
    parts = [host.rpartition(":") if _PORT.search(host) else (host, "", _DEFAULT_PORT) for host in hosts.split(",")]
    places = {"host": ",".join(part[0].strip("[]") for part in parts), "port": ",".join(part[2] for part in parts)}
    return f"{scheme}://{user}{at}{slash}{name}{'&' if '?' in name else '?'}{urlencode(places)}"


_PORT = re.compile(r":\d+$")
_DEFAULT_PORT = "5432"
_EXPECTED = "expected sqlite:///file.db or postgresql://user@host/database"


def printable(url: URL) -> str:
    """Return `url` as messages show it: with its password hidden, and a file by its path."""
    if url.drivername == "sqlite" and url.database:
        return url.database
    return url.set(drivername=url.drivername.split("+")[0]).render_as_string()


def sqlite_path(url: URL) -> Path | None:
    """Return the file of a SQLite `url`, None for PostgreSQL."""
    return Path(url.database or "") if url.drivername == "sqlite" else None


def writer(url: URL, patience: Micros = PATIENCE, pages: int | None = None) -> Engine:
    """Return an engine with one connection, which may write. A SQLite file is created where it is missing.

    `patience`: how long PostgreSQL waits for this client in the middle of a transaction. `pages`: how many of them in
    SQLite's log let a commit copy it into the file; None: as many as SQLite thinks right.
    """
    engine = _writer(url, patience, pages)
    if failpoints.ACTIVE:
        event.listen(engine, "after_cursor_execute", _executed)
    return engine


def _writer(url: URL, patience: Micros, pages: int | None) -> Engine:
    path = sqlite_path(url)
    if path is None:
        connect = {**_POSTGRES_CONNECT, "target_session_attrs": "read-write"}
        engine = create_engine(url, pool_size=1, max_overflow=0, connect_args=connect)
        event.listen(engine, "begin", _begin_postgres(patience))
        return engine
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StartupError(f"SQLite {sqlite3.sqlite_version} is too old: stratumd needs 3.35 or newer")
    refuse_unfit(path, writing=True)
    engine = _sqlite(url, pool_size=1)
    event.listen(engine, "connect", _write_sqlite(pages))
    event.listen(engine, "begin", _begin_immediate)
    return engine


def desk_writer(url: URL) -> Engine:
    """Return an engine whose transactions on PostgreSQL behave as if there was one at a time."""
    engine = create_engine(
        url,
        pool_size=_READERS,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={**_POSTGRES_CONNECT, "target_session_attrs": "read-write"},
        isolation_level="SERIALIZABLE",
    )
    event.listen(engine, "begin", _begin_postgres(PATIENCE))
    return engine


def refuse_unfit(path: Path, *, writing: bool = False) -> None:
    """Refuse a place where no SQLite database can be, or none that may be read, or written. `StartupError` says what
    to do."""
    folder = path.absolute().parent
    if not _is_folder(folder):
        raise StartupError(f"{path}: there is no folder {folder}; create it, or mount what belongs there")
    beyond = _followed(path).parent
    if not _is_folder(beyond):
        raise StartupError(
            f"{path} is a link, and where it leads there is no folder {beyond}; create it, or mount what belongs there"
        )
    rights.require(path, writing=writing)
    if path.is_dir():
        raise StartupError(f"{path} is a folder; name a file in it")
    if not path.is_file():
        return
    wrong = _what_sqlite_says(path)
    if wrong == sqlite3.SQLITE_NOTADB:
        raise StartupError(f"{path} is no SQLite database; name another file, or move this one away")
    if wrong in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        rights.require_all(folder, os.W_OK)  # where no daemon has made them, it makes its files beside it to read, too


def _followed(path: Path) -> Path:
    """Return the file that links lead to, be it there or not."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StartupError(f"{path} is a link that leads back to itself; name the file") from None
    return path.resolve()


def _is_folder(folder: Path) -> bool:
    for above in reversed(folder.parents):
        if not above.is_dir():
            return False
        rights.require_all(above, os.X_OK)
    return folder.is_dir()


def _what_sqlite_says(path: Path) -> int | None:
    """Ask SQLite itself: a process that opens and closes the file by itself loses every lock it has on it (POSIX).

    Then the next reader to close takes itself for the last one and removes the log that a daemon still writes to.
    Returns the primary code of its error, None where it can read the file.
    """
    connection = None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        return error.sqlite_errorcode & 0xFF
    finally:
        if connection is not None:
            connection.close()
    return None


def reader(url: URL, *, primary: bool = False) -> Engine:
    """Return an engine whose connections cannot write. `primary`: none to a server that is behind another."""
    path = sqlite_path(url)
    if path is None:
        engine = create_engine(
            url,
            pool_size=_READERS,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={**_POSTGRES_CONNECT, **({"target_session_attrs": "primary"} if primary else {})},
            execution_options={"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"},
        )
        event.listen(engine, "begin", _begin_postgres(PATIENCE))
        return engine
    refuse_unfit(path)
    if not path.is_file():
        raise NoDatabase(
            f"{path.absolute()} does not exist: start `stratumd run`, or create it with `stratumd db upgrade`"
        )
    engine = _sqlite(url, pool_size=_READERS)
    event.listen(engine, "connect", _read_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def check_server(connection: Connection) -> None:
    """Refuse a PostgreSQL that is too old. `StartupError` names both versions."""
    found = connection.dialect.server_version_info
    if connection.dialect.name == "postgresql" and found is not None and int(found[0]) < _OLDEST_POSTGRES:
        version = ".".join(map(str, found))
        raise StartupError(f"PostgreSQL {version} is too old: stratumd needs {_OLDEST_POSTGRES} or newer")


def _sqlite(url: URL, pool_size: int) -> Engine:
    connect = {"check_same_thread": False, "timeout": BUSY_TIMEOUT, "isolation_level": None}
    return create_engine(url, pool_size=pool_size, max_overflow=0, connect_args=connect, poolclass=QueuePool)


def _write_sqlite(pages: int | None) -> Callable[..., None]:
    def connected(connection: Any, _: Any) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StartupError(f"SQLite cannot keep a write-ahead log here (it says {mode!r}): use a local file system")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -32768")
        if pages is not None:
            connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")

    return connected


def _read_sqlite(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -16384")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_postgres(patience: Micros) -> Callable[[Connection], None]:
    settings = _POSTGRES_BEGIN.format(patience=patience // 1_000)

    def begin(connection: Connection) -> None:
        newer = int((connection.dialect.server_version_info or (0,))[0]) >= PIPELINES
        connection.exec_driver_sql(settings + _POSTGRES_17 if newer else settings)

    return begin


def _executed(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
    failpoints.reached(f"statement: {' '.join(statement.split()[:3])}")
