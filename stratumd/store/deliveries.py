"""The queue of deliveries: who may send what now, and what became of it.

Per sink and event only the oldest delivery that is not settled may be in flight. On PostgreSQL several processes claim
at once (`SKIP LOCKED`); a claim is leased by the database's clock, and only its owner may settle it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)

from stratumd.plugin import Delivery, Micros
from stratumd.store.clock import clock
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import deliveries, signals
from stratumd.store.text import clean, optional

_mine = deliveries.alias("mine")
_other = deliveries.alias("other")
# Literal, because a partial index is used only where the statement itself says what the index says.
_MINE_WAITS = text("mine.state IN ('pending', 'in_flight')")
_OTHER_WAITS = text("other.state IN ('pending', 'in_flight')")


class Waiting(NamedTuple):
    """How many deliveries are in one state, and when the signal of the oldest was observed."""

    number: int
    oldest: Micros


def claim(
    connection: Connection, sink: str, limit: int, now: Micros, owner: str, lease: Micros, held: Sequence[str] = ()
) -> list[Delivery]:
    """Lend up to `limit` deliveries that are due at `now`, oldest first, to `owner`, who has those of `held`.

    Others that are the owner's by the rows were lent by a claim whose answer got lost; they are lent again.
    """
    rows = connection.execute(_claimable(connection, sink, limit, now, _unheld(owner, held))).all()
    if rows:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_([row.delivery for row in rows]))
            .values(
                state="in_flight",
                owner=owner,
                lease_until=clock(connection) + lease,
                attempts=deliveries.c.attempts + 1,
            )
        )
    return [Delivery(row.delivery, restored_signal(row), row.attempts + 1) for row in rows]


def delivered(connection: Connection, ids: Sequence[str], now: Micros, receipt: str | None, owner: str) -> None:
    """Settle deliveries that arrived and are still the owner's."""
    values = {"state": "delivered", "ended_at": now, "receipt": optional(receipt), "error": None}
    connection.execute(update(deliveries).where(*_held(ids, owner)).values(values))


def failed(connection: Connection, id: str, now: Micros, error: str, retry_at: Micros | None, owner: str) -> None:
    """Put a delivery that is still the owner's back until `retry_at`, or into the dead letters where that is None."""
    end: dict[str, object] = {"state": "dead", "ended_at": now}
    again: dict[str, object] = {"state": "pending", "due_at": retry_at}
    values = {"error": clean(error), **(end if retry_at is None else again)}
    connection.execute(update(deliveries).where(*_held([id], owner)).values(values))


def expire(connection: Connection, sink: str, now: Micros) -> int:
    """Settle as expired what waits for `sink` and is worth nothing any more. Returns how many."""
    waits = text("state IN ('pending', 'in_flight')")
    late = and_(deliveries.c.sink == sink, deliveries.c.state == "pending", deliveries.c.expires_at <= now)
    statement = update(deliveries).where(late, waits).values(state="expired", ended_at=now)
    return connection.execute(statement).rowcount


def release(connection: Connection, owner: str) -> int:
    """Put back what was in flight with anybody but `owner`. Returns how many."""
    in_flight = and_(deliveries.c.state == "in_flight", text("state IN ('pending', 'in_flight')"))
    statement = update(deliveries).where(in_flight, deliveries.c.owner.is_distinct_from(owner)).values(state="pending")
    return connection.execute(statement).rowcount


def counts(connection: Connection) -> dict[tuple[str, str], Waiting]:
    """Return, by sink and state, how many deliveries there are."""
    columns = (deliveries.c.sink, deliveries.c.state)
    query = select(*columns, func.count(), func.min(deliveries.c.observed_at)).group_by(*columns)
    return {(sink, state): Waiting(number, oldest) for sink, state, number, oldest in connection.execute(query)}


def _unheld(owner: str, held: Sequence[str]) -> ColumnElement[bool]:
    return and_(_mine.c.owner == owner, _mine.c.id.not_in(held))


def _claimable(
    connection: Connection, sink: str, limit: int, now: Micros, unheld: ColumnElement[bool]
) -> Select[tuple[object, ...]]:
    place = (_mine.c.observed_at, _mine.c.signal)
    earlier = exists().where(
        _other.c.sink == _mine.c.sink,
        _other.c.event == _mine.c.event,
        _OTHER_WAITS,
        tuple_(_other.c.observed_at, _other.c.signal) < tuple_(*place),
    )
    lost = and_(_mine.c.state == "in_flight", or_(_mine.c.lease_until < clock(connection), unheld))
    return (
        select(_mine.c.id.label("delivery"), _mine.c.attempts, *COLUMNS)
        .join(signals, signals.c.id == _mine.c.signal)
        .where(_mine.c.sink == sink, _MINE_WAITS, _mine.c.due_at <= now)
        .where(or_(_mine.c.state == "pending", lost), ~earlier)
        .order_by(*place)
        .limit(limit)
        .with_for_update(of=_mine, skip_locked=True)
    )


def _held(ids: Sequence[str], owner: str) -> tuple[ColumnElement[bool], ...]:
    mine = and_(deliveries.c.state == "in_flight", deliveries.c.owner == owner)
    return deliveries.c.id.in_(ids), mine
