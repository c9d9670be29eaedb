"""Breakers that are open: who is left alone for now, and since when nothing has succeeded there."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from stratumd.plugin import Micros
from stratumd.store.tables import breakers
from stratumd.store.text import clean


class Outage(NamedTuple):
    """What is known of an outage."""

    reason: str
    """Of the newest failure."""
    failures: int
    """In a row."""
    since: Micros
    """When the first of them was."""
    retry_at: Micros
    """When the next attempt may be made."""
    options: str
    """A fingerprint of the options it was with: others are another chance."""


def trip(connection: Connection, kind: str, name: str, outage: Outage) -> None:
    """Note that a breaker is open. What was noted of it before is replaced."""
    mend(connection, kind, name)
    row = {"kind": kind, "name": name, **outage._asdict(), "reason": clean(outage.reason)}
    connection.execute(insert(breakers).values(row))


def mend(connection: Connection, kind: str, name: str) -> None:
    """Forget a breaker that is closed again."""
    connection.execute(delete(breakers).where(breakers.c.kind == kind, breakers.c.name == name))


def outage(connection: Connection, kind: str, name: str) -> Outage | None:
    """Return what is known of an outage; None where there is none."""
    columns = [breakers.c[field] for field in Outage._fields]
    row = connection.execute(select(*columns).where(breakers.c.kind == kind, breakers.c.name == name)).first()
    return None if row is None else Outage(*row)
