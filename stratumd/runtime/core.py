"""What every part of the daemon shares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from anyio import to_thread

from stratumd.engine import StateChange
from stratumd.observe.metrics import Metrics
from stratumd.plugin import Ledger, Micros, Notice, Observation, Poll, Record, Signal
from stratumd.plugin.views import AlertRow, NoticeRow, PauseRow
from stratumd.record import Head
from stratumd.redaction import described
from stratumd.registry import Registry
from stratumd.runtime.bulletin import Bulletin
from stratumd.runtime.clock import SystemTimer, Timer
from stratumd.runtime.delivery import Queue
from stratumd.runtime.ended import Ended
from stratumd.runtime.journal import Journal
from stratumd.runtime.plugin_code import PluginCode
from stratumd.runtime.states import States
from stratumd.runtime.telling import Letters
from stratumd.runtime.watchdog import Watchdog
from stratumd.store import (
    Change,
    Charge,
    Cleaned,
    Commit,
    Decide,
    Facts,
    Figures,
    Keep,
    Lease,
    Newest,
    Question,
    Routed,
    Taken,
    Taker,
    Waiting,
)

T = TypeVar("T")


class Sharing(Protocol):
    """What is shared out among several daemons. The calls block; they are made from worker threads."""

    owner: str
    """As `Lease.owner` names this daemon."""
    lease: Micros
    """How long one lasts that is not renewed."""
    shared: bool
    """Whether there may be other daemons."""

    def newest(self, schedule: str) -> Newest:
        """Return where a schedule stands."""

    def take(self, schedule: str, instant: Micros, gap: Micros) -> Taken:
        """Take a due instant, unless it, one after it, or one less than `gap` before it is taken."""

    def hold(self, pipeline: str) -> Lease:
        """Ask for the work on a pipeline, and return who has it."""

    def beat(self) -> None:
        """Renew what this daemon holds."""

    def let_go(self, pipeline: str) -> None:
        """Give up the work on a pipeline."""

    def holders(self) -> list[Lease]:
        """Return who works each pipeline."""


class Notices(Letters, Protocol):
    """What the daemon has to tell. The calls block; they are made from worker threads."""

    def route(self, takers: Sequence[Taker], now: Micros) -> Routed:
        """Give the new notices to those of `takers` that fit."""

    def sweep(self, now: Micros) -> None:
        """Let expire what is worth nothing any more."""

    def unsent(self) -> list[NoticeRow]:
        """Return the notices that wait, and those that no sink takes or took."""


class Alerts(Protocol):
    """What is wrong, and who was told. The calls block; they are made from worker threads."""

    def shown(self) -> list[AlertRow]:
        """Return what is wrong, the oldest first."""

    def facts(self, question: Question) -> Facts:
        """Return what is to be judged."""

    def figures(self, since: Micros, until: Micros) -> Figures:
        """Return the figures of a report."""

    def change(self, decide: Decide) -> Sequence[Change]:
        """Do what `decide` says of the alerts that are open, in one transaction; return it."""

    def signals(self, pipeline: str, since: Micros, until: Micros) -> Iterator[Signal]:
        """Yield the signals of a report."""

    def publish(
        self,
        schedule: str,
        instant: Micros,
        notice: Notice | None,
        sink: str | None = None,
        since: Micros | None = None,
    ) -> bool:
        """Take a due instant, and store the notice that is due then; False where it was taken already."""


class Roots(Protocol):
    """What binds the signals of each day. The calls block; they are made from worker threads."""

    def close(self, now: Micros) -> Head | None:
        """Close the first day that is over and open still, and return its head; None where there is none."""


class Store(Queue, Protocol):
    """What the daemon does with the store. The calls block; they are made from worker threads."""

    @property
    def alerts(self) -> Alerts:
        """What is wrong, and who was told."""

    @property
    def notices(self) -> Notices:
        """What the daemon has to tell, and what became of it."""

    @property
    def roots(self) -> Roots:
        """What binds the signals of each day."""

    def notify(self, notice: Notice) -> bool:
        """Store a notice; False where it is there already."""

    @property
    def sharing(self) -> Sharing:
        """What is shared out among several daemons."""

    def observe(self, polls: Sequence[tuple[str, Poll]]) -> Collection[str]:
        """Store exchanges by source in one transaction; what is already there is not written again.

        Returns their ids in the poll log.
        """

    def commit(self, commits: Sequence[Commit]) -> None:
        """Store everything that follows from some observations in one transaction, or nothing of it."""

    def clean(self, keep: Keep, now: Micros) -> Iterator[Cleaned]:
        """Delete what is older than `keep` says: each item is a transaction."""

    def pending(self, pipeline: str, sources: Sequence[str], limit: int) -> list[Observation]:
        """Return observations that the pipeline has not processed, in order."""

    def rebuild(self, pipeline: str, sources: Sequence[str], lookback: Micros) -> Iterator[tuple[Observation, Micros]]:
        """Yield the processed observations that the board is rebuilt from, with when they were taken, in order."""

    def states(self, pipeline: str) -> list[StateChange]:
        """Return what the gate and the detectors remembered."""

    def records(self, pipeline: str) -> list[tuple[str, Record]]:
        """Return the newest records of each event and market."""

    def seen(self, pipeline: str) -> dict[str, Micros]:
        """Return when each event was covered last, by event id."""

    def charges(self, source: str, since: Micros) -> list[Charge]:
        """Return what a source's exchanges cost from `since` on, oldest first."""

    def paused(self, now: Micros) -> Sequence[PauseRow]:
        """Return the sources and jobs that a person paused."""

    def over(self, since: Micros) -> list[str]:
        """Return the events that are final or cancelled, by a word from `since` on."""

    def ledger(self, pipeline: str) -> Ledger:
        """Return the store as the jobs of `pipeline` see it."""

    def delivery_counts(self) -> Mapping[tuple[str, str], Waiting]:
        """Return how many deliveries there are by sink and state, and how old the oldest is."""


@dataclass(frozen=True, slots=True)
class Core:
    """The store, the clocks, and the places where every part says how it is doing."""

    store: Store
    states: States
    journal: Journal
    metrics: Metrics = field(default_factory=Metrics)
    timer: Timer = field(default_factory=SystemTimer)
    ended: Ended = field(default_factory=Ended)
    bulletin: Bulletin = field(default_factory=Bulletin)
    watchdog: Watchdog = field(default_factory=lambda: Watchdog(PluginCode(Registry)))
    """Watches nothing until it is started."""


async def transaction(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread. A stop waits for it: it commits or rolls back, and its outcome is known."""
    return await to_thread.run_sync(partial(_contained, call), abandon_on_cancel=False)


def _contained(call: Callable[[], T]) -> T:
    """Whatever a plugin raises in a worker thread ends its call, not the daemon."""
    try:
        return call()
    except Exception:
        raise
    except BaseException as error:
        raise RuntimeError(f"{described(error)} was raised") from error
