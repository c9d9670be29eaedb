"""Options of `move`, and what its signals carry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from pydantic import Field

from stratumd.plugin import PluginConfig, Points, Share, Thresholds
from stratumd.plugin import Terms as Terms  # of the metadata below

FOOTBALL_KEYS = (3.0, 6.0, 7.0, 10.0)
"""Margins that American football games end on far more often than on their neighbours."""


class MoveThresholds(Thresholds):
    """How large a move must be, in the unit of what is compared."""

    spread: Points = 0.5
    """Points of the spread."""
    total: Points = 1.0
    """Points of the total."""
    probability: Share = 0.03
    """Fair probability, for moneylines and for sports without a margin model."""


class Options(PluginConfig):
    """Options of `move`."""

    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to watch."""
    window: timedelta = Field(default=timedelta(minutes=10), gt=timedelta(0))
    """A book's posted line now is compared with its line at the start of this window."""
    thresholds: MoveThresholds = MoveThresholds()
    """How far a book must have moved for MOVE; half of it counts for MULTIBOOK_SYNC."""
    sync_window: timedelta = Field(default=timedelta(minutes=5), gt=timedelta(0))
    """MULTIBOOK_SYNC: the window in which several operators move the same way."""
    sync_operators: int = Field(default=3, ge=2)
    """MULTIBOOK_SYNC: how many operators."""
    keys: dict[str, tuple[float, ...]] = {
        "americanfootball_nfl": FOOTBALL_KEYS,
        "americanfootball_ncaaf": FOOTBALL_KEYS,
    }
    """KEY_CROSS: key numbers of the spread by sport. Basketball has no real ones."""
    cooldown: timedelta = timedelta(minutes=10)
    """Between two signals of one market, outcome and direction."""
    per_hour: int = Field(default=12, ge=1)
    """The most signals of one type and event in a rolling hour."""
    lifetime: timedelta = timedelta(minutes=15)
    """How long a signal is worth acting on."""
    in_play: bool = False
    """Go on after the start of the event."""


class BookMove(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """How one book moved."""

    book: str
    operator: str
    before: Terms
    after: Terms
    move: float
    """Points or probability, signed as the compared value moved."""


class MoveMetadata(msgspec.Struct, frozen=True):
    """Metadata of MOVE and MULTIBOOK_SYNC."""

    window_seconds: float
    unit: str
    """`points` or `probability`."""
    moves: list[BookMove]
    components: dict[str, Any]
