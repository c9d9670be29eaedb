"""What the endpoints take and give. Times are ISO 8601 in UTC. Members may be added to answers, never taken away."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Word = Annotated[str, Meta(min_length=1, max_length=300)]
Time = Annotated[str, Meta(max_length=40, description="ISO 8601 with its zone.")]
Limit = Annotated[int, Meta(ge=1, le=1_000, description="At most so many.")]
Page = Annotated[int, Meta(ge=1, le=200, description="At most so many.")]
Cursor = Annotated[str, Meta(max_length=200, description="`next` of the page before.")]
Reason = Annotated[str, Meta(max_length=500, description="Why: it stands in the audit.")]
Item = dict[str, Any]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request brings."""


class Run(Body, frozen=True, kw_only=True):
    """An operation that is to be run."""

    arguments: dict[str, Any] = {}
    """The operation's arguments, by name."""
    reason: Reason = ""
    confirm: Annotated[str, Meta(max_length=300, description="The target once more, where it is sensitive.")] | None = (
        None
    )


class Items(msgspec.Struct, kw_only=True):
    """A list."""

    items: list[Item]
    next: str | None = None


class ReceiptView(msgspec.Struct, kw_only=True):
    """What was done."""

    id: str
    operation: str
    target: str
    actor: str
    reason: str
    rows: list[Item]
    audit: list[int]
    request_id: str
    at: str


class OperationView(msgspec.Struct, kw_only=True):
    """An operation, and what it takes."""

    name: str
    group: str
    verb: str
    summary: str
    permission: str
    writes: bool
    sensitive: bool
    arguments: Item


class Operations(msgspec.Struct, kw_only=True):
    """What the caller may run."""

    items: list[OperationView]
    next: str | None = None


class Me(msgspec.Struct, kw_only=True):
    """Who is logged in."""

    account: str
    role: str
    permissions: list[str]
    second_factor: str
    fresh_until: str


class ReceiptQuery(msgspec.Struct, kw_only=True):
    """Which receipts."""

    actor: Word | None = None
    """By this actor, such as `account:0f1b6dc4fe877700`."""
    limit: Page = 50
    cursor: Cursor | None = None


class AuditQuery(msgspec.Struct, kw_only=True):
    """Which acts."""

    actor: Word | None = None
    """By this actor, such as `account:0f1b6dc4fe877700`."""
    action: Word | None = None
    """This action, such as `accounts.suspend`."""
    target: Word | None = None
    """What was done to this."""
    request_id: Word | None = None
    """In this request."""
    limit: Page = 50
    cursor: Cursor | None = None


class Act(msgspec.Struct, kw_only=True):
    """An act, with the rows that it changed."""

    sequence: int
    at: str
    actor: str
    action: str
    target: str
    before: list[Item]
    after: list[Item]
    reason: str
    request_id: str
    previous: str
    hash: str


class Acts(msgspec.Struct, kw_only=True):
    """Acts, the newest first."""

    items: list[Act]
    next: str | None


class Verification(msgspec.Struct, kw_only=True):
    """Whether the audit's chain holds."""

    intact: bool
    rows: int
    newest: int
    breaks: list[Item]
    checked_at: str
    seconds: float


class Outcomes(msgspec.Struct, kw_only=True):
    """How readable the outcomes of signals are, by pipeline."""

    items: list[Item]
    next: str | None = None


class OutcomesQuery(msgspec.Struct, kw_only=True):
    """Of which pipeline."""

    pipeline: Word | None = None
    """Of this pipeline; of all without it."""


class CyclesQuery(msgspec.Struct, kw_only=True):
    """Which cycles."""

    pipeline: Word | None = None
    """Of this pipeline."""
    since: Time | None = None
    limit: Page = 50
    cursor: Cursor | None = None


class PollsQuery(msgspec.Struct, kw_only=True):
    """Which polls."""

    source: Word | None = None
    """Of this source."""
    since: Time | None = None
    limit: Page = 50
    cursor: Cursor | None = None


class SummaryQuery(msgspec.Struct, kw_only=True):
    """Of which polls and cycles."""

    source: Word | None = None
    """Polls of this source."""
    since: Time | None = None


class DiagnosticsQuery(msgspec.Struct, kw_only=True):
    """Of which source."""

    source: Word | None = None
    """Of this source."""
    polls: Annotated[int, Meta(ge=1, le=50)] | None = None
    """How many of the newest polls."""


class BackfillsQuery(msgspec.Struct, kw_only=True):
    """Which backfills."""

    state: Word | None = None
    """In this state; those that wait where nothing is said."""
    limit: Limit | None = None


class ReplayBody(Body, frozen=True, kw_only=True):
    """Which deliveries are sent again."""

    reason: Reason
    sink: Word | None = None
    """Of this sink, such as `nba.discord`, or `discord` in any pipeline."""
    states: list[Word] | None = None
    """In these states: `dead`, `expired` or `delivered`; dead letters where none are named."""
    since: Time | None = None
    event: Word | None = None
    """About this event; the beginning of its id is enough."""
    ids: list[Word] | None = None
    """These deliveries; the beginnings of their ids are enough."""
    limit: Limit | None = None


class BackfillBody(Body, frozen=True, kw_only=True):
    """What is wanted of the past, and the limits that end it in any case."""

    reason: Reason
    source: Word
    """The source to ask."""
    sport: Word
    """Which of its sports, such as basketball_nba."""
    start: Time
    end: Time
    max_requests: int
    """Requests at most."""
    min_remaining: int
    """Credits that are left in any case."""
    step: Word | None = None
    """Between two snapshots, such as `10m`."""
    markets: list[Word] | None = None
    """Which markets; the source's own where none are named."""
    max_events: int | None = None
    """Games at most."""
