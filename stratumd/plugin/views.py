"""What is read of the stored history.

Times are microseconds UTC, `public()` shows them as ISO 8601; prices are decimal odds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stratumd.plugin.times import Micros, iso
from stratumd.plugin.values import ConsensusPoint, Signal


class View(msgspec.Struct, frozen=True):
    """Base of all rows that a reader returns."""

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the commands and the API show."""
        fields = {name: _public(getattr(self, name)) for name in self.__struct_fields__}
        return {name: _shown(name, value) for name, value in fields.items()}


class EventRow(View, frozen=True):
    """An event, by the newest word on it."""

    id: str
    sport: str
    home: str
    away: str
    commence_at: Micros
    first_seen_at: Micros
    observed_at: Micros
    """When this word on it was received; it is announced again only when it changes."""
    starts: tuple[Start, ...] = ()
    """Every start that was announced, oldest word first."""
    phase: str = "scheduled"
    """`scheduled`, `live`, `final`, `cancelled` or `postponed`."""
    home_score: int | None = None
    away_score: int | None = None
    clock: str = ""
    """Where in the game it is, in the words of the provider of scores."""
    scored_by: str | None = None
    """The source whose word the phase is: `offers` where only the odds speak of it."""
    phases: tuple[PhaseRow, ...] = ()
    """Every phase that it entered, oldest first."""


class PhaseRow(View, frozen=True):
    """A phase that an event entered."""

    observed_at: Micros
    phase: str
    source: str
    home_score: int | None
    away_score: int | None


class GameRow(View, frozen=True):
    """A game of a provider of scores, and the event that it belongs to."""

    source: str
    game: str
    sport: str
    home: str
    away: str
    commence_at: Micros
    phase: str
    home_score: int | None
    away_score: int | None
    observed_at: Micros
    event: str | None
    """None where no event is sure."""
    matched_by: str
    """`id`, `teams`, or `hand` with who decided; empty where nothing was chosen."""
    reason: str
    suggestions: tuple[SuggestedRow, ...] = ()
    """Events that a person may choose, the likeliest first. None is ever applied on its own."""


class SuggestedRow(View, frozen=True):
    """An event that a game may be."""

    event: str
    home: str
    away: str
    commence_at: Micros
    why: str


class DecisionRow(View, frozen=True):
    """Which event a game was given or refused, and why."""

    decided_at: Micros
    source: str
    game: str
    event: str | None
    matched_by: str
    reason: str


class Start(View, frozen=True):
    """A start as it was announced."""

    observed_at: Micros
    commence_at: Micros


class QuoteRow(View, frozen=True):
    """A price that was offered at one time."""

    event: str
    pipeline: str
    book: str
    market: str
    player: str | None
    outcome: str
    line: float | None
    price: float
    changed_at: Micros
    """When it was first observed."""
    confirmed_at: Micros
    """When it was last known to be observed, no later than the time that was asked for."""
    last_update: Micros | None
    """The book's own word."""


class PathPoint(View, frozen=True):
    """One point of a quote's path; `price` is None where the quote disappeared."""

    observed_at: Micros
    pipeline: str
    book: str
    market: str
    player: str | None
    outcome: str
    line: float | None
    price: float | None
    last_update: Micros | None


class Comparison(View, frozen=True):
    """One book's price beside the others'."""

    event: str
    market: str
    player: str | None
    book: str
    outcome: str
    line: float | None
    price: float
    implied: float | None
    """1/price, the margin still in it; None where the price is none that a bookmaker can mean."""
    best: bool
    """Whether nobody offers more for this outcome at this line."""
    changed_at: Micros
    confirmed_at: Micros


class ConsensusRow(View, frozen=True):
    """A stored consensus point."""

    pipeline: str
    event: str
    observed_at: Micros
    point: ConsensusPoint


class BoardRow(View, frozen=True):
    """An event that has not started, with its newest consensus in each market and its last signal."""

    event: EventRow
    consensus: tuple[ConsensusRow, ...]
    last_signal: Signal | None


class PollRow(View, frozen=True):
    """One exchange with a provider."""

    id: str
    source: str
    started_at: Micros
    elapsed: Micros
    path: str
    params: dict[str, str]
    status: int | None
    error: str | None
    """The class of the error; None where the exchange succeeded."""
    code: str | None
    detail: str | None
    credits_remaining: int | None
    credits_used: int | None
    credits_last: int | None
    body_bytes: int | None
    observation: str | None
    events: int | None
    """Events that the answer covered; None until a pipeline has processed it."""
    quotes: int | None


class SourceRow(View, frozen=True):
    """How a source is doing."""

    source: str
    last_poll: PollRow
    polls_24h: int
    success_rate_24h: float | None
    """0 to 1; None where nothing was polled in the last 24 hours."""
    credits_remaining: int | None
    """By the newest answer that said so."""


class WaitingRow(View, frozen=True):
    """Deliveries of one sink in one state."""

    sink: str
    state: str
    number: int
    oldest_at: Micros
    """When the signal of the oldest was observed."""


class DeliveryRow(View, frozen=True):
    """A signal on its way to a sink."""

    id: str
    signal: str
    sink: str
    event: str
    observed_at: Micros
    """When the signal was observed."""
    expires_at: Micros | None
    state: str
    """`pending`, `in_flight`, `delivered`, `expired` or `dead`."""
    attempts: int
    due_at: Micros
    """When it is tried next, where it waits."""
    error: str | None
    """What the newest failure said."""
    receipt: str | None
    """What the receiver gave for it, such as a message's id."""
    ended_at: Micros | None


class DisabledRow(View, frozen=True):
    """A sink that stays off until its options change or somebody enables it."""

    sink: str
    reason: str
    since_at: Micros


class PauseRow(View, frozen=True):
    """A source or a job that a person paused: no daemon polls or runs it by its schedule."""

    source: str
    """Its name; that of a job is its pipeline's, a dot, and the job's."""
    reason: str
    """As that person gave it."""
    since_at: Micros
    until_at: Micros | None
    """When it ends by itself; None where somebody has to resume it."""
    kind: str = "source"
    """`source` or `job`."""

    def told(self) -> str:
        """Say it in one line."""
        until = f" until {iso(self.until_at)}" if self.until_at is not None else ""
        why = f": {self.reason}" if self.reason else ""
        return f"paused since {iso(self.since_at)}{until}{why}; `stratumd resume {self.source}` goes on"


class Built(View, frozen=True):
    """What a pipeline was built from, since one of its steps."""

    position: int
    body: str
    """JSON, as `Commit.build` was."""


class Taken(View, frozen=True):
    """An observation, and when a pipeline took it."""

    observation: str
    source: str
    received_at: Micros
    position: int | None
    """The number of the step, from 1; None where the pipeline has not taken it."""
    taken_at: Micros | None
    """The pipeline's own time at that step: later than `received_at` where it had taken a later one before."""
    signals: int | None


class Skipped(View, frozen=True):
    """A component that failed at an observation."""

    observation: str
    component: str
    event: str | None
    observed_at: Micros
    error: str
    place: str


class BreakerRow(View, frozen=True):
    """A component that is left alone after failures, until one attempt succeeds."""

    kind: str
    """`source` or `sink`."""
    name: str
    reason: str
    """Of the newest failure."""
    failures: int
    """In a row."""
    since_at: Micros
    retry_at: Micros
    """When the next attempt may be made."""


class LeftOutRow(View, frozen=True):
    """A component in quarantine: it failed too often, or took too long."""

    pipeline: str
    component: str
    error: str
    where: str
    """`file:line` of the plugin's code."""
    since_at: Micros
    until_at: Micros
    """When it is tried again; by the time of the pipeline's observations, as `since_at`."""


class NoticeRow(View, frozen=True):
    """A notice that waits, or that no sink takes or took, at one sink."""

    id: str
    kind: str
    title: str
    at: Micros
    personal: bool
    """Whether it is for one person; to whom is not shown."""
    sink: str | None
    """None where no sink takes it."""
    state: str
    """`new`, `pending`, `in_flight` or `dead`."""
    attempts: int
    due_at: Micros | None
    """When it is tried next, where it waits."""
    error: str | None
    """What the newest failure said."""


class AlertRow(View, frozen=True):
    """Something that is wrong now."""

    kind: str
    """Such as `source_down`."""
    subject: str
    """What it is about."""
    severity: str
    """`info`, `warning` or `error`."""
    title: str
    text: str
    since_at: Micros
    said_at: Micros | None
    """When a notice told of it last; None where no sink takes it."""
    clear_at: Micros | None
    """Since when it seems to be over."""


class CycleRow(View, frozen=True):
    """The figures of one cycle: some answers that a pipeline processed and committed together."""

    pipeline: str
    position: int
    """The number of its last step, from 1."""
    finished_at: Micros
    observations: int
    """Answers that it processed."""
    requests_used_delta: int
    """Credits that these answers cost, by our own count; each pipeline that takes an answer counts them."""
    requests_last: int | None
    """What the newest of them cost, by the provider's word; None where it said nothing."""
    snapshots_inserted: int
    """Quotes that appeared, changed or disappeared, and were written."""
    consensus_points_written: int
    signals_created_by_type: dict[str, int]
    alerts_sent: int
    """Deliveries of its signals that arrived, by now, as long as the signals are kept."""
    alerts_failed: int
    """Those that were given up."""
    latency: Micros
    """From the receipt of its newest answer until all was ready to be committed."""

    def public(self) -> dict[str, Any]:
        """Return the same with the latency in seconds."""
        shown = super().public()
        shown["latency_seconds"] = shown.pop("latency") / 1_000_000
        return shown


class Status(View, frozen=True):
    """How everything is, by what is stored."""

    at: Micros
    sources: tuple[SourceRow, ...]
    deliveries: tuple[WaitingRow, ...]
    disabled_sinks: tuple[DisabledRow, ...]
    breakers: tuple[BreakerRow, ...]
    left_out: tuple[LeftOutRow, ...]
    notices: tuple[NoticeRow, ...]
    observations: int
    events: int
    events_upcoming: int
    quotes: int
    """Quotes that are offered now."""
    signals: int
    signals_24h: int
    last_signal_at: Micros | None
    database_bytes: int
    alerts: tuple[AlertRow, ...] = ()
    """What is wrong now, as far as alerts are on."""
    paused: tuple[PauseRow, ...] = ()
    """Sources and jobs that a person paused."""


class TableRow(View, frozen=True):
    """The size of a table; `bytes` counts its indexes too, None where the database does not tell."""

    table: str
    rows: int
    bytes: int | None


def _public(value: Any) -> Any:
    if isinstance(value, View | Signal):
        return value.public()
    if isinstance(value, tuple):
        return [_public(part) for part in value]
    return msgspec.to_builtins(value)


def _shown(name: str, value: Any) -> Any:
    is_time = name == "at" or name.endswith("_at") or name == "last_update"
    return iso(value) if is_time and value is not None else value
