"""Plugins' own tables for routes and operations: the `Desk` of the contract, without its threads.

On PostgreSQL its transactions are serializable and have connections of their own: they wait neither for the pipelines'
nor hold them up. SQLite has one writer, whose turn they take.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, delete, func, select
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from stratumd.plugin import Micros, Row
from stratumd.plugin.desk import Act, Reading, Writing
from stratumd.plugin.views import DeliveryRow
from stratumd.store import audit, letters
from stratumd.store.audit import Image
from stratumd.store.errors import DEADLOCK_DETECTED, SERIALIZATION_FAILURE, UNIQUE_VIOLATION, mapped, sqlstate
from stratumd.store.ledger import Write
from stratumd.store.letters import Wanted
from stratumd.store.shelves import table_of
from stratumd.store.text import clean

R = TypeVar("R", bound=Row)
T = TypeVar("T")

_TRIES = 12
_FIRST_PAUSE = 0.005  # seconds, doubled with each try up to a quarter of a second
_LONGEST_PAUSE = 0.25


class StoreDesk:
    """Reads and writes rows of plugins. Its methods block, and may be called from any thread."""

    def __init__(self, readers: Engine, write: Write, clock: Callable[[], Micros]) -> None:
        self._readers = readers
        self._write = write
        self._clock = clock

    def read(self, work: Callable[[Reading], T]) -> T:
        """Return what `work` returns: everything that it sees is of one moment."""
        with mapped(), self._readers.begin() as connection:
            return work(Shelf(connection))

    def write(self, work: Callable[[Writing], T], act: Act | None = None) -> T:
        """Return what `work` returns, when it is committed; `work` may be called several times."""
        found: list[T] = []

        def transaction(connection: Connection, _: Any) -> None:
            shelf = WritableShelf(connection, self._clock(), watched=act is not None)
            found[:] = [work(shelf)]
            if act is not None:
                audit.record(connection, act, shelf.at, shelf.images())

        self._write(transaction)
        return found[0]


def serializable(engine: Engine) -> Write:
    """Return what writes through `engine`, again from the start where two transactions met."""

    def write(work: Callable[[Connection, Any], None], /) -> None:
        for number in range(_TRIES):
            try:
                with mapped(), engine.begin() as connection:
                    work(connection, None)
                return
            except Exception as error:
                if number + 1 == _TRIES or not _met(error):
                    raise
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**number)))  # noqa: S311 (jitter is no secret)

    return write


def _met(error: BaseException) -> bool:
    cause = error.__cause__
    if isinstance(cause, DBAPIError):
        cause = cause.orig
    return sqlstate(cause) in (SERIALIZATION_FAILURE, DEADLOCK_DETECTED, UNIQUE_VIOLATION)


class Shelf:
    """The `Reading` of the contract, inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, kind: type[R], /, **key: Any) -> R | None:
        """Return the row with this key, None where there is none."""
        if set(key) != set(kind.key):
            raise TypeError(f"the key of {kind.__name__} is {', '.join(kind.key)}")
        found = self.find(kind, limit=1, **key)
        return found[0] if found else None

    def find(
        self,
        kind: type[R],
        /,
        *,
        since: tuple[str, Any] | None = None,
        until: tuple[str, Any] | None = None,
        order: tuple[str, ...] = (),
        newest: bool = False,
        limit: int | None = None,
        **equal: Any,
    ) -> list[R]:
        """Return rows whose fields have these values."""
        table = table_of(kind)
        query: Select[Any] = select(table).where(*_equal(table, equal)).limit(limit)
        if since is not None:
            query = query.where(table.c[since[0]] >= since[1])
        if until is not None:
            query = query.where(table.c[until[0]] < until[1])
        columns = [table.c[name] for name in order or kind.key]
        query = query.order_by(*[column.desc() for column in columns] if newest else columns)
        return [kind(*row) for row in self._connection.execute(query)]

    def count(self, kind: type[Row], /, **equal: Any) -> int:
        """Return how many rows there are whose fields have these values."""
        table = table_of(kind)
        query = select(func.count()).select_from(table).where(*_equal(table, equal))
        return self._connection.scalar(query) or 0


class WritableShelf(Shelf):
    """The `Writing` of the contract. With `watched` it remembers every row as it was before its first change."""

    def __init__(self, connection: Connection, at: Micros, *, watched: bool) -> None:
        super().__init__(connection)
        self.at = at
        self._watched = watched
        self._before: dict[tuple[type[Row], tuple[Any, ...]], Row | None] = {}

    def put(self, *rows: Row) -> None:
        """Write rows; each replaces the one before of the same key."""
        for row in rows:
            self._watch(row)
            facts = [name for name in row.__struct_fields__ if name not in row.key]
            insert = self._insert(row)
            update = {name: insert.excluded[name] for name in facts}
            key = [*row.key]
            self._connection.execute(
                insert.on_conflict_do_update(index_elements=key, set_=update)
                if update
                else insert.on_conflict_do_nothing()
            )

    def insert(self, row: Row) -> bool:
        """Write a row unless there is one of that key."""
        self._watch(row)
        written = self._insert(row).on_conflict_do_nothing().returning(table_of(type(row)).c[row.key[0]])
        return self._connection.execute(written).first() is not None

    def add(self, row: Row, *fields: str) -> None:
        """Write a row, or add its `fields` to those of the row that is there."""
        self._watch(row)
        table, insert = table_of(type(row)), self._insert(row)
        update = {name: table.c[name] + insert.excluded[name] for name in fields}
        self._connection.execute(insert.on_conflict_do_update(index_elements=[*row.key], set_=update))

    def drop(self, kind: type[Row], /, **equal: Any) -> int:
        """Delete the rows whose fields have these values."""
        if not equal:
            raise TypeError("say which rows")
        if self._watched:
            for row in self.find(kind, **equal):
                self._watch(row)
        table = table_of(kind)
        return self._connection.execute(delete(table).where(*_equal(table, equal))).rowcount

    def resend(
        self,
        *,
        sink: str | None = None,
        states: Sequence[str] = (),
        since: Micros | None = None,
        event: str | None = None,
        ids: Sequence[str] = (),
        limit: int,
    ) -> list[DeliveryRow]:
        """Let deliveries that have ended wait again, and return what they were."""
        found = letters.ended(self._connection, Wanted(sink, states, since, event, ids), limit)
        for row in found:
            self._watch(letters.Letter.of(row))
        letters.send_again(self._connection, found, self.at)
        return found

    def images(self) -> Iterable[Image]:
        """Yield every row that was touched, as it was and as it is."""
        for (kind, key), before in self._before.items():
            after = self.get(kind, **dict(zip(kind.key, key, strict=True)))
            if before != after:
                yield Image(before, after)

    def _watch(self, row: Row) -> None:
        if not (self._watched and row.audited):
            return
        kind = type(row)
        key = tuple([getattr(row, name) for name in kind.key])
        if (kind, key) not in self._before:
            self._before[kind, key] = self.get(kind, **dict(zip(kind.key, key, strict=True)))

    def _insert(self, row: Row) -> Any:
        dialect: Any = pg if self._connection.dialect.name == "postgresql" else sqlite
        values = {name: _stored(getattr(row, name)) for name in row.__struct_fields__}
        return dialect.insert(table_of(type(row))).values(values)


def _equal(table: Table, equal: dict[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name].is_(None) if value is None else table.c[name] == value for name, value in equal.items()]


def _stored(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value
