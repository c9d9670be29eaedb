"""What the page is told. It is the page's own: not part of the API that partners build on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class MarketShown(msgspec.Struct):
    """The newest consensus of a market, or the reason why there is none."""

    market: str
    player: str | None
    line: float | None
    outcomes: list[str]
    probabilities: list[float]
    prices: list[float]
    operators: int
    dispersion: float | None
    reason: str | None
    observed_at: datetime


class GameShown(msgspec.Struct):
    """An event."""

    id: str
    sport: str
    home: str
    away: str
    commence_at: datetime
    phase: str
    home_score: int | None
    away_score: int | None
    clock: str


class BoardLine(msgspec.Struct):
    """An event with its markets."""

    event: GameShown
    markets: list[MarketShown]
    last_signal: dict[str, Any] | None


class Board(msgspec.Struct):
    """Events by their start."""

    at: datetime
    items: list[BoardLine]


class Offer(msgspec.Struct):
    """What a book offers now."""

    market: str
    player: str | None
    book: str
    outcome: str
    line: float | None
    price: float
    best: bool
    changed_at: datetime


class PathShown(msgspec.Struct):
    """How something went: (milliseconds since 1970 UTC, value), a value until the next; null where it was not there."""

    name: str
    points: list[tuple[int, float | None]]


class EventPage(msgspec.Struct):
    """One event in one of its markets, and there of one player where it is a players' market."""

    at: datetime
    event: GameShown
    market: str
    markets: list[str]
    player: str | None
    players: list[str]
    """Of this market; none where it is about no player."""
    measure: str
    """What the paths are: `line` in points, or `probability` of home, over or yes, with the margin still in it."""
    consensus: PathShown
    books: list[PathShown]
    """Without those that offer several lines at once."""
    offers: list[Offer]
    signals: list[dict[str, Any]]


class SignalsPage(msgspec.Struct):
    """The newest signals, the newest first."""

    at: datetime
    newest: int
    """The newest number of the feed: where it stands still, nothing is new."""
    items: list[dict[str, Any]]


class ClosingPage(msgspec.Struct):
    """Scorecards of the closing-line value."""

    items: list[dict[str, Any]] | None
    """Null where the job `clv` runs in no pipeline."""


class HealthPage(msgspec.Struct):
    """How everything is."""

    status: dict[str, Any]
    cycles: list[dict[str, Any]]
    """The newest, the oldest first."""
