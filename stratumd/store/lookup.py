"""Finding events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from stratumd.errors import StratumError
from stratumd.plugin import DAY, Micros, Signal, micros
from stratumd.plugin.views import EventRow, Start
from stratumd.store import scores
from stratumd.store.keys import event_key
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import coverage, event_starts, events, signals

_SHOWN = 5  # candidates that the error names


class UnknownEventError(StratumError, LookupError):
    """There is no such event."""


class UnknownSignalError(StratumError, LookupError):
    """There is no such signal."""


def find_signal(connection: Connection, prefix: str) -> Signal:
    """Return the one signal whose id is or begins with `prefix`; `UnknownSignalError` where none does, or several."""
    begins = signals.c.id.startswith(prefix, autoescape=True)
    rows = connection.execute(select(*COLUMNS).where(begins).order_by(signals.c.id).limit(_SHOWN)).all()
    found = [row for row in rows if row.id.startswith(prefix)]
    if len(found) == 1:
        return restored_signal(found[0])
    if not found:
        raise UnknownSignalError(f"no signal's id begins with {prefix!r}: `stratumd signals` lists them")
    raise UnknownSignalError(f"several signals begin with {prefix!r}: {', '.join(row.id for row in found)}")


def find_event(connection: Connection, prefix: str) -> str:
    """Return the one event id that is or begins with `prefix`. `UnknownEventError` where there is none, or several."""
    exact = select(events.c.event).where(events.c.event_id == event_key(prefix), events.c.event == prefix)
    if connection.execute(exact).first() is not None:
        return prefix
    begins = events.c.event.startswith(prefix, autoescape=True)
    order = (events.c.commence_at.desc(), events.c.event)
    # LIKE ignores case in SQLite, and an id does not.
    query = select(events.c.event).where(begins).order_by(*order).limit(20 * _SHOWN)
    found: list[str] = [event for event in connection.scalars(query) if event.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownEventError(f"no event begins with {prefix!r}: `stratumd events` lists them")
    shown = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    raise UnknownEventError(f"several events begin with {prefix!r}: {shown}")


def list_events(
    connection: Connection,
    *,
    day: date | None,
    team: str | None,
    sport: str | None,
    upcoming_at: Micros | None,
) -> list[EventRow]:
    """Return events by their start. `day` is in UTC; `team` is part of a name, in any case."""
    query = select(events).order_by(events.c.commence_at, events.c.event)
    if day is not None:
        midnight = micros(datetime.combine(day, time(), UTC))
        query = query.where(events.c.commence_at >= midnight, events.c.commence_at < midnight + DAY)
    if sport is not None:
        query = query.where(events.c.sport == sport)
    if upcoming_at is not None:
        query = query.where(events.c.commence_at > upcoming_at)
    if team is not None:
        query = query.where(_plays(team))
    return _rows(connection, query)


def one_event(connection: Connection, event: str) -> EventRow:
    """Return the event with this whole id."""
    return _rows(connection, select(events).where(events.c.event == event))[0]


def newest_pipeline(connection: Connection, event: str) -> str | None:
    """Return the pipeline that observed the event last; None where none has."""
    last = func.max(coverage.c.observed_at)
    query = (
        select(coverage.c.pipeline)
        .where(coverage.c.event_id == event_key(event))
        .group_by(coverage.c.pipeline)
        .order_by(last.desc(), coverage.c.pipeline)
        .limit(1)
    )
    return connection.execute(query).scalar()


def _plays(team: str) -> ColumnElement[bool]:
    return or_(events.c.home.icontains(team, autoescape=True), events.c.away.icontains(team, autoescape=True))


def _rows(connection: Connection, query: Select[*tuple[object, ...]]) -> list[EventRow]:
    found = connection.execute(query).all()
    keys = [row.event_id for row in found]
    starts, words, phases = _starts(connection, keys), scores.words(connection, keys), scores.phases(connection, keys)
    return [
        EventRow(
            row.event,
            row.sport,
            row.home,
            row.away,
            row.commence_at,
            row.first_seen,
            row.observed_at,
            tuple(starts.get(row.event_id, ())),
            **words.get(row.event_id, {}),
            phases=tuple(phases.get(row.event_id, ())),
        )
        for row in found
    ]


def _starts(connection: Connection, keys: Sequence[int]) -> dict[int, list[Start]]:
    found: dict[int, list[Start]] = {}
    for start in range(0, len(keys), 1000):
        query = (
            select(event_starts)
            .where(event_starts.c.event_id.in_(keys[start : start + 1000]))
            .order_by(event_starts.c.observed_at)
        )
        for row in connection.execute(query):
            found.setdefault(row.event_id, []).append(Start(row.observed_at, row.commence_at))
    return found
