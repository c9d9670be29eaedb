"""Whether what is stored can still be read, and is what was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from stratumd.store import audit
from stratumd.store.errors import StoreBroken, mapped
from stratumd.store.observations import STORED, restored
from stratumd.store.tables import observations

_AT_ONCE = 50  # observations: their bodies are held together


class Damage(NamedTuple):
    """Something that is not as it was written."""

    where: str
    """The table and the row, or the file."""
    what: str


def damages(connection: Connection) -> Iterator[Damage]:
    """Yield what is damaged: pages and indexes of a SQLite file, answers as received, rows of the audit.

    An answer's id is a hash of it, its headers apart, and each row of the audit holds the hash of the one before: of
    these nothing that was changed is overlooked. PostgreSQL knows of its own pages: see pg_amcheck.
    """
    if connection.dialect.name == "sqlite":
        yield from _file(connection)
    yield from _answers(connection)
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
