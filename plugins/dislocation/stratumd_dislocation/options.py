"""Options of `dislocation`, and what its signals carry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from pydantic import Field

from stratumd.plugin import PluginConfig, Points, Share, Thresholds


class DislocationThresholds(Thresholds):
    """How far an operator must stand apart, in the unit of what is compared."""

    spread: Points = 1.0
    """Points between fair lines of the spread."""
    total: Points = 2.0
    """Points between fair totals."""
    probability: Share = 0.03
    """Fair probability, for moneylines and for sports without a margin model."""


class Options(PluginConfig):
    """Options of `dislocation`. Which quotes count, and how fresh, is the business of `consensus`."""

    thresholds: DislocationThresholds = DislocationThresholds()
    """How far an operator must stand apart."""
    min_books: int = Field(default=5, ge=2)
    """How many other operators the consensus of the others takes."""
    cooldown: timedelta = timedelta(seconds=900)
    """Between two signals about one operator, market, outcome and direction."""
    per_hour: int = Field(default=6, ge=1)
    """The most signals of one event in a rolling hour."""
    lifetime: timedelta = timedelta(minutes=10)
    """How long a signal is worth acting on."""
    in_play: bool = False
    """Go on after the start of the event; `consensus` must do so, too."""


class Best(msgspec.Struct, frozen=True):
    """The best quote of the signal's outcome at the operator."""

    book: str
    line: float | None
    """Points of the reference side (home, or the total); null for moneylines."""
    price: float
    """Decimal odds."""


class DislocationMetadata(msgspec.Struct, frozen=True):
    """Metadata of DISLOCATION."""

    unit: str
    """`points` or `probability`."""
    value: float
    """The operator's compared value: its fair line, or the outcome's fair probability."""
    consensus: float
    """The same of the others: their weighted median."""
    difference: float
    """`value` − `consensus`."""
    line: float | None
    """The line the operator posts, points of the reference side."""
    consensus_line: float | None
    """The line most of the market posts."""
    others: int
    """How many other operators the consensus rests on."""
    best: Best
    ev_percent: dict[str, float]
    """Expected value of a stake on `best`, in percent of it, refunds counted, by de-vig method; `worst_case` is the
    least."""
    components: dict[str, Any]
