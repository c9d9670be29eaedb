"""What the endpoints give: the shapes that the documentation shows. Fields are added, never taken away.

A field that may be null may become null at any time for a plan that hides it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Hidden = Meta(description="Null where the plan hides books.")
Time = Annotated[datetime, Meta(tz=True)]
"""A time in UTC: its format stands in the document, so that generated clients read it as one."""


class TimingShown(msgspec.Struct):
    """When the signal came, seen from the start."""

    minutes_to_start: float
    bucket: str
    value: float


class RankingShown(msgspec.Struct):
    """The composite score and what it is the sum of. It ranks; it is no probability."""

    score: float
    tier: str
    score_source: str
    from_strength: float
    from_timing: float | None
    timing: TimingShown | None


class SignalShown(msgspec.Struct, kw_only=True):
    """A signal. Its evidence is described under Signals in the reference."""

    id: str
    type: str
    pipeline: str
    detector: str
    detector_version: str
    sport: str
    event: str
    home: str
    away: str
    commence_at: Time
    market: str
    player: str | None
    outcome: str
    direction: str
    operator: Annotated[str | None, Hidden]
    books: Annotated[list[str] | None, Hidden]
    magnitude: float
    threshold: float
    strength: int
    observed_at: Time
    expires_at: Time | None
    observation: Annotated[str, Meta(description="Empty where the plan hides books.")]
    metadata: dict[str, Any]


class RankedSignal(SignalShown, kw_only=True):
    """A signal with its rank."""

    ranking: RankingShown


class SignalPage(msgspec.Struct):
    """Signals, the highest score first."""

    items: list[RankedSignal]
    next: str | None


class QualityRow(msgspec.Struct, kw_only=True):
    """One type of signals."""

    type: str
    signals: int
    events: int
    high: int
    medium: int
    low: int
    actionable: Annotated[int, Meta(description="Not expired yet.")]
    median_strength: float
    median_score: float
    first_at: Time
    last_at: Time


class QualityPage(msgspec.Struct):
    """Signals by type."""

    items: list[QualityRow]
    next: str | None


class ContributorShown(msgspec.Struct, kw_only=True):
    """One operator's part in a consensus."""

    operator: str
    book: str
    weight: float
    values: list[float]
    line: float | None
    books: list[str]


class ConsensusShown(msgspec.Struct, kw_only=True):
    """The consensus of a market at one time, or the reason why there is none."""

    pipeline: str
    event: str
    observed_at: Time
    market: str
    player: str | None
    outcomes: list[str]
    line: float | None
    fair_line: float | None
    probabilities: list[float]
    prices: list[float]
    dispersion: float | None
    books: int
    operators: int
    contributors: Annotated[list[ContributorShown] | None, Hidden]
    reason: str | None


class ConsensusPage(msgspec.Struct):
    """Consensus by time."""

    items: list[ConsensusShown]
    next: str | None


class StartShown(msgspec.Struct):
    """A start as it was announced."""

    observed_at: Time
    commence_at: Time


class PhaseShown(msgspec.Struct):
    """A phase that the event entered."""

    observed_at: Time
    phase: str
    source: str
    home_score: int | None
    away_score: int | None


class EventShown(msgspec.Struct, kw_only=True):
    """An event."""

    id: str
    sport: str
    home: str
    away: str
    commence_at: Time
    first_seen_at: Time
    observed_at: Time
    starts: list[StartShown]
    phase: str
    home_score: int | None
    away_score: int | None
    clock: str
    scored_by: str | None
    phases: list[PhaseShown]


class EventPage(msgspec.Struct):
    """Events by start."""

    items: list[EventShown]
    next: str | None


class EventWhole(EventShown, kw_only=True):
    """An event with its newest consensus and its last signal."""

    consensus: list[ConsensusShown]
    last_signal: SignalShown | None


class QuoteShown(msgspec.Struct, kw_only=True):
    """A price that was offered."""

    event: str
    pipeline: str
    book: Annotated[str | None, Hidden]
    market: str
    player: str | None
    outcome: str
    line: float | None
    price: float
    changed_at: Time
    confirmed_at: Time
    last_update: Time | None


class OddsPage(msgspec.Struct):
    """Quotes."""

    items: list[QuoteShown]
    next: str | None


class PointShown(msgspec.Struct, kw_only=True):
    """A change of a quote; `price` is null where it disappeared."""

    observed_at: Time
    pipeline: str
    book: Annotated[str | None, Hidden]
    market: str
    player: str | None
    outcome: str
    line: float | None
    price: float | None
    last_update: Time | None


class MovementPage(msgspec.Struct):
    """Changes, oldest first."""

    items: list[PointShown]
    next: str | None


class ActionableShown(msgspec.Struct, kw_only=True):
    """A price that is worth more than the consensus says."""

    event: str
    pipeline: str
    market: str
    player: str | None
    outcome: str
    line: float | None
    book: str
    price: float
    probability: Annotated[float, Meta(description="Fair, by the consensus.")]
    ev_percent: Annotated[float, Meta(description="Expected value of a stake, in percent of it; no refund counted.")]
    confirmed_at: Time
    consensus_at: Time
    operators: int


class ActionablePage(msgspec.Struct):
    """Prices, the most worth first."""

    items: list[ActionableShown]
    next: str | None


class BatchRow(msgspec.Struct):
    """One event's."""

    event: str
    found: Annotated[bool, Meta(description="Whether the event is known.")]
    books: list[ActionableShown]


class BatchPage(msgspec.Struct):
    """A row per event that was asked for, in that order."""

    items: list[BatchRow]
    next: str | None


class ReportPage(msgspec.Struct):
    """Rows of a report on closing lines, as the command `stratumd clv` shows them."""

    items: list[dict[str, Any]]
    next: str | None
    as_of: Annotated[Time | None, Meta(description="When it was worked out; null where it is too early to show.")]


class ClosePage(msgspec.Struct):
    """Closing lines."""

    items: list[dict[str, Any]]
    next: str | None


class KeyUsed(msgspec.Struct):
    """What a key used this month."""

    key: str
    requests: int


class HourUsed(msgspec.Struct):
    """What was used in an hour, all keys together."""

    hour: Time
    requests: int


class LimitsShown(msgspec.Struct):
    """How often may be asked."""

    per_minute: int
    per_address: int
    streams: int


class UsageShown(msgspec.Struct, kw_only=True):
    """What was used, and what is left."""

    plan: str
    month: str
    included: int | None
    used: int
    remaining: int | None
    overage: int
    overage_billed: bool
    keys: list[KeyUsed]
    hours: list[HourUsed]
    limits: LimitsShown


class WebhookShown(msgspec.Struct, kw_only=True):
    """A webhook."""

    id: str
    url: Annotated[str, Meta(description="Without its path's last part and query, which may be secret.")]
    types: list[str]
    markets: list[str]
    min_strength: int
    enabled: bool
    disabled_reason: str | None
    created_at: Time
    failing_since: Time | None
    previous_secret_until: Annotated[Time | None, Meta(description="Until then the secret before signs, too.")]


class WebhookMade(WebhookShown, kw_only=True):
    """A webhook with its secret, which is shown this once."""

    secret: str


class WebhookPage(msgspec.Struct):
    """Webhooks."""

    items: list[WebhookShown]
    next: str | None


class DeliveryShown(msgspec.Struct, kw_only=True):
    """A signal on its way to a webhook."""

    id: Annotated[str, Meta(description="The request's `webhook-id`.")]
    signal: str
    event: str
    state: str
    attempts: int
    due_at: Annotated[Time | None, Meta(description="When it is tried next, where it waits.")]
    status: Annotated[int | None, Meta(description="Of the receiver's last answer; null where there was none.")]
    error: str | None
    created_at: Time
    ended_at: Time | None


class DeliveryPage(msgspec.Struct):
    """Deliveries, the newest first."""

    items: list[DeliveryShown]
    next: str | None


class StreamEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An event of a stream. `data` is JSON: of `signal` the signal, of `changes` a step's changes of quotes."""

    event: Annotated[str, Meta(description="`signal`, `changes`, `reset`, `lagged`, `bye` or `closed`.")] = "message"
    data: str = ""
    id: str = ""
    retry: Annotated[int, Meta(description="Milliseconds to wait before coming back.")] = 0


class Tested(msgspec.Struct):
    """How the receiver answered."""

    delivered: bool
    status: Annotated[int | None, Meta(description="Of the receiver's answer; null where there was none.")]
    error: str | None
