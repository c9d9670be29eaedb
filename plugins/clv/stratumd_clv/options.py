"""Options of the job, and the names of the conventions."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from stratumd.plugin import Duration, PluginConfig


class Convention(StrEnum):
    """What counts as the close."""

    LAST_BEFORE_ACTUAL = "last_before_actual"
    """The last quote before the final start time, the newest that was announced."""
    LAST_BEFORE_SCHEDULED = "last_before_scheduled"
    """The last quote before the start as it was announced one hour before it."""
    LAST_BEFORE_IN_PLAY = "last_before_in_play"
    """The last observation before the first one in play."""
    LAST_SEEN = "last_seen"
    """The last quote before the event left the feed, in play or not."""


class Options(PluginConfig):
    """Options of `clv`."""

    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets that have closing lines; players' markets and ladders have none."""
    convention: Convention = Convention.LAST_BEFORE_ACTUAL
    """The close that signals are held against. Closing lines are kept under all four."""
    minutes_after_commence: int = Field(default=10, ge=0)
    """An event is closed so many minutes after its newest announced start, and opened again if that moves on."""
    lookback_days: int = Field(default=7, ge=1)
    """Events that started longer ago are left as they are."""
    max_age: timedelta = timedelta(minutes=15)
    """A book's quote counts for the market's close while it was confirmed no longer ago than this."""
    min_operators: int = Field(default=5, ge=2)
    """With fewer operators the quality of a market's close is `low`."""
    offsets: tuple[Duration, ...] = (timedelta(), timedelta(seconds=60), timedelta(seconds=300))
    """How long after a signal its price is looked for again; always at the signal itself."""
    kept: timedelta | None = timedelta(days=60)
    """How long after its start an event's rows are kept, where the file has a section `retention`; never shorter than
    `lookback_days`."""
    early: timedelta = timedelta(minutes=60)
    """How long before the close a book's word is held against the close of the others: its sharpness."""
