"""What the endpoints give: the shapes that the documentation shows. Fields are added, never taken away.

A field that may be null may become null at any time for a plan that hides it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

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


class CloseShown(msgspec.Struct, kw_only=True):
    """A closing line: a market's, or with `books=true` a book's. What only one of them has is not required."""

    event: str
    """The event's id."""
    convention: str
    """What counts as the close, as the parameter names it."""
    market: str
    line: float | None
    """The home side's, or the total, in points; null where the market has none, or nobody knows it."""
    fair_line: float | None
    """The line at which both sides are equally likely."""
    probabilities: dict[str, float]
    """By outcome, fair, at `line`."""
    sport: str | UnsetType = UNSET
    quality: str | UnsetType = UNSET
    """Of a market's: `good`, `low` (few operators), or `none`."""
    operators: int | UnsetType = UNSET
    """Of a market's: how many it rests on."""
    books: int | UnsetType = UNSET
    """Of a market's: how many it rests on."""
    oldest_seconds: float | UnsetType | None = UNSET
    """Of a market's: the age of the oldest quote that it rests on."""
    cutoff_at: Time | UnsetType = UNSET
    """Of a market's: only what was observed before counts."""
    closed_at: Time | UnsetType | None = UNSET
    """Of a market's: the last observation before; null where there was none."""
    book: str | UnsetType = UNSET
    """Of a book's: which."""
    operator: str | UnsetType = UNSET
    """Of a book's: whose it is."""
    prices: dict[str, float] | UnsetType = UNSET
    """Of a book's: decimal odds, by outcome."""
    hold_percent: float | UnsetType = UNSET
    """Of a book's: its margin."""
    changed_at: Time | UnsetType = UNSET
    """Of a book's: since when it was offered so."""
    confirmed_at: Time | UnsetType = UNSET
    """Of a book's: when it was last seen."""
    age_seconds: float | UnsetType = UNSET
    """Of a book's: from `confirmed_at` to when the event closed."""


class ClosePage(msgspec.Struct):
    """Closing lines."""

    items: list[CloseShown]
    next: str | None


Bounds = Annotated[list[float | None], Meta(min_length=2, max_length=2)]
"""An interval: from, to."""


class Worth(msgspec.Struct, kw_only=True):
    """What the prices of signals were worth at the close. Without any whose close is known, there are no figures."""

    signals: int
    events: int
    valued: int
    """Prices whose close is known."""
    without_close_percent: float | None
    """Of the prices that were there; null where none was."""
    still_there_percent: float | None
    """Of the prices of which it is known; null where of none."""
    score_source: str
    """What the signals' scores are made of."""
    maturity: str
    """`ready`, or `baseline_building` where there are too few events for an interval."""
    valued_events: int | UnsetType = UNSET
    """Events of the prices whose close is known: each counts once in intervals."""
    mean_percent: float | UnsetType | None = UNSET
    """The mean expected value of a stake, by the close's probabilities, in percent of it."""
    interval_percent: Bounds | UnsetType | None = UNSET
    """Of the mean, 95 %: from, to."""
    median_percent: float | UnsetType | None = UNSET
    """The median expected value."""
    beat_close_percent: float | UnsetType | None = UNSET
    """How many of the prices were better than the close."""
    beat_close_interval_percent: Bounds | UnsetType | None = UNSET
    """Of these, 95 %: from, to."""
    baseline_percent: float | UnsetType | None = UNSET
    """The mean of all sides of the same quotes: what a coin would have got."""
    mean_points: float | UnsetType | None = UNSET
    """How many points better than the close's line; null for markets without lines."""
    p_value: float | UnsetType | None = UNSET
    """Of the mean being zero; null where there are too few events."""
    adjusted_p: float | UnsetType | None = UNSET
    """The same, given all the other cells of the answer (Benjamini–Hochberg)."""
    discovery: bool | UnsetType = UNSET
    """Whether `adjusted_p` is 0.1 or less."""


class SumShown(Worth, kw_only=True):
    """What the prices of one type of signals were worth at the close."""

    type: str
    reference: str
    """Whose price: `named` (a book of the signal), `stale` (a book that was left behind) or `consensus`."""
    after_seconds: int
    """How long after the signal the price was there."""


class CellShown(Worth, kw_only=True):
    """What the prices of one cell were worth at the close. It has those fields of `by` that were asked for."""

    type: str | UnsetType = UNSET
    market: str | UnsetType = UNSET
    bucket: str | UnsetType = UNSET
    """How long before the start the signal came."""
    reference: str | UnsetType = UNSET
    """Whose price: `named` (a book of the signal), `stale` (a book that was left behind) or `consensus`."""
    after_seconds: int | UnsetType = UNSET
    """How long after the signal the price was there."""
    book: str | UnsetType | None = UNSET
    """The book that offered it; null where that was none, as of `consensus`."""
    sport: str | UnsetType = UNSET
    tier: str | UnsetType = UNSET
    """Of the signal's rank: `High`, `Medium` or `Low`."""
    quality: str | UnsetType = UNSET
    """Of the close: `good`, `low` or `none`."""
    outcome: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    """`valued`, or why there is no value: `gone`, `unobserved`, `no_price`, `no_close` or `not_comparable`."""


class TeaseShown(msgspec.Struct, kw_only=True):
    """How often one type of signals beat the close."""

    type: str
    signals: int
    events: int
    valued: int
    """Prices whose close is known."""
    beat_close_percent: float | None
    """How many of them were better than the close; null where there is none."""
    maturity: str
    """`ready`, or `baseline_building` where there are too few events for an interval."""


WorkedOut = Annotated[Time | None, Meta(description="When it was worked out; null where it is too early to show.")]


class SumPage(msgspec.Struct):
    """What signals were worth, by type, reference and time after the signal."""

    items: list[SumShown]
    next: str | None
    as_of: WorkedOut


class CellPage(msgspec.Struct):
    """What signals were worth, by cell."""

    items: list[CellShown]
    next: str | None
    as_of: WorkedOut


class TeasePage(msgspec.Struct):
    """How often each type of signals beat the close."""

    items: list[TeaseShown]
    next: str | None
    as_of: WorkedOut


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
