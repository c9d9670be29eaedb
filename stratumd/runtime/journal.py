"""What the daemon remembers of itself for `/status`: the newest of everything, never more than a screenful."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stratumd import redaction
from stratumd.plugin import Micros, Signal, iso
from stratumd.plugin.views import AlertRow, NoticeRow, PauseRow
from stratumd.store import Lease, Waiting

RECENT = 20
"""Signals and failed components that are shown."""


@dataclass(slots=True)
class SourceEntry:
    """How a source is doing."""

    polls: int = 0
    failed: int = 0
    taken: int = 0
    """Due instants that this daemon took."""
    skipped: int = 0
    """Due instants that passed while a poll was running."""
    missed: int = 0
    """Other due instants that no daemon ran, counted by the one that ran the next."""
    last_poll: Micros | None = None
    last_error: str | None = None
    breaker: str = "closed"
    """`closed`; `open`: the provider is left alone; `half-open`: one exchange finds out."""
    retry_at: Micros | None = None
    """When an open breaker lets one exchange through."""
    failures: int = 0
    """Failed polls in a row."""
    credits_remaining: int | None = None
    credits_today: int = 0
    """Spent since midnight, UTC, by our own count."""
    credits_month: int = 0
    """Spent since the 1st, UTC."""
    credits_saved: int | None = None
    """What the bucket of the day's credits holds; None without a daily budget."""
    unaffordable: int = 0
    """Requests that were not made because a budget did not allow them, since the start."""
    mispriced: int = 0
    """Answers that did not cost what the source's own model says, since the start."""
    budget_warnings: list[str] = field(default_factory=list)
    """Budgets that are spent to `warn_percent` or more."""
    next_due: Micros | None = None


@dataclass(slots=True)
class PipelineEntry:
    """How a pipeline is doing. The counts are since the start, `events` is of the last observation."""

    last_observation: Micros | None = None
    observations: int = 0
    events: int = 0
    quotes: int = 0
    changes: int = 0
    consensus_points: int = 0
    issues: int = 0
    signals: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Fault:
    """The newest failure of one component of a plugin."""

    component: str
    plugin: str
    version: str
    error: str
    where: str
    """`file:line` of the plugin's own code."""
    at: Micros
    count: int = 1
    """Failures since the start."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The newest reload of the configuration."""

    at: Micros
    successful: bool
    error: str = ""
    """Why it changed nothing."""
    fixed: tuple[str, ...] = ()
    """What was changed in the file and needs a restart."""


class Journal:
    """The newest of everything, by name."""

    def __init__(self) -> None:
        self.sources: dict[str, SourceEntry] = {}
        self.pipelines: dict[str, PipelineEntry] = {}
        self.signals: deque[Signal] = deque(maxlen=RECENT)
        self.faults: dict[str, Fault] = {}
        self.reloaded: Reloaded | None = None
        self.outlook: list[dict[str, Any]] = []
        """What `stratumd plan` says of the configuration that runs."""
        self.outlook_warnings: list[str] = []
        """Signals that cannot come to be, and budgets that will not do."""
        self.leases: Sequence[Lease] = ()
        """Who works each pipeline; empty where there is one daemon only."""
        self.deliveries: Mapping[tuple[str, str], Waiting] = {}
        """How many there are by sink and state, and since when the oldest of them is there."""
        self.notices: Sequence[NoticeRow] = ()
        """Those that wait, and those that no sink takes or took."""
        self.alerts: Sequence[AlertRow] = ()
        """What is wrong now."""
        self.pauses: Mapping[str, PauseRow] = {}
        """Sources and jobs that a person paused, by name."""

    def pause(self, name: str, now: Micros) -> PauseRow | None:
        """Return by what a source or a job is paused; None where it is not."""
        found = self.pauses.get(name)
        return None if found is None or (found.until_at is not None and found.until_at <= now) else found

    def source(self, name: str) -> SourceEntry:
        """Return the entry of a source."""
        return self.sources.setdefault(name, SourceEntry())

    def pipeline(self, name: str) -> PipelineEntry:
        """Return the entry of a pipeline."""
        return self.pipelines.setdefault(name, PipelineEntry())

    def drop(self, kind: str, name: str) -> None:
        """Forget a source or a pipeline that is there no more."""
        if kind == "source":
            self.sources.pop(name, None)
        if kind == "pipeline":
            self.pipelines.pop(name, None)

    def blame(self, fault: Fault) -> None:
        """Note a component's newest failure. Its words may be anybody's; they are made fit to be shown."""
        before = self.faults.pop(fault.component, None)
        count = fault.count + (before.count if before else 0)
        while len(self.faults) >= RECENT:
            del self.faults[next(iter(self.faults))]
        error, where = redaction.shown(fault.error), redaction.shown(fault.where)
        self.faults[fault.component] = replace(fault, error=error, where=where, count=count)


def shown(at: Micros | None) -> str | None:
    """Return a time as it is shown, or None where there is none."""
    return None if at is None else iso(at)


def brief(signal: Signal) -> dict[str, Any]:
    """Return the part of a signal that a list of the newest shows."""
    public = signal.public()
    keys = ("id", "type", "pipeline", "event", "home", "away", "market", "player", "outcome", "direction")
    return {key: public[key] for key in (*keys, "strength", "observed_at")}
