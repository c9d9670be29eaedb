"""The audit: what people did, in rows of which each holds the hash of the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from stratumd.plugin import Micros, Row
from stratumd.plugin.desk import Act, AuditRow
from stratumd.plugin.history import AuditBreak
from stratumd.store import counters, tables
from stratumd.store.text import clean

NAME = "audit"
"""The counter of its sequence numbers: whoever raises it holds off every other writer until the end."""
STARS = "***"
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_AT_ONCE = 1000


class Image(NamedTuple):
    """A row before and after an act; None where there was, or is, none."""

    before: Row | None
    after: Row | None


def record(connection: Connection, act: Act, at: Micros, images: Iterable[Image]) -> None:
    """Write an act down with what it changed; nothing where it changed nothing."""
    found = list(images)
    if not found:
        return
    sequence = counters.advance(connection, NAME)
    query = select(tables.audit.c.hash).where(tables.audit.c.sequence == sequence - 1)
    words = [clean(word) for word in (act.actor, act.action, act.target)]
    pictures = [_picture([image.before for image in found]), _picture([image.after for image in found])]
    reason, request = clean(act.reason), clean(act.request_id)
    fields: tuple[Any, ...] = (sequence, at, *words, *pictures, reason, request, connection.scalar(query) or "")
    values = zip(AuditRow.__struct_fields__, (*fields, _hash(fields)), strict=True)
    connection.execute(insert(tables.audit).values(dict(values)))


def verify(connection: Connection) -> Iterator[AuditBreak]:
    """Yield every place where a row was changed, left out or put in."""
    expected, previous = 1, ""
    newest = counters.value(connection, NAME)
    query = select(*[tables.audit.c[name] for name in AuditRow.__struct_fields__]).order_by(tables.audit.c.sequence)
    for found in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
        row = AuditRow(*found)
        if row.sequence != expected:
            yield AuditBreak(expected, f"rows {expected} to {row.sequence - 1} are missing")
        elif row.previous != previous:
            yield AuditBreak(row.sequence, "it does not continue the row before")
        if row.hash != _hash(msgspec.structs.astuple(row)[:-1]):
            yield AuditBreak(row.sequence, "it was changed")
        expected, previous = row.sequence + 1, row.hash
    if expected != newest + 1:
        yield AuditBreak(expected, f"rows {expected} to {newest} are missing")


def _hash(fields: tuple[Any, ...]) -> str:
    return hashlib.sha256(_ENCODE(fields)).hexdigest()


def _picture(rows: Iterable[Row | None]) -> str:
    return clean(_ENCODE([_shown(row) for row in rows if row is not None]).decode())


def _shown(row: Row) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    starred = {name: STARS for name in row.hidden if values[name] is not None}
    return {"table": row.table, "row": values | starred}
