"""Notices and what became of them at each sink that takes them.

A notice is `new` until a sink takes it, and `out` from then on: with a row for each sink, claimed, leased and settled
as deliveries are. One to a person goes to one sink alone, and its text is deleted when it is settled or old.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec import json
from sqlalchemy import Connection, Engine, Row, Select, and_, exists, or_, select, update

from stratumd.plugin import DAY, HOUR, Micros, Notice, Severity
from stratumd.plugin.views import NoticeRow
from stratumd.store import writes
from stratumd.store.clock import clock
from stratumd.store.errors import mapped
from stratumd.store.tables import notice_sinks, notices
from stratumd.store.text import clean, optional
from stratumd.store.writes import Bulk

T = TypeVar("T")

PERSONAL: Micros = HOUR
"""How long the text of a notice to one person is kept: what it carries is worth nothing any more, or too much."""
KEPT: Micros = 90 * DAY
"""How long any notice is kept, unless `retention` says otherwise."""
SHOWN = 100
"""Notices that are shown at most: the newest."""
_WAITING = ("pending", "in_flight")
_OF_SINK = ("sink", "state", "attempts", "due_at", "error")


class Taker(NamedTuple):
    """A sink that takes notices now."""

    sink: str
    addresses: bool
    """Whether it can address one person."""
    least: Severity = Severity.INFO
    """It gets no notice to the operator that matters less."""

    def takes(self, notice: Notice) -> bool:
        """Say whether a notice fits."""
        return self.addresses if notice.to is not None else notice.severity.reaches(self.least)


class Routed(NamedTuple):
    """What became of the new notices."""

    sent_out: int
    """How many some sink takes."""
    untaken: tuple[Notice, ...]
    """Those that nobody takes; they stay new."""


class Errand(NamedTuple):
    """A notice that was lent out to be sent."""

    notice: Notice
    attempt: int
    """From 1 on."""


class _Write(Protocol):
    def __call__(self, name: str, work: Callable[[Connection, Bulk], T], /) -> T: ...


class Notices:
    """The notices of one database, for one daemon. The methods block, and may be called from any thread."""

    def __init__(self, write: _Write, readers: Engine, owner: str, lease: Micros) -> None:
        """`lease`: how long a notice stays with a daemon that says nothing."""
        self._write = write
        self._readers = readers
        self._owner = owner
        self._lease = lease
        self._shared = readers.dialect.name == "postgresql"

    def route(self, takers: Sequence[Taker], now: Micros) -> Routed:
        """Give the new notices to those of `takers` that fit; of a notice to a person the first one."""
        found = self._read(_new)
        fitting = {notice.id: _fitting(notice, about, takers) for notice, about in found}

        def write(connection: Connection, bulk: Bulk) -> None:
            for id, sinks in fitting.items():
                _send_out(connection, bulk, id, sinks, now)

        if any(fitting.values()):
            self._write("route notices", write)
        untaken = tuple(notice for notice, _ in found if not fitting[notice.id])
        return Routed(len(found) - len(untaken), untaken)

    def sweep(self, now: Micros) -> None:
        """Let expire what is worth nothing any more."""
        self._write("sweep notices", lambda connection, _: _sweep(connection, now))

    def claim(self, sink: str, now: Micros) -> Errand | None:
        """Take the oldest notice that is due at `sink`; None where none is. What was taken and not settled is due."""
        due = _due(sink, now, self._owner, shared=self._shared)
        if self._read(lambda connection: connection.execute(due(connection)).first()) is None:
            return None

        def take(connection: Connection, _: Bulk) -> Errand | None:
            row = connection.execute(due(connection).with_for_update(of=notice_sinks, skip_locked=True)).first()
            if row is None:
                return None
            lent = {"state": "in_flight", "owner": self._owner, "lease_until": clock(connection) + self._lease}
            connection.execute(update(notice_sinks).where(*_at(row.id, sink)).values(**lent, attempts=row.attempts + 1))
            return Errand(_notice(row), row.attempts + 1)

        return self._write("claim notice", take)

    def delivered(self, id: str, sink: str, now: Micros) -> None:
        """Settle a notice that `sink` sent, where it still is this daemon's."""
        self._settle(id, sink, {"state": "delivered", "ended_at": now, "error": None})

    def failed(self, id: str, sink: str, now: Micros, error: str, retry_at: Micros | None) -> None:
        """Put a notice back until `retry_at`; None gives it up at this sink."""
        if retry_at is None:
            self._settle(id, sink, {"state": "dead", "ended_at": now, "error": clean(error)})
        else:
            self._settle(id, sink, {"state": "pending", "due_at": retry_at, "error": clean(error)})

    def unsent(self) -> list[NoticeRow]:
        """Return the notices that wait, and those that no sink takes or took."""
        return self._read(unsent)

    def _settle(self, id: str, sink: str, values: dict[str, object]) -> None:
        def write(connection: Connection, _: Bulk) -> None:
            mine = and_(notice_sinks.c.state == "in_flight", notice_sinks.c.owner == self._owner)
            settled = connection.execute(update(notice_sinks).where(*_at(id, sink), mine).values(values)).rowcount
            if settled and "ended_at" in values:
                personal = and_(notices.c.id == id, notices.c.recipient.is_not(None))
                connection.execute(update(notices).where(personal).values(text=""))

        self._write("settle notice", write)

    def _read(self, query: Callable[[Connection], T]) -> T:
        with mapped(), self._readers.begin() as connection:
            return query(connection)


def add(connection: Connection, bulk: Bulk, notice: Notice, about: str = "") -> bool:
    """Store a notice that the sink `about` does not get. Returns False where it is there already."""
    id = clean(notice.id)
    if connection.execute(select(notices.c.id).where(notices.c.id == id)).first() is not None:
        return False
    texts = clean(notice.kind), clean(notice.title), clean(notice.text)
    figures = json.encode(notice.figures).decode()
    matters = str(notice.severity), "yes" if notice.resolved else "", clean(figures)
    bulk(writes.NOTICES, [(id, *texts, notice.at, optional(notice.to), about, "new", *matters)])
    return True


def give(connection: Connection, bulk: Bulk, notice: Notice, sink: str) -> None:
    """Send out a notice that was just stored, to one sink alone."""
    _send_out(connection, bulk, clean(notice.id), [sink], notice.at)


def unsent(connection: Connection) -> list[NoticeRow]:
    """Return the notices that wait, and those that no sink takes or took, oldest first."""
    other = notice_sinks.alias()
    taken = exists().where(other.c.notice == notice_sinks.c.notice, other.c.state == "delivered")
    waits, given_up = notice_sinks.c.state.in_(_WAITING), and_(notice_sinks.c.state == "dead", ~taken)
    lent = (
        select(notices, *[notice_sinks.c[name].label(f"sink_{name}") for name in _OF_SINK])
        .join(notice_sinks, notice_sinks.c.notice == notices.c.id)
        .where(notice_sinks.c.state.in_((*_WAITING, "dead")), or_(waits, given_up))
        .order_by(notices.c.at.desc(), notices.c.id.desc(), notice_sinks.c.sink)
        .limit(SHOWN)
    )
    new = select(notices).where(notices.c.state == "new").order_by(notices.c.at.desc(), notices.c.id.desc())
    found = [_view(row) for query in (new.limit(SHOWN), lent) for row in connection.execute(query)]
    return sorted(found, key=lambda each: (each.at, each.id))[-SHOWN:]


def _new(connection: Connection) -> list[tuple[Notice, str]]:
    query = select(notices).where(notices.c.state == "new").order_by(notices.c.at, notices.c.id)
    return [(_notice(row), row.about) for row in connection.execute(query)]


def _fitting(notice: Notice, about: str, takers: Sequence[Taker]) -> list[str]:
    """Name the sinks that a notice goes to: all for the operator, the first one that can for a person."""
    able = [taker.sink for taker in takers if taker.sink != about and taker.takes(notice)]
    return able if notice.to is None else able[:1]


def _send_out(connection: Connection, bulk: Bulk, id: str, sinks: Sequence[str], now: Micros) -> None:
    if not sinks:
        return
    new = and_(notices.c.id == id, notices.c.state == "new")
    # Of several daemons one gets to change it: another might have chosen other sinks.
    if connection.execute(update(notices).where(new).values(state="out")).rowcount:
        bulk(writes.NOTICE_SINKS, [(id, sink, "pending", 0, now, None, None, None, None) for sink in sinks])


def _late(now: Micros) -> Any:
    return and_(notices.c.recipient.is_not(None), notices.c.at <= now - PERSONAL)


def _sweep(connection: Connection, now: Micros) -> None:
    late = select(notices.c.id).where(_late(now))
    waits = and_(notice_sinks.c.state == "pending", notice_sinks.c.notice.in_(late))
    connection.execute(update(notice_sinks).where(waits).values(state="expired", ended_at=now))
    connection.execute(update(notices).where(_late(now)).values(text="", state="out"))


def _due(sink: str, now: Micros, owner: str, *, shared: bool) -> Callable[[Connection], Select[*tuple[Any, ...]]]:
    """Return the query of the oldest notice that is due at a sink.

    A sink has one lane for notices: what is in flight with the owner itself was lent by a claim whose answer got lost.
    """

    def query(connection: Connection) -> Select[*tuple[Any, ...]]:
        gone = or_(notice_sinks.c.lease_until < clock(connection), notice_sinks.c.owner == owner)
        lost = and_(notice_sinks.c.state == "in_flight", gone) if shared else notice_sinks.c.state == "in_flight"
        return (
            select(notices, notice_sinks.c.attempts)
            .join(notice_sinks, notice_sinks.c.notice == notices.c.id)
            .where(notice_sinks.c.sink == sink, notice_sinks.c.due_at <= now, ~_late(now))
            .where(notice_sinks.c.state.in_(_WAITING), or_(notice_sinks.c.state == "pending", lost))
            .order_by(notices.c.at, notices.c.id)
            .limit(1)
        )

    return query


def _at(id: str, sink: str) -> tuple[Any, Any]:
    return notice_sinks.c.notice == id, notice_sinks.c.sink == sink


def _notice(row: Row[*tuple[Any, ...]]) -> Notice:
    texts = row.id, row.kind, row.title, row.text, row.at, row.recipient
    return Notice(*texts, Severity(row.severity), bool(row.resolved), json.decode(row.figures))


def _view(row: Row[*tuple[Any, ...]]) -> NoticeRow:
    told = (row.id, row.kind, row.title, row.at, row.recipient is not None)
    if row.state == "new":
        return NoticeRow(*told, None, "new", 0, None, None)
    return NoticeRow(*told, *(row._mapping[f"sink_{name}"] for name in _OF_SINK))
