"""Conditions that a caller may leave out."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, ColumnElement

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
