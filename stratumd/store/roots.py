"""The verifiable record in the store: each day is closed once, and what is stored can be held against it for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, func, select, update

from stratumd.errors import StratumError
from stratumd.plugin import DAY, MINUTE, Micros, iso, parse_iso, to_datetime
from stratumd.record import BEFORE_ALL, LENGTH, Head, Proof, inclusion_path, leaf, leaf_hash, tree_hash
from stratumd.store import feed, tables
from stratumd.store.lookup import find_signal
from stratumd.store.retention import Read, Write
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import roots, signals
from stratumd.store.writes import Bulk, Insert

GRACE = 10 * MINUTE
"""How long after midnight a day is closed: what was observed before is committed by then, but for a backlog."""

_AT_ONCE = 1000
_HEAD = tuple(roots.c[name] for name in Head.__struct_fields__)
_INSERT = Insert(roots)


class Closed(NamedTuple):
    """A day of the record."""

    head: Head
    signature: str | None
    """Of the head's text; None where it was not signed yet."""


class Breach(NamedTuple):
    """Where the store and the record do not agree."""

    day: str
    sequence: int | None
    """The number in the feed; None where it is about the whole day."""
    signal: str | None
    what: str
    """`changed`, `left out`, `put in`, `late` or `broken`."""
    why: str

    @property
    def grave(self) -> bool:
        """Whether the record does not hold. What came late is in it, under a later day."""
        return self.what != "late"


class NotRecorded(StratumError, LookupError):
    """It is in no day that was closed."""


class Roots:
    """The days that were closed. The methods block, and may be called from any thread."""

    def __init__(self, read: Read, write: Write) -> None:
        self._read = read
        self._write = write

    def close(self, now: Micros) -> Head | None:
        """Close the first day that is over and open still, and return its head; None where there is none.

        The record begins with the day before the first call. Daemons that do it at the same time agree on one head.
        """
        found = self._read(lambda connection: _next(connection, now))
        if found is None:
            return None
        head, leaves = found

        def write(connection: Connection, bulk: Bulk) -> Head:
            bulk(_INSERT, [(head.day, head.first, head.size, head.root, head.previous, leaves, None)])
            return _closed(connection.execute(_days(head.day)).one()).head

        return self._write(write)

    def days(self, day: str | None = None) -> list[Closed]:
        """Return the days that were closed, or the one, oldest first."""
        return self._read(lambda connection: [_closed(row) for row in connection.execute(_days(day))])

    def sign(self, day: str, signature: str) -> None:
        """Keep the signature of a day's head."""
        self._write(lambda connection, _: _sign(connection, day, signature))

    def proof(self, signal: str) -> Proof:
        """Return the proof of the signal whose id is or begins with `signal`.

        `NotRecorded` where its day is open; `UnknownSignalError` where there is none, or several.
        """
        return self._read(lambda connection: _proof(connection, signal))

    def whole(self, day: str) -> Proof:
        """Return the proof of all of a day; `NotRecorded` where it was not closed."""
        return self._read(lambda connection: _whole(connection, day))

    def breaches(self, day: str | None = None, kept_since: Micros | None = None) -> list[Breach]:
        """Return where what is stored and the record do not agree, of one day or all.

        `kept_since`: what was observed before may have been deleted; None where nothing ever is.
        """
        return self._read(lambda connection: [*_breaches(connection, day, kept_since)])


def _next(connection: Connection, now: Micros) -> tuple[Head, bytes] | None:
    row = connection.execute(_days().order_by(None).order_by(roots.c.day.desc()).limit(1)).first()
    before = None if row is None else _closed(row).head
    start = _start(before.day) + DAY if before else (now - GRACE) // DAY * DAY - DAY
    if start + DAY + GRACE > now:
        return None
    if before is not None:
        first = before.end
    else:
        first = max(feed.ends(connection)[0], _newest(connection, start, 1) + 1)
    size = max(0, _newest(connection, start + DAY, first) - first + 1)
    hashes = [leaf_hash(each) for each in _leaves(connection, first, first + size)]
    root, previous = tree_hash(hashes).hex(), BEFORE_ALL if before is None else before.hash
    return Head(_name(start), first, size, root, previous), b"".join(hashes)


def _newest(connection: Connection, until: Micros, first: int) -> int:
    """Return the last number, from `first` on, of a signal that was observed before `until`; 0 where there is none."""
    query = select(func.max(tables.feed.c.sequence)).join(signals, signals.c.id == tables.feed.c.signal)
    found: int | None = connection.scalar(query.where(tables.feed.c.sequence >= first, signals.c.observed_at < until))
    return found or 0


def _leaves(connection: Connection, first: int, end: int) -> Iterator[bytes]:
    """Yield the leaves of these numbers, as they are stored now."""
    expected = first
    for row in _stored(connection, first, end):
        yield from (leaf(missing, None) for missing in range(expected, row.sequence))
        yield leaf(row.sequence, restored_signal(row).to_json())
        expected = row.sequence + 1
    yield from (leaf(missing, None) for missing in range(expected, end))


def _stored(connection: Connection, first: int, end: int) -> Iterable[Row[Any]]:
    query = (
        select(tables.feed.c.sequence, *COLUMNS)
        .join(signals, signals.c.id == tables.feed.c.signal)
        .where(tables.feed.c.sequence >= first, tables.feed.c.sequence < end)
        .order_by(tables.feed.c.sequence)
    )
    return connection.execute(query.execution_options(yield_per=_AT_ONCE))


def _days(day: str | None = None) -> Select[Any]:
    query = select(*_HEAD, roots.c.signature).order_by(roots.c.day)
    return query if day is None else query.where(roots.c.day == day)


def _closed(row: Row[Any]) -> Closed:
    return Closed(Head(row.day, row.first, row.size, row.root, row.previous), row.signature)


def _sign(connection: Connection, day: str, signature: str) -> None:
    connection.execute(update(roots).where(roots.c.day == day).values(signature=signature))


def _proof(connection: Connection, prefix: str) -> Proof:
    found = find_signal(connection, prefix)
    number = connection.scalar(select(tables.feed.c.sequence).where(tables.feed.c.signal == found.id))
    inside = and_(roots.c.first <= number, roots.c.first + roots.c.size > number)
    row = None if number is None else connection.execute(_days().where(inside)).first()
    if number is None or row is None:
        raise NotRecorded(f"the day of {found.id} was not closed yet: a daemon does so 10 minutes after midnight, UTC")
    closed = _closed(row)
    path = inclusion_path(_hashes(connection, closed.head.day), number - closed.head.first)
    return Proof(
        closed.head.text,
        [leaf(number, found.to_json()).decode()],
        [each.hex() for each in path],
        closed.signature,
    )


def _whole(connection: Connection, day: str) -> Proof:
    row = connection.execute(_days(day)).first()
    if row is None:
        raise NotRecorded(f"{day} was not closed: `stratumd record roots` lists the days that were")
    head, signature = _closed(row)
    return Proof(head.text, [each.decode() for each in _leaves(connection, head.first, head.end)], None, signature)


def _hashes(connection: Connection, day: str) -> list[bytes]:
    kept = bytes(connection.scalar(select(roots.c.leaves).where(roots.c.day == day)) or b"")
    return [kept[at : at + LENGTH] for at in range(0, len(kept), LENGTH)]


def _breaches(connection: Connection, day: str | None, kept_since: Micros | None) -> Iterator[Breach]:
    days = [_closed(row).head for row in connection.execute(_days())]
    if day is not None and day not in [head.day for head in days]:
        raise NotRecorded(f"{day} was not closed: `stratumd record roots` lists the days that were")
    before: Head | None = None
    for head in days:
        if day in (None, head.day):
            yield from _unchained(head, before)
            yield from _differing(connection, head, kept_since)
            yield from _beside(connection, head)
        before = head


def _unchained(head: Head, before: Head | None) -> Iterator[Breach]:
    expected = BEFORE_ALL if before is None else before.hash
    following = before is None or (head.first, _start(head.day)) == (before.end, _start(before.day) + DAY)
    if head.previous != expected or not following:
        yield Breach(head.day, None, None, "broken", "it does not continue the day before")


def _differing(connection: Connection, head: Head, kept_since: Micros | None) -> Iterator[Breach]:
    """Hold each leaf against what is stored under its number."""
    kept = _hashes(connection, head.day)
    if len(kept) != head.size or tree_hash(kept).hex() != head.root:
        yield Breach(head.day, None, None, "broken", "its root is not that of the leaves that are kept with it")
        return
    forgotten = kept_since is not None and _start(head.day) < kept_since
    expected = head.first
    for row in _stored(connection, head.first, head.end):
        yield from () if forgotten else _missing(head, kept, range(expected, row.sequence))
        yield from _other(head, kept[row.sequence - head.first], row)
        expected = row.sequence + 1
    yield from () if forgotten else _missing(head, kept, range(expected, head.end))


def _missing(head: Head, kept: list[bytes], numbers: range) -> Iterator[Breach]:
    for number in numbers:
        if kept[number - head.first] != leaf_hash(leaf(number, None)):
            yield Breach(head.day, number, None, "left out", "it was recorded, and is not stored any more")


def _other(head: Head, kept: bytes, row: Row[Any]) -> Iterator[Breach]:
    """Compare what is stored under a number with its leaf, and see whether it came on another day than it says."""
    if kept == leaf_hash(leaf(row.sequence, None)):
        yield Breach(head.day, row.sequence, row.id, "put in", "nothing stood under its number when the day was closed")
    elif kept != leaf_hash(leaf(row.sequence, restored_signal(row).to_json())):
        yield Breach(head.day, row.sequence, row.id, "changed", "it is not what was recorded under its number")
    elif row.observed_at < _start(head.day):
        yield Breach(head.day, row.sequence, row.id, "late", f"it says that it was observed at {iso(row.observed_at)}")


def _beside(connection: Connection, head: Head) -> Iterator[Breach]:
    """Find signals of the day that have no number."""
    start = _start(head.day)
    numbered = select(tables.feed.c.signal).where(tables.feed.c.signal == signals.c.id).exists()
    of_day = and_(signals.c.observed_at >= start, signals.c.observed_at < start + DAY)
    for id in connection.scalars(select(signals.c.id).where(of_day, ~numbered).order_by(signals.c.id)):
        yield Breach(head.day, None, id, "put in", "it is stored without a number in the feed")


def _start(day: str) -> Micros:
    return parse_iso(f"{day}T00:00:00Z")


def _name(start: Micros) -> str:
    return to_datetime(start).date().isoformat()
