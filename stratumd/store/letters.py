"""Deliveries as a person looks at them: which there are, what became of one, and sending some of them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, or_, select, update

from stratumd.errors import StratumError
from stratumd.plugin import Micros
from stratumd.plugin import Row as Record
from stratumd.plugin.views import DeliveryRow
from stratumd.store.lookup import find_event
from stratumd.store.tables import deliveries

ENDED = ("dead", "expired", "delivered")
"""States that a delivery does not leave by itself."""
STATES = ("pending", "in_flight", *ENDED)
_SHOWN = 5


class UnknownDeliveryError(StratumError, LookupError):
    """There is no such delivery."""


class Letter(Record, frozen=True):
    """A delivery as the audit shows it."""

    table: ClassVar[str] = "deliveries"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    signal: str
    sink: str
    state: str
    attempts: int
    expires_at: int | None
    ended_at: int | None
    error: str | None

    @classmethod
    def of(cls, row: DeliveryRow) -> Letter:
        """Return the picture of a delivery."""
        return cls(**{name: getattr(row, name) for name in cls.__struct_fields__})


class Wanted(NamedTuple):
    """Which deliveries; what is not given admits all."""

    sink: str | None = None
    """`nba.discord`, or `discord` in any pipeline."""
    states: Sequence[str] = ()
    since: Micros | None = None
    """By when the signal was observed."""
    event: str | None = None
    """The event's id, or how it begins."""
    ids: Sequence[str] = ()


def find(connection: Connection, wanted: Wanted, limit: int | None = None) -> list[DeliveryRow]:
    """Return deliveries, the oldest signal first; with `limit` the newest so many."""
    order = (deliveries.c.observed_at.desc(), deliveries.c.signal.desc(), deliveries.c.sink.desc())
    query = select(deliveries).where(*_conditions(connection, wanted)).order_by(*order).limit(limit)
    return [_view(row) for row in reversed(connection.execute(query).all())]


def one(connection: Connection, prefix: str) -> DeliveryRow:
    """Return the delivery whose id is or begins with `prefix`. `UnknownDeliveryError` where none does, or several."""
    begins = deliveries.c.id.startswith(prefix, autoescape=True)
    rows = connection.execute(select(deliveries).where(begins).order_by(deliveries.c.id).limit(_SHOWN)).all()
    if len(rows) == 1:
        return _view(rows[0])
    if not rows:
        raise UnknownDeliveryError(f"no delivery's id begins with {prefix!r}: `stratumd deliveries list` shows them")
    raise UnknownDeliveryError(f"several deliveries begin with {prefix!r}: {', '.join(row.id for row in rows)}")


def replay(connection: Connection, wanted: Wanted, now: Micros) -> list[DeliveryRow]:
    """Let deliveries that have ended wait again, from the first attempt on, and never expire. Return what they were.

    They keep their ids: a receiver that remembers these knows a delivery that it had.
    """
    found = ended(connection, wanted)
    send_again(connection, found, now)
    return found


def ended(connection: Connection, wanted: Wanted, limit: int | None = None) -> list[DeliveryRow]:
    """Return what `replay` would let wait again; with `limit` the newest so many."""
    states = [state for state in wanted.states or ("dead",) if state in ENDED]
    return find(connection, wanted._replace(states=states), limit) if states else []


def send_again(connection: Connection, found: Sequence[DeliveryRow], now: Micros) -> None:
    """Let these wait again, as far as they have ended."""
    again = {"state": "pending", "attempts": 0, "due_at": now, "expires_at": None, "ended_at": None, "error": None}
    for first in range(0, len(found), 1_000):
        ids = [row.id for row in found[first : first + 1_000]]
        mine = deliveries.c.id.in_(ids), deliveries.c.state.in_(ENDED)
        connection.execute(update(deliveries).where(*mine).values(again))


def _conditions(connection: Connection, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.ids:
        yield deliveries.c.id.in_([one(connection, prefix).id for prefix in wanted.ids])
    if wanted.sink is not None:
        own = f".{wanted.sink}"
        yield or_(deliveries.c.sink == wanted.sink, deliveries.c.sink.endswith(own, autoescape=True))
    if wanted.states:
        yield deliveries.c.state.in_(wanted.states)
    if wanted.since is not None:
        yield deliveries.c.observed_at >= wanted.since
    if wanted.event is not None:
        yield deliveries.c.event == find_event(connection, wanted.event)


def _view(row: Row[*tuple[Any, ...]]) -> DeliveryRow:
    return DeliveryRow(**{name: row._mapping[name] for name in DeliveryRow.__struct_fields__})
