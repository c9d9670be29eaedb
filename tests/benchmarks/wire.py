"""The provider's answer with every quote decoded: what a plain msgspec reader would do."""

from __future__ import annotations

import msgspec


class Outcome(msgspec.Struct, gc=False):
    """One outcome."""

    name: str
    price: float
    point: float | None = None


class Market(msgspec.Struct, gc=False):
    """One market."""

    key: str
    outcomes: list[Outcome]
    last_update: str | None = None


class Book(msgspec.Struct, gc=False):
    """One bookmaker."""

    key: str
    markets: list[Market]


class Event(msgspec.Struct, gc=False):
    """One event."""

    id: str
    sport_key: str
    home_team: str
    away_team: str
    commence_time: str
    bookmakers: list[Book]


class Line(msgspec.Struct):
    """One line of a recording."""

    received_at: str
    body: list[Event]
