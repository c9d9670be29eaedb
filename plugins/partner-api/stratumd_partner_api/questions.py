"""What the endpoints take: a struct per query, a field per parameter. Nothing else is read, and all is bounded."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
"""A key of the data: printable ASCII without a space."""
Word = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\u0000-\u001f\u007f]+$")]
"""A text on one line."""
Moment = Annotated[datetime, Meta(tz=True, description="ISO 8601 with its zone, such as 2026-07-15T15:45:30Z.")]
Limit = Annotated[int, Meta(ge=1, le=200, description="Rows of one page.")]
LongLimit = Annotated[int, Meta(ge=1, le=1_000, description="Rows of one page.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=512, description="The `next` of the page before.")]
Bucket = Literal["in play", "<15m", "15-60m", "1-3h", "3-12h", ">12h"]
Types = Annotated[tuple[Key, ...], Meta(max_length=32, description="Types of signals, such as STEAM; all without it.")]
Strength = Annotated[int, Meta(ge=1, le=100)]


class SignalQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which signals."""

    types: Types = ()
    time_bucket: Annotated[
        tuple[Bucket, ...], Meta(max_length=6, description="How long before the start the signal came.")
    ] = ()
    since: Annotated[datetime, Meta(tz=True, description="Observed since; 24 hours ago without it.")] | None = None
    until: Moment | None = None
    min_score: Annotated[float, Meta(ge=0, le=100)] | None = None
    min_strength: Strength | None = None
    velocity_gt: (
        Annotated[
            float, Meta(ge=0, le=1e9, description="Faster than this, per minute; not where the plan hides velocities.")
        ]
        | None
    ) = None
    market: Key | None = None
    sport: Key | None = None
    event: Key | None = None
    pipeline: Key | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class DislocationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which dislocations."""

    since: Annotated[datetime, Meta(tz=True, description="Observed since; 24 hours ago without it.")] | None = None
    min_strength: Strength | None = None
    market: Key | None = None
    sport: Key | None = None
    event: Key | None = None
    pipeline: Key | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class QualityQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which signals."""

    since: Annotated[datetime, Meta(tz=True, description="Observed since; 24 hours ago without it.")] | None = None
    sport: Key | None = None
    market: Key | None = None
    pipeline: Key | None = None


class ConsensusQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose consensus."""

    event: Key
    market: Key | None = None
    since: Moment | None = None
    until: Moment | None = None
    pipeline: Key | None = None
    limit: LongLimit = 200
    cursor: Cursor | None = None


class LatestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events."""

    sport: Key | None = None
    market: Key | None = None
    limit: LongLimit = 200
    cursor: Cursor | None = None


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events."""

    day: Annotated[date, Meta(description="Of this day (UTC).")] | None = None
    team: (
        Annotated[
            str,
            Meta(min_length=1, max_length=128, pattern=r"^[^\u0000-\u001f\u007f]+$", description="A part of a name."),
        ]
        | None
    ) = None
    sport: Key | None = None
    upcoming: Annotated[bool, Meta(description="Only what has not started.")] = False
    limit: Limit = 50
    cursor: Cursor | None = None


class OddsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which quotes."""

    market: Key | None = None
    pipeline: Key | None = None
    at: Annotated[datetime, Meta(tz=True, description="As they were then; now without it.")] | None = None


class MovementQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes."""

    market: Key | None = None
    book: (
        Annotated[
            str, Meta(min_length=1, max_length=128, pattern=r"^[!-~]+$", description="Not where the plan hides books.")
        ]
        | None
    ) = None
    outcome: Word | None = None
    player: Word | None = None
    since: Moment | None = None
    until: Moment | None = None
    pipeline: Key | None = None
    limit: LongLimit = 500
    cursor: Cursor | None = None


class ActionableQuery(msgspec.Struct, frozen=True, kw_only=True):
    """At which event."""

    event: Key
    market: Key | None = None
    pipeline: Key | None = None
    min_ev: Annotated[float, Meta(ge=-100, le=1000, description="Percent of a stake.")] = 0.0


class BatchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """At which events."""

    events: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=20)]
    market: Key | None = None
    pipeline: Key | None = None
    min_ev: Annotated[float, Meta(ge=-100, le=1000, description="Percent of a stake.")] = 0.0


class CloseQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which closing lines."""

    event: Key | None = None
    convention: Key | None = None
    books: Annotated[bool, Meta(description="Every book's line; not where the plan hides books.")] = False
    pipeline: Key | None = None
    limit: LongLimit = 200
    cursor: Cursor | None = None


class SumQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which pipeline."""

    pipeline: Key | None = None


class CardQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which scorecards."""

    by: Annotated[
        tuple[
            Literal[
                "type", "market", "bucket", "reference", "after_seconds", "book", "sport", "tier", "quality", "outcome",
                "status",
            ],
            ...,
        ],
        Meta(max_length=6, description="What makes a cell; `book` not where the plan hides books."),
    ] = ("type", "market", "bucket", "reference")  # fmt: skip
    reference: Literal["named", "stale", "consensus"] | None = None
    after_seconds: Annotated[int, Meta(ge=0, le=86_400)] | None = 0
    pipeline: Key | None = None


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What of it."""

    since: Moment | None = None
    until: Moment | None = None
    pipeline: Key | None = None


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which time."""

    since: Annotated[datetime, Meta(tz=True, description="24 hours ago without it; 35 days at most.")] | None = None


class StreamQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which signals."""

    types: Types = ()
    market: Key | None = None
    min_strength: Strength | None = None
    after: (
        Annotated[
            int, Meta(ge=0, le=(1 << 53), description="As `Last-Event-ID`, for clients that cannot send the header.")
        ]
        | None
    ) = None


class ChangesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes."""

    pipeline: Key | None = None
    market: Key | None = None
    event: Key | None = None
    after: (
        Annotated[
            int, Meta(ge=0, le=(1 << 53), description="As `Last-Event-ID`, for clients that cannot send the header.")
        ]
        | None
    ) = None


class DeliveriesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries."""

    state: Literal["pending", "delivered", "dead"] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


Url = Annotated[str, Meta(min_length=1, max_length=2_000, description="Where signals are posted to: https.")]
Markets = Annotated[tuple[Key, ...], Meta(max_length=32, description="Keys of markets; all without them.")]


Whole = Annotated[float, Meta(ge=1, le=100, multiple_of=1)]
"""A strength in a body: JSON has one kind of number, and 50.0 is the same as 50."""


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new webhook."""

    url: Url
    types: Types = ()
    markets: Markets = ()
    min_strength: Whole = 1


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of a webhook."""

    url: Url | msgspec.UnsetType = msgspec.UNSET
    types: Types | msgspec.UnsetType = msgspec.UNSET
    markets: Markets | msgspec.UnsetType = msgspec.UNSET
    min_strength: Whole | msgspec.UnsetType = msgspec.UNSET
    enabled: Annotated[bool, Meta(description="True begins to send again to one that was disabled.")] | (
        msgspec.UnsetType
    ) = msgspec.UNSET
