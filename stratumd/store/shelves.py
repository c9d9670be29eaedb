"""The tables of plugins, from the structs that their rows are."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Double, MetaData, Table, Text, delete, select
from sqlalchemy.dialects import postgresql

from stratumd.plugin import Drop, Row
from stratumd.store.text import clean
from stratumd.store.writes import Bulk, Insert

R = TypeVar("R", bound=Row)

_TYPES: dict[type, Any] = {
    str: Text().with_variant(postgresql.TEXT(collation="C"), "postgresql"),  # sorts as SQLite does
    int: BigInteger(),
    float: Double(),
}
_AT_ONCE = 5000  # rows of one statement


@cache
def table_of(kind: type[Row]) -> Table:
    """Return the table that rows of `kind` are kept in. `TypeError` where a field is nothing that a column can hold."""
    hints = typing.get_type_hints(kind)
    columns = [_column(kind, name, hints[name]) for name in kind.__struct_fields__]
    return Table(kind.table, MetaData(), *columns)


def put(bulk: Bulk, rows: Iterable[Row]) -> None:
    """Write `rows`; of two with the same key the later one counts."""
    by_kind: dict[type[Row], dict[Any, tuple[Any, ...]]] = {}
    for row in rows:
        values = msgspec.structs.astuple(row)
        key = tuple([getattr(row, name) for name in row.key])
        by_kind.setdefault(type(row), {})[key] = tuple([clean(v) if isinstance(v, str) else v for v in values])
    for kind, found in by_kind.items():
        statement, lines = _insert(kind), list(found.values())
        for start in range(0, len(lines), _AT_ONCE):
            bulk(statement, lines[start : start + _AT_ONCE])


def drop(connection: Connection, drops: Iterable[Drop]) -> None:
    """Delete the rows whose fields have the values that are given."""
    for kind, equal in drops:
        table = table_of(kind)
        connection.execute(delete(table).where(*[table.c[name] == value for name, value in equal.items()]))


def fetch(connection: Connection, kind: type[R], equal: dict[str, Any]) -> list[R]:
    """Return the rows whose fields have the values that are given, by key."""
    table = table_of(kind)
    where = [table.c[name].is_(None) if value is None else table.c[name] == value for name, value in equal.items()]
    query = select(table).where(*where).order_by(*[table.c[name] for name in kind.key])
    return [kind(*row) for row in connection.execute(query)]


@cache
def _insert(kind: type[Row]) -> Insert:
    return Insert(table_of(kind), update=[name for name in kind.__struct_fields__ if name not in kind.key])


def _column(kind: type[Row], name: str, hint: Any) -> Column[Any]:
    null = typing.get_origin(hint) in (typing.Union, types.UnionType) and type(None) in typing.get_args(hint)
    bare = next(each for each in typing.get_args(hint) if each is not type(None)) if null else hint
    if bare not in _TYPES or (null and name in kind.key):
        raise TypeError(f"{kind.__name__}.{name}: a column is a str, an int or a float, and a key is never None")
    return Column(name, _TYPES[bare], primary_key=name in kind.key, nullable=null, autoincrement=False)
