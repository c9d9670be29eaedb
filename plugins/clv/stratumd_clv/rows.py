"""What the plugin keeps: a struct per table. Times are microseconds UTC, prices decimal odds, lines points."""

from __future__ import annotations

from typing import ClassVar

from stratumd.plugin import Row


class Closed(Row, frozen=True):
    """An event that was closed, and what that rests on: where any of it changes, it is closed anew."""

    table: ClassVar[str] = "clv_events"
    key: ClassVar[tuple[str, ...]] = ("pipeline", "event")
    pipeline: str
    event: str
    sport: str
    commence_at: int
    observed_until: int
    signals: int
    options: str
    excluded: str
    """Why it has no closing lines: `cancelled` or `postponed`; empty where it has."""


class Closing(Row, frozen=True):
    """When an event closed under a convention."""

    table: ClassVar[str] = "clv_closings"
    key: ClassVar[tuple[str, ...]] = ("pipeline", "event", "convention")
    pipeline: str
    event: str
    convention: str
    cutoff_at: int
    """Only what was observed before it counts."""
    closed_at: int | None
    """The last observation before it; None where there is none."""


class MarketClose(Row, frozen=True):
    """The close of a market: the consensus of the books whose quotes were fresh."""

    table: ClassVar[str] = "clv_markets"
    key: ClassVar[tuple[str, ...]] = ("pipeline", "event", "convention", "market")
    pipeline: str
    event: str
    convention: str
    market: str
    quality: str
    """`good`, `low` (fewer operators than `min_operators`), or `none`."""
    operators: int
    books: int
    outcomes: str
    """Separated by a space."""
    line: float | None
    """The reference side's: home's, or the total."""
    fair_line: float | None
    probabilities: str
    """Of `outcomes`, at `line`, separated by a space."""
    oldest_seconds: float | None
    """The age of the oldest quote it rests on."""


class BookClose(Row, frozen=True):
    """A book's last quote of a market up to one observation."""

    table: ClassVar[str] = "clv_books"
    key: ClassVar[tuple[str, ...]] = ("pipeline", "event", "closed_at", "market", "book")
    pipeline: str
    event: str
    closed_at: int
    market: str
    book: str
    operator: str
    outcomes: str
    line: float | None
    fair_line: float | None
    prices: str
    """Of `outcomes`, separated by a space."""
    probabilities: str
    hold: float
    changed_at: int
    confirmed_at: int
    early_error: float | None
    """How far the book's compared value, some time before, was from the close of the others: points or probability.
    Only under the convention that signals are held against."""


class Value(Row, frozen=True):
    """What a price of a signal was worth at the close."""

    table: ClassVar[str] = "clv_values"
    key: ClassVar[tuple[str, ...]] = ("pipeline", "signal", "reference", "after_seconds")
    pipeline: str
    signal: str
    reference: str
    """`named` (a book of the signal), `stale` (a book that a steam left behind), or `consensus`."""
    after_seconds: int
    event: str
    sport: str
    type: str
    market: str
    outcome: str
    observed_at: int
    strength: int
    bucket: str
    score: float
    tier: str
    score_source: str
    status: str
    """`valued`; `gone` (the price was another by then), `unobserved`, `no_price`, `no_close`, `not_comparable`."""
    book: str | None
    line: float | None
    """The bettor's own side."""
    price: float | None
    close_line: float | None
    close_probability: float | None
    """Of the side, at the line taken."""
    ev: float | None
    log: float | None
    points: float | None
    baseline: float | None
    """The mean `ev` of all sides of the same quote: what a coin would have got there."""
    quality: str


class First(Row, frozen=True):
    """An operator's part in a move whose first mover is known."""

    table: ClassVar[str] = "clv_firsts"
    key: ClassVar[tuple[str, ...]] = ("pipeline", "signal", "operator")
    pipeline: str
    signal: str
    operator: str
    event: str
    market: str
    first: int
    """1 for the operator that moved first, else 0."""


KINDS: tuple[type[Row], ...] = (Closed, Closing, MarketClose, BookClose, Value, First)
