"""Whether what is stored can still be read, and is what was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from stratumd.store import audit
from stratumd.store.errors import StoreBroken, mapped
from stratumd.store.observations import STORED, restored
from stratumd.store.packed import as_stored, unpacked
from stratumd.store.tables import consensus, observations

_AT_ONCE = 50  # observations: their bodies are held together
_POINTS = 2000  # whose contributors are held together


class Damage(NamedTuple):
    """Something that is not as it was written."""

    where: str
    """The table and the row, or the file."""
    what: str


def damages(connection: Connection) -> Iterator[Damage]:
    """Yield what is damaged: pages and indexes of a SQLite file, answers as received, contributors, rows of the audit.

    An answer's id is a hash of it, its headers apart, and each row of the audit holds the hash of the one before: of
    these nothing that was changed is overlooked. The contributors of a consensus carry a checksum. PostgreSQL knows of
    its own pages: see pg_amcheck.
    """
    if connection.dialect.name == "sqlite":
        yield from _file(connection)
    yield from _answers(connection)
    yield from _contributors(connection)
    try:
        with mapped():
            yield from [Damage(f"audit, row {each.sequence}", each.reason) for each in audit.verify(connection)]
    except StoreBroken as error:
        yield Damage("audit", str(error))


def _file(connection: Connection) -> Iterator[Damage]:
    try:
        with mapped():
            lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    except StoreBroken as error:
        yield Damage("file", str(error))
        return
    for line in lines:
        if line != "ok":
            yield Damage("file", " ".join(str(line).split()))


def _answers(connection: Connection) -> Iterator[Damage]:
    """Go by positions, so that one row that cannot be read does not hide those behind it."""
    place = observations.c.position
    newest = -1
    while True:
        query = select(place).where(place > newest).order_by(place).limit(_AT_ONCE)
        try:
            with mapped():
                positions = connection.scalars(query).all()
        except StoreBroken as error:
            yield Damage("observations", str(error))
            return
        if not positions:
            return
        for position in positions:
            what = _wrong(connection, position)
            if what:
                yield Damage(f"observations, row {position}", what)
        newest = positions[-1]


def _contributors(connection: Connection) -> Iterator[Damage]:
    """Take them as they are stored, so that one that cannot be read does not hide those behind it."""
    query = select(*consensus.primary_key.columns, as_stored(consensus.c.contributors))
    try:
        with mapped(), connection.execute(query.execution_options(yield_per=_POINTS)) as rows:
            for row in rows:
                what = _unreadable(row.contributors)
                if what:
                    place = f"event {row.event_id} at {row.observed_at}, {row.pipeline}, {row.market} {row.player}"
                    yield Damage(f"consensus, {place.rstrip()}", what)
    except StoreBroken as error:
        yield Damage("consensus", str(error))


def _unreadable(stored: bytes) -> str:
    """Return why packed text cannot be read; empty where it can."""
    try:
        with mapped():
            unpacked(stored)
    except StoreBroken as error:
        return str(error)
    return ""


def _wrong(connection: Connection, position: int) -> str:
    """Return what is wrong with one answer; empty where nothing is."""
    try:
        with mapped():
            row = connection.execute(select(*STORED).where(observations.c.position == position)).one()
            found = restored(row)
            same = msgspec.structs.replace(found, id="").id == found.id
    except StoreBroken as error:
        return str(error)
    return "" if same else f"it is not the answer that was received as {found.id}"
