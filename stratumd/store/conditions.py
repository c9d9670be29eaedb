"""Conditions that a caller may leave out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select

from stratumd.plugin import Micros


def within(column: Column[int], since: Micros | None, until: Micros | None) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a range of time, both ends included."""
    if since is not None:
        yield column >= since
    if until is not None:
        yield column <= until


def equal(*wanted: tuple[Column[str], str | None]) -> Iterator[ColumnElement[bool]]:
    """Yield a condition for each column whose value is given."""
    for column, value in wanted:
        if value is not None:
            yield column == value


def first_instants(
    connection: Connection, query: Select[*tuple[Any, ...]], column: Column[int], limit: int
) -> Iterator[ColumnElement[bool]]:
    """Yield the condition that leaves the first instants of a query that is ordered by `column` first: as many as it
    takes for more than `limit` rows.
    """
    last = connection.scalar(query.with_only_columns(column).offset(limit).limit(1))
    if last is not None:
        yield column <= last
