"""What the endpoints take: a struct per query, a field per parameter. Nothing else is read, and all is bounded."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
"""A key of the data: printable ASCII without a space."""
Part = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[!-+\--~]+$")]
"""The same in a list, where a comma ends it."""
Word = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\u0000-\u001f\u007f]+$")]
"""A text on one line."""
Moment = Annotated[datetime, Meta(tz=True, description="ISO 8601 with its zone, such as 2026-07-15T15:45:30Z.")]
Limit = Annotated[int, Meta(ge=1, le=200, description="Rows of one page.")]
LongLimit = Annotated[int, Meta(ge=1, le=1_000, description="Rows of one page.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=512, description="The `next` of the page before.")]
Position = Annotated[int, Meta(ge=0, le=1 << 53)]
"""A place in a stream: as far as the whole numbers go that every client's JSON knows."""
LastEventId = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{0,16}$",
        description="The id of the newest event that you have: the stream goes on behind it. Empty: as without it.",
    ),
]
Bucket = Literal["in play", "<15m", "15-60m", "1-3h", "3-12h", ">12h"]
Types = Annotated[tuple[Part, ...], Meta(max_length=32, description="Types of signals, such as STEAM; all without it.")]


Strength = Annotated[int, Meta(ge=1, le=100)]
Days = Annotated[int, Meta(ge=1, le=3_650)]


class SignalQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which signals."""

    types: Types = ()
    time_bucket: Annotated[
        tuple[Bucket, ...], Meta(max_length=6, description="How long before the start the signal came.")
    ] = ()
    since: Annotated[datetime, Meta(tz=True, description="Observed since; 24 hours ago without it.")] | None = None
    until: Moment | None = None
    min_score: Annotated[float, Meta(ge=0, le=100)] | None = None
    """With at least this score of the ranking."""
    min_strength: Strength | None = None
    """With at least this strength."""
    velocity_gt: (
        Annotated[
            float, Meta(ge=0, le=1e9, description="Faster than this, per minute; not where the plan hides velocities.")
        ]
        | None
    ) = None
    market: Key | None = None
    """Of this market, such as `spreads`."""
    sport: Key | None = None
    """Of this sport, such as `basketball_nba`."""
    event: Key | None = None
    """Of this event, by its id."""
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""
    limit: Limit = 50
    cursor: Cursor | None = None


class DislocationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which dislocations."""

    since: Annotated[datetime, Meta(tz=True, description="Observed since; 24 hours ago without it.")] | None = None
    min_strength: Strength | None = None
    """With at least this strength."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    sport: Key | None = None
    """Of this sport, such as `basketball_nba`."""
    event: Key | None = None
    """Of this event, by its id."""
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""
    limit: Limit = 50
    cursor: Cursor | None = None


class QualityQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which signals."""

    since: Annotated[datetime, Meta(tz=True, description="Observed since; 24 hours ago without it.")] | None = None
    sport: Key | None = None
    """Of this sport, such as `basketball_nba`."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""


class ConsensusQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose consensus."""

    event: Key
    """Of this event, by its id."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    since: Moment | None = None
    until: Moment | None = None
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""
    limit: LongLimit = 200
    cursor: Cursor | None = None


class LatestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events."""

    event: Key | None = None
    """Of this event, by its id."""
    sport: Key | None = None
    """Of this sport, such as `basketball_nba`."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
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
    """Of this sport, such as `basketball_nba`."""
    upcoming: Annotated[bool, Meta(description="Only what has not started.")] = False
    limit: Limit = 50
    cursor: Cursor | None = None


class OddsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which quotes."""

    market: Key | None = None
    """Of this market, such as `spreads`."""
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""
    at: Annotated[datetime, Meta(tz=True, description="As they were then; now without it.")] | None = None


class MovementQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes."""

    market: Key | None = None
    """Of this market, such as `spreads`."""
    book: (
        Annotated[
            str, Meta(min_length=1, max_length=128, pattern=r"^[!-~]+$", description="Not where the plan hides books.")
        ]
        | None
    ) = None
    outcome: Word | None = None
    """Of this outcome: `home`, `away`, `draw`, `over` or `under`."""
    player: Word | None = None
    """Of this player, where the market is one of players."""
    since: Moment | None = None
    until: Moment | None = None
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""
    limit: LongLimit = 500
    cursor: Cursor | None = None


class ActionableQuery(msgspec.Struct, frozen=True, kw_only=True):
    """At which event."""

    event: Key
    """Of this event, by its id."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""
    min_ev: Annotated[float, Meta(ge=-100, le=1000, description="Percent of a stake.")] = 0.0


class BatchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """At which events."""

    events: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=20)]
    """The events' ids."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""
    min_ev: Annotated[float, Meta(ge=-100, le=1000, description="Percent of a stake.")] = 0.0


class CloseQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which closing lines."""

    event: Key | None = None
    """Of this event, by its id."""
    convention: Key | None = None
    """What counts as the close: `last_before_actual`, `last_before_scheduled`, `last_before_in_play` or `last_seen`."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    days: Days | None = None
    """Of what closed in the last so many days; all without it."""
    books: Annotated[bool, Meta(description="Every book's line; not where the plan hides books.")] = False
    pipeline: Key | None = None
    """Of this pipeline; of the first without it."""
    limit: LongLimit = 200
    cursor: Cursor | None = None


class SumQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which signals."""

    types: Types = ()
    event: Key | None = None
    """Of this event, by its id."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    days: Days | None = None
    """Of signals of the last so many days; of all without it."""
    min_strength: Strength | None = None
    """With at least this strength."""
    min_samples: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Cells of at least so many prices whose close is known.")
    ] = 0
    pipeline: Key | None = None
    """Of this pipeline; of the first without it."""
    limit: LongLimit = 1_000


class TeaserQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which pipeline."""

    pipeline: Key | None = None
    """Of this pipeline; of the first without it."""


class CardQuery(SumQuery, frozen=True, kw_only=True):
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
    """Against this reference."""
    after_seconds: Annotated[int, Meta(ge=0, le=86_400)] | None = 0
    """Measured so long after the signal."""


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What of it."""

    since: Moment | None = None
    until: Moment | None = None
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which time."""

    since: Annotated[datetime, Meta(tz=True, description="24 hours ago without it; 35 days at most.")] | None = None


class StreamQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which signals."""

    types: Types = ()
    min_strength: Strength | None = None
    """With at least this strength."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    sport: Key | None = None
    """Of this sport, such as `basketball_nba`."""
    event: Key | None = None
    """Of this event, by its id."""
    pipeline: Key | None = None
    """Of this pipeline; of all without it."""
    after: Position | None = None
    """As `Last-Event-ID`, for clients that cannot send the header."""


class ChangesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes."""

    pipeline: Key | None = None
    """Of this pipeline; of the first without it."""
    market: Key | None = None
    """Of this market, such as `spreads`."""
    event: Key | None = None
    """Of this event, by its id."""
    after: Position | None = None
    """As `Last-Event-ID`, for clients that cannot send the header."""


class DeliveriesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries."""

    state: Literal["pending", "delivered", "dead"] | None = None
    """In this state."""
    limit: Limit = 50
    cursor: Cursor | None = None


Url = Annotated[str, Meta(min_length=1, max_length=2_000, description="Where signals are posted to: https.")]
Markets = Annotated[tuple[Part, ...], Meta(max_length=32, description="Keys of markets; all without them.")]


Whole = Annotated[float, Meta(ge=1, le=100, multiple_of=1)]
"""A strength in a body: JSON has one kind of number, and 50.0 is the same as 50."""


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new webhook."""

    url: Url
    types: Types = ()
    markets: Markets = ()
    min_strength: Whole = 1
    """The least strength that is sent."""


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of a webhook."""

    url: Url | msgspec.UnsetType = msgspec.UNSET
    types: Types | msgspec.UnsetType = msgspec.UNSET
    markets: Markets | msgspec.UnsetType = msgspec.UNSET
    min_strength: Whole | msgspec.UnsetType = msgspec.UNSET
    """The least strength that is sent."""
    enabled: Annotated[bool, Meta(description="True begins to send again to one that was disabled.")] | (
        msgspec.UnsetType
    ) = msgspec.UNSET
