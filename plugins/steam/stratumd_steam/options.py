"""Options of `steam`, and what its signals carry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from pydantic import Field

from stratumd.plugin import PluginConfig, Points, Share, Thresholds
from stratumd.plugin import Terms as Terms  # of the metadata below


class SteamThresholds(Thresholds):
    """How far an operator must have moved, in the unit of what is compared."""

    spread: Points = 0.5
    """Points of the fair line of the spread."""
    total: Points = 1.0
    """Points of the fair total."""
    probability: Share = 0.02
    """Fair probability, for moneylines and for sports without a margin model."""


class Options(PluginConfig):
    """Options of `steam`."""

    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to watch."""
    window: timedelta = Field(default=timedelta(minutes=3), gt=timedelta(0))
    """An operator's compared value now is compared with its value at the start of this window."""
    operators: int = Field(default=4, ge=2)
    """How many distinct operators must have moved the same way."""
    thresholds: SteamThresholds = SteamThresholds()
    """How far each of them must have moved."""
    present: int = Field(default=6, ge=2)
    """How many operators the market must have at all."""
    min_age: timedelta = timedelta(minutes=30)
    """A market younger than this is still finding its price: no steam."""
    quiet_before_start: timedelta = timedelta(minutes=5)
    """No steam this close to the announced start."""
    cooldown: timedelta = timedelta(seconds=900)
    """Between two signals of one market, outcome and direction."""
    per_hour: int = Field(default=4, ge=1)
    """The most signals of one event in a rolling hour."""
    lifetime: timedelta = timedelta(minutes=5)
    """How long a signal is worth acting on: stale books follow."""
    in_play: bool = False
    """Go on after the start of the event."""


class Mover(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """An operator that moved."""

    operator: str
    book: str
    before: Terms
    after: Terms
    move: float
    """Points or probability, signed as the compared value moved."""
    interval: tuple[str, str]
    """It had first moved that far after the first and not after the second of these instants (UTC)."""


class Stale(msgspec.Struct, frozen=True):
    """An operator that moved less than half the threshold."""

    operator: str
    book: str
    line: float | None
    """Points of the reference side; null for moneylines."""
    price: float
    """Decimal odds of the signal's outcome."""
    move: float
    ev_percent: float | None
    """Expected value of a stake there by the movers' median now, percent, refunds counted; null where the lines cannot
    be compared."""


class SteamMetadata(msgspec.Struct, frozen=True):
    """Metadata of STEAM."""

    window_seconds: float
    unit: str
    """`points` or `probability`."""
    movers: list[Mover]
    originator: str | None
    """The operator that moved first; null where the intervals do not tell."""
    stale: list[Stale]
    present: int
    """Operators present at both ends of the window."""
    minutes: float
    """From the first to the last mover's change, or since the previous observation where that is longer."""
    velocity: float
    """The median move per minute."""
    synchrony: float | None
    """Probability that as many move by chance, by each operator's own share of windows with such a move in the last
    24 hours; null under 20 windows."""
    components: dict[str, Any]
