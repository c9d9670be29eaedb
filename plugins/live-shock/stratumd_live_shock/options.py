"""Options of `live-shock`, and what its signals carry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import msgspec
from pydantic import Field

from stratumd.plugin import PluginConfig, Points, Share, Thresholds
from stratumd.plugin import Terms as Terms  # of the metadata below

Severity = Literal["minor", "major", "extreme"]


class ShockThresholds(Thresholds):
    """How far the market must have jumped, in the unit of what is compared."""

    spread: Points = 3.0
    """Points of the fair line of the spread."""
    total: Points = 5.0
    """Points of the fair total."""
    probability: Share = 0.10
    """Fair probability, for moneylines and for sports without a margin model."""


class Options(PluginConfig):
    """Options of `live-shock`. It looks at nothing before the start of an event, and no option makes it."""

    markets: tuple[str, ...] = ("h2h",)
    """Markets to watch. One shock moves them all: add `spreads` or `totals` where they are asked for alone."""
    window: timedelta = Field(default=timedelta(minutes=2), gt=timedelta(0))
    """The market now is compared with the market at the start of this window, or at the first poll in play."""
    thresholds: ShockThresholds = ShockThresholds()
    """How far the market must have jumped; twice it is `major`, three times it `extreme`."""
    min_books: int = Field(default=5, ge=2)
    """Operators with a live quote at both ends of the window, without which nothing is said."""
    max_age: timedelta = Field(default=timedelta(minutes=2), gt=timedelta(0))
    """A quote counts at an end of the window if its book confirmed it no longer than this before."""
    cooldown: timedelta = timedelta(minutes=10)
    """Between two signals of one market, outcome and direction."""
    per_hour: int = Field(default=6, ge=1)
    """The most signals of one event in a rolling hour."""
    lifetime: timedelta = timedelta(minutes=2)
    """How long a signal is worth acting on: in play, hardly any time."""


class Mover(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """An operator that jumped along, by at least half the threshold."""

    operator: str
    book: str
    before: Terms
    after: Terms
    move: float
    """Points or probability, signed as the compared value moved."""
    interval: tuple[str, str]
    """It first changed so far after the first and not after the second of these instants (UTC): its last confirmation
    before, and the first sight after, of a suspended book when it was back."""
    suspended: bool
    """It offered nothing for a while in between, and came back with another offer."""


class Away(msgspec.Struct, frozen=True):
    """A book that offered this market at the start of the window and offers nothing now."""

    operator: str
    book: str
    since: str
    """The first poll without it (UTC)."""


class LiveShockMetadata(msgspec.Struct, frozen=True):
    """Metadata of LIVE_SHOCK."""

    reading: str
    """What the signal does and does not say, in a sentence: the same in each."""
    window_seconds: float
    unit: str
    """`points` or `probability`."""
    severity: Severity
    """`minor` from the threshold on, `major` from twice it, `extreme` from three times it."""
    before: float
    """The compared value of the market at `since`: the fair line, or the outcome's fair probability."""
    after: float
    """The same now: the median of the very same operators."""
    since: str
    """The poll that the market is compared with (UTC); the start of the event lies before it."""
    minutes: float
    """From that poll to this one."""
    velocity: float
    """The jump per minute."""
    minutes_in_play: float
    """Since the announced start."""
    movers: list[Mover]
    compared: int
    """Operators with a live quote at both ends."""
    away: list[Away]
    """Books that suspended this market within the window and have not come back."""
    components: dict[str, Any]
