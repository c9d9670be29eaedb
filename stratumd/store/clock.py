"""The database's clock: of several daemons' clocks none is right, so this one decides about leases and instants."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, extract, func, select

from stratumd.plugin import Micros


def clock(connection: Connection) -> ColumnElement[int]:
    """Return the expression of the database's time, in microseconds UTC."""
    if connection.dialect.name == "postgresql":
        return cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
    return cast((func.julianday("now") - 2440587.5) * 86_400_000_000, BigInteger)


def now(connection: Connection) -> Micros:
    """Return the database's time."""
    return connection.execute(select(clock(connection))).scalar_one()
