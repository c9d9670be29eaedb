"""How good the stored quotes are: issues and changed quotes by book, market and day, and what was offered on events."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, select

from stratumd.plugin import DAY, Micros
from stratumd.store.conditions import within
from stratumd.store.tables import books, changes, events, issues, series

# A literal: PostgreSQL takes two bound parameters for two expressions, and refuses to group.
_DAY: ColumnElement[int] = literal_column(str(DAY))


class IssueCount(NamedTuple):
    """Issues of one rule, at one book and market, on one day."""

    rule: str
    severity: str
    book: str | None
    market: str | None
    day: int
    """Days since 1970-01-01, UTC."""
    number: int
    example: str


class ChangeCount(NamedTuple):
    """Quotes that appeared, changed or disappeared at one book and market on one day."""

    book: str
    market: str
    day: int
    number: int


class Offering(NamedTuple):
    """One book's market of one event, ever offered."""

    event: str
    sport: str
    home: str
    away: str
    commence_at: Micros
    book: str
    market: str


class BookRow(NamedTuple):
    """A book that was seen."""

    key: str
    first_seen: Micros


def issue_counts(connection: Connection, pipeline: str, since: Micros | None, until: Micros | None) -> list[IssueCount]:
    """Return the pipeline's issues, counted."""
    day = _day(issues.c.observed_at)
    place = (issues.c.rule, issues.c.severity, issues.c.book, issues.c.market, day)
    query: Select[Any] = (
        select(*place, func.count(), func.min(issues.c.detail))
        .where(issues.c.pipeline == pipeline, *within(issues.c.observed_at, since, until))
        .group_by(*place)
    )
    return [IssueCount(*row) for row in connection.execute(query)]


def change_counts(
    connection: Connection, pipeline: str, since: Micros | None, until: Micros | None
) -> list[ChangeCount]:
    """Return the pipeline's changed quotes, counted. It reads every change of the range."""
    day = _day(changes.c.observed_at)
    same = and_(changes.c.event_id == series.c.event_id, changes.c.series_id == series.c.series_id)
    query: Select[Any] = (
        select(series.c.book, series.c.market, day, func.count())
        .join(changes, same)
        .where(series.c.pipeline == pipeline, *within(changes.c.observed_at, since, until))
        .group_by(series.c.book, series.c.market, day)
    )
    return [ChangeCount(*row) for row in connection.execute(query)]


def offerings(connection: Connection, pipeline: str, since: Micros | None, until: Micros | None) -> list[Offering]:
    """Return who ever offered what on the events that start in the range."""
    query: Select[Any] = (
        select(
            events.c.event, events.c.sport, events.c.home, events.c.away, events.c.commence_at,
            series.c.book, series.c.market,
        )
        .join(series, series.c.event_id == events.c.event_id)
        .where(series.c.pipeline == pipeline, *within(events.c.commence_at, since, until))
        .distinct()
    )  # fmt: skip
    return [Offering(*row) for row in connection.execute(query)]


def seen_books(connection: Connection) -> list[BookRow]:
    """Return the books that were ever seen, by key."""
    return [BookRow(*row) for row in connection.execute(select(books).order_by(books.c.key))]


def _day(column: ColumnElement[int]) -> ColumnElement[int]:
    return column.op("/")(_DAY)
