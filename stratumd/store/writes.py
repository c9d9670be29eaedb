"""Writing many rows at once by each driver's fastest way, from one description of what a conflict means.

The statements are made of the names of tables.py and of nothing else, hence each `noqa: S608`.

SQLite: `executemany` on prepared statements. PostgreSQL: one `INSERT … SELECT FROM unnest(…)` per table, a column each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from sqlalchemy import Column, Connection, Dialect, LargeBinary, Table, Text
from sqlalchemy.dialects import postgresql

from stratumd import failpoints
from stratumd.store import tables
from stratumd.store.engines import PIPELINES
from stratumd.store.packed import Packed

if TYPE_CHECKING:
    import psycopg

Row = tuple[Any, ...]

_POSTGRES: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_ENCODE = msgspec.json.Encoder().encode


class Insert:
    """How rows of one table are written, and what happens where one is already there."""

    def __init__(
        self,
        table: Table,
        *,
        columns: Sequence[str] = (),
        update: Sequence[str] = (),
        newer: str | None = None,
        new: bool = False,
    ) -> None:
        """With no `update` the old row stays. With `newer`, only a row whose column is not smaller replaces it.

        Rows hold `columns` in this order, or the table's own. With `new` none can be there already, which is cheaper.
        """
        self.table = table
        self.columns = list(columns) or [column.name for column in table.columns]
        self._update = update
        self._newer = newer
        self._new = new

    @property
    def _conflict(self) -> str:
        if self._new:
            return ""
        key = ", ".join(column.name for column in self.table.primary_key)
        if not self._update:
            return "ON CONFLICT DO NOTHING"
        assignments = ", ".join(f"{name} = excluded.{name}" for name in self._update)
        clause = f"ON CONFLICT ({key}) DO UPDATE SET {assignments}"
        name = self._newer
        return f"{clause} WHERE excluded.{name} >= {self.table.name}.{name}" if name else clause

    @cached_property
    def sqlite(self) -> str:
        """The statement with a placeholder per column."""
        marks = ", ".join("?" * len(self.columns))
        return f"INSERT INTO {self.table.name} ({', '.join(self.columns)}) VALUES ({marks}) {self._conflict}"  # noqa: S608  # names of the schema; values are bound

    @cached_property
    def postgres(self) -> bytes:
        """The statement with a placeholder per column's array."""
        arrays = ", ".join(_placeholder(self.table.columns[name]) for name in self.columns)
        columns = ", ".join(self.columns)
        rows = f"SELECT * FROM unnest({arrays})"  # noqa: S608  # names of the schema; values are bound
        return f"INSERT INTO {self.table.name} ({columns}) {rows} {self._conflict}".encode()


class Delete:
    """Deletes rows by their primary key."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._key = list(table.primary_key)

    @cached_property
    def sqlite(self) -> str:
        """The statement with a placeholder per column of the key."""
        return f"DELETE FROM {self.table.name} WHERE {' AND '.join(f'{c.name} = ?' for c in self._key)}"  # noqa: S608  # names of the schema; values are bound

    @cached_property
    def postgres(self) -> bytes:
        """The statement with a placeholder per column's array."""
        arrays = ", ".join(map(_placeholder, self._key))
        columns = ", ".join(column.name for column in self._key)
        gone = f"SELECT * FROM unnest({arrays})"  # noqa: S608  # names of the schema; values are bound
        return f"DELETE FROM {self.table.name} WHERE ({columns}) IN ({gone})".encode()  # noqa: S608  # names of the schema; values are bound


class Bulk(Protocol):
    """Writes rows inside the transaction at hand."""

    def __call__(self, statement: Insert | Delete, rows: Iterable[Row]) -> None:
        """Write `rows`, of which there is at least one."""

    def together(self) -> AbstractContextManager[object]:
        """Inside, statements need not wait for each other's answer; an error may come at the end."""


class SqliteBulk:
    """Bulk writing over a connection of sqlite3."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __call__(self, statement: Insert | Delete, rows: Iterable[Row]) -> None:
        """Write `rows`."""
        self._connection.executemany(statement.sqlite, rows)
        failpoints.reached(f"rows: {statement.table.name}")

    def together(self) -> AbstractContextManager[object]:
        """There is nobody to wait for."""
        return nullcontext()


class PostgresBulk:
    """Bulk writing over a connection of psycopg. No two rows of one call may have the same key."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._beside: Callable[..., object] | None = None
        """Where statements need not be waited for: calls something in a thread."""

    def __call__(self, statement: Insert | Delete, rows: Iterable[Row]) -> None:
        """Write `rows`."""
        arrays = [_array(column) for column in zip(*rows, strict=True)]
        if self._beside is None:
            self._execute(statement, arrays)
        else:
            self._beside(self._execute, statement, arrays)

    def together(self) -> AbstractContextManager[object]:
        """The server works while the next rows are made.

        By a pipeline, where the server would notice that no more statements come, else by a thread that waits.
        """
        newer = self._connection.info.server_version >= PIPELINES * 10_000
        return self._connection.pipeline() if newer else self._waiting()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        with ThreadPoolExecutor(1, "rows") as thread:
            sent: list[Future[None]] = []
            self._beside = lambda *call: sent.append(thread.submit(*call))
            try:
                yield
            finally:
                self._beside = None
            for each in sent:
                each.result()

    def _execute(self, statement: Insert | Delete, arrays: Sequence[Any]) -> None:
        self._connection.execute(statement.postgres, arrays)
        failpoints.reached(f"rows: {statement.table.name}")


def bulk_of(connection: Connection) -> Bulk:
    """Return what writes over `connection`, inside its transaction."""
    driver = connection.connection.driver_connection
    assert driver is not None, "the connection was just opened"
    return SqliteBulk(driver) if connection.dialect.name == "sqlite" else PostgresBulk(driver)


def rows_written(connection: Connection) -> int:
    """Return how many rows SQLite has written over `connection` since it was opened; 0 for PostgreSQL."""
    driver = connection.connection.driver_connection
    return driver.total_changes if isinstance(driver, sqlite3.Connection) else 0


def _array(column: Sequence[Any]) -> Any:
    """Return the literal of an array. JSON of numbers and text differs from it only in the brackets."""
    if isinstance(column[0], bytes):
        return list(column)
    literal = _ENCODE(column)
    # There a backslash stands for the next character alone; in JSON `\n` is a line feed.
    if b"\\" in literal and b"\\" in literal.replace(b"\\\\", b"").replace(b'\\"', b""):
        return list(column)
    return f"{{{literal[1:-1].decode()}}}"


def _placeholder(column: Column[Any]) -> str:
    if isinstance(column.type, (LargeBinary, Packed)):
        return "%b::bytea[]"
    kind = "text" if isinstance(column.type, Text) else column.type.compile(_POSTGRES)
    return f"%s::{kind}[]"


def _facts(table: Table) -> tuple[str, ...]:
    """Return the columns of `table` that are no part of its key."""
    return tuple(column.name for column in table.columns if not column.primary_key)


OBSERVATIONS = Insert(tables.observations)
POLLS = Insert(tables.polls)
CHARGES = Insert(tables.charges)
PROCESSED = Insert(tables.processed)
CURSORS = Insert(tables.cursors, update=("floor",), newer="floor")
BUILDS = Insert(tables.builds)
EVENTS = Insert(tables.events, update=("sport", "home", "away", "commence_at", "observed_at"), newer="observed_at")
EVENT_STARTS = Insert(tables.event_starts, update=("commence_at",))
EVENT_PHASES = Insert(tables.event_phases, update=_facts(tables.event_phases))
EVENT_RESULTS = Insert(tables.event_results, update=_facts(tables.event_results), newer="observed_at")
GAMES = Insert(tables.games, update=_facts(tables.games), newer="observed_at")
GAME_MATCHES = Insert(tables.game_matches, update=_facts(tables.game_matches))
BOOKS = Insert(tables.books)
SERIES = Insert(tables.series)
CHANGES = Insert(tables.changes, update=("line", "price", "last_update"))
NEW_CHANGES = Insert(tables.changes, new=True)  # PostgreSQL needs half the time where it need not look for the old row
LATEST = Insert(
    tables.latest,
    columns=("event_id", "changed_at", "series_id", "line", "price", "last_update"),  # as in a row of `changes`
    update=("changed_at", "line", "price", "last_update"),
    newer="changed_at",
)
COVERAGE = Insert(tables.coverage, update=("observed_at",), newer="observed_at")
ISSUES = Insert(tables.issues)
# Two answers of one instant give two points: the one taken last counts, however the steps were grouped.
CONSENSUS = Insert(tables.consensus, update=_facts(tables.consensus))
RECORDS = Insert(tables.records, update=("body",))
SIGNALS = Insert(tables.signals)
STATES = Insert(tables.states, update=("body",))
STATES_GONE = Delete(tables.states)
FAILURES = Insert(tables.failures)
DELIVERIES = Insert(tables.deliveries)
FEED = Insert(tables.feed)
NOTICES = Insert(tables.notices)
NOTICE_SINKS = Insert(tables.notice_sinks)
ALERTS = Insert(tables.alerts, update=_facts(tables.alerts))
