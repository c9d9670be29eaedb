"""A desk in memory, for properties that are tried on thousands of cases: whole transactions, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from stratumd.plugin import Clock, Row
from stratumd.plugin.desk import Act

T = TypeVar("T")
R = TypeVar("R", bound=Row)
Tables = dict[type[Row], dict[tuple[Any, ...], Row]]


class MemoryShelf:
    """Reads and writes of one transaction."""

    def __init__(self, tables: Tables, at: int) -> None:
        self.tables = tables
        self.at = at

    def _of(self, kind: type[Row]) -> dict[tuple[Any, ...], Any]:
        return self.tables.setdefault(kind, {})

    def get(self, kind: type[R], /, **key: Any) -> R | None:
        assert set(key) == set(kind.key)
        return self._of(kind).get(tuple(key[name] for name in kind.key))

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
        found = [
            row
            for row in self._of(kind).values()
            if all(getattr(row, name) == value for name, value in equal.items())
            and (since is None or getattr(row, since[0]) >= since[1])
            and (until is None or getattr(row, until[0]) < until[1])
        ]
        found.sort(key=lambda row: [getattr(row, name) for name in order or kind.key], reverse=newest)
        return found[:limit]

    def count(self, kind: type[Row], /, **equal: Any) -> int:
        return len(self.find(kind, **equal))

    def put(self, *rows: Row) -> None:
        for row in rows:
            self._of(type(row))[tuple(getattr(row, name) for name in row.key)] = row

    def insert(self, row: Row) -> bool:
        if tuple(getattr(row, name) for name in row.key) in self._of(type(row)):
            return False
        self.put(row)
        return True

    def drop(self, kind: type[Row], /, **equal: Any) -> int:
        assert equal
        gone = self.find(kind, **equal)
        for row in gone:
            del self._of(kind)[tuple(getattr(row, name) for name in row.key)]
        return len(gone)


class MemoryDesk:
    """The `Desk` of the contract, without a database and without threads."""

    def __init__(self, clock: Clock) -> None:
        self.tables: Tables = {}
        self._clock = clock

    async def read(self, work: Callable[[Any], T]) -> T:
        return work(MemoryShelf(self.tables, self._clock.now()))

    async def write(self, work: Callable[[Any], T], act: Act | None = None) -> T:
        draft = {kind: dict(rows) for kind, rows in self.tables.items()}
        done = work(MemoryShelf(draft, self._clock.now()))
        self.tables = draft
        return done
