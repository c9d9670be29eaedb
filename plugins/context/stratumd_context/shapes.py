"""What the annotator says, and what it remembers of an event."""

from __future__ import annotations

from typing import Any

import msgspec

from stratumd.plugin import Micros, State


class Injuries(msgspec.Struct, frozen=True):
    """Who is injured, or what hints at it."""

    source: str
    """`sportsdataio`, or `spread_velocity` where there is no report that is young enough."""
    age_seconds: float
    """How long ago that was received, or the spread was last observed."""
    score: float
    """From 0 to 1, a half at the option's figure: how much there is. No probability."""
    limits: str
    """What it cannot tell."""
    home: list[dict[str, Any]] | None
    """`player`, `position`, `status` (in lower case), `body_part`; null without a report."""
    away: list[dict[str, Any]] | None
    spread_moved: float | None
    """Points, home line, within the window; null with a report."""
    minutes: float | None
    """The time that took, at most the window."""


class PlayerProps(msgspec.Struct, frozen=True):
    """Player props that were withdrawn: a book takes them down when a player may not play."""

    source: str
    """`player_props`."""
    age_seconds: float
    """How long ago player props were last observed."""
    score: float
    limits: str
    offered: int
    """Players that props are offered on."""
    withdrawn: list[str]
    """Players whose props all went within the window, and have not come back."""


class Pace(msgspec.Struct, frozen=True):
    """How the total moved: a game that is expected to be faster has a higher one."""

    source: str
    """`consensus_total`."""
    age_seconds: float
    score: float
    limits: str
    total: float
    """Points, the consensus' fair line."""
    first_total: float
    """The same when the event was first seen with one."""


class ContextMetadata(msgspec.Struct, frozen=True):
    """What is added to a signal's metadata, under `context`. Each part is null where there is nothing to go by."""

    injuries: Injuries | None
    player_props: PlayerProps | None
    pace: Pace | None


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A fair line, and since when it was that."""

    at: Micros
    value: float


class Known(State, frozen=True):
    """What is remembered of one event."""

    spreads: tuple[Line, ...] = ()
    """The changes within the window, and the one before it."""
    spread_at: Micros = 0
    """When the spread was last observed."""
    first_total: float | None = None
    total: float | None = None
    total_at: Micros = 0
    props: tuple[str, ...] = ()
    """Players that props are offered on."""
    gone: tuple[tuple[str, Micros], ...] = ()
    """Players whose props were withdrawn, and when."""
    props_at: Micros = 0
