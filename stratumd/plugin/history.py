"""The stored history as routes and operations read it: facts, signals, and the feed that streams go on from."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol, TypeVar

from stratumd.plugin.times import Micros
from stratumd.plugin.values import Signal
from stratumd.plugin.views import (
    BoardRow,
    Comparison,
    ConsensusRow,
    CycleRow,
    DeliveryRow,
    EventRow,
    PathPoint,
    PollRow,
    QuoteRow,
    Status,
)

T = TypeVar("T")


class Entry(NamedTuple):
    """A signal in the feed."""

    sequence: int
    """From 1, in the order of the commits, over all pipelines. Whoever has read up to one has missed none before it;
    a number may be missing where what it stood for was deleted."""
    signal: Signal


class Changed(NamedTuple):
    """The quotes that one observation changed."""

    position: int
    """The number of the pipeline's step, from 1, without gaps."""
    observed_at: Micros
    points: Sequence[PathPoint]
    events: Sequence[str]
    """The event of each point."""


class AuditBreak(NamedTuple):
    """A place where the audit's chain does not hold."""

    sequence: int
    reason: str


class History(Protocol):
    """One moment of the store. Calls block, and are made inside of `Archive.read` alone.

    Where an event or a signal is named by the beginning of its id, `LookupError` says that there is none, or several.
    """

    def signals(
        self,
        *,
        event: str | None = None,
        types: Sequence[str] = (),
        market: str | None = None,
        sport: str | None = None,
        pipeline: str | None = None,
        since: Micros | None = None,
        until: Micros | None = None,
        min_strength: int | None = None,
        limit: int | None = None,
    ) -> list[Signal]:
        """Return signals by (observed_at, id); with `limit` the newest so many. Both bounds are included."""

    def signal(self, id: str) -> Signal:
        """Return the signal whose id is or begins with `id`."""

    def types(self) -> list[str]:
        """Return the types that stored signals have, or had when they were first asked for, by name."""

    def feed(self, after: int, limit: int) -> list[Entry]:
        """Return the first `limit` signals of the feed after a sequence number, in order."""

    def ends(self) -> tuple[int, int]:
        """Return the first sequence number of the feed that is still there, and the newest that was ever given."""

    def changed(self, pipeline: str, after: int, limit: int) -> list[Changed]:
        """Return what the first `limit` steps after a position changed, in order. Steps that changed nothing too."""

    def steps(self, pipeline: str) -> int:
        """Return the pipeline's newest position; 0 where it has processed nothing."""

    def events(
        self,
        *,
        day: date | None = None,
        team: str | None = None,
        sport: str | None = None,
        upcoming_at: Micros | None = None,
    ) -> list[EventRow]:
        """Return events by start: of a day (UTC), of a team, of a sport, starting after a time."""

    def event(self, id: str) -> EventRow:
        """Return the event whose id is or begins with `id`."""

    def board(self, now: Micros, *, sport: str | None = None) -> list[BoardRow]:
        """Return the events that start after `now`, each with its newest consensus per market and last signal."""

    def odds(
        self,
        event: str,
        *,
        at: Micros | None = None,
        tolerance: Micros | None = None,
        market: str | None = None,
        pipeline: str | None = None,
    ) -> list[QuoteRow]:
        """Return what is offered now, or was at `at`, by nothing that was observed later."""

    def movement(
        self,
        event: str,
        *,
        market: str | None = None,
        book: str | None = None,
        outcome: str | None = None,
        player: str | None = None,
        since: Micros | None = None,
        until: Micros | None = None,
        pipeline: str | None = None,
        limit: int | None = None,
    ) -> list[PathPoint]:
        """Return every change of the event's quotes, oldest first. Both bounds are included.

        With `limit` those of the first instants, until there are more than so many: no instant is cut in two.
        """

    def best(self, event: str, *, market: str | None = None, pipeline: str | None = None) -> list[QuoteRow]:
        """Return the highest price of each outcome at each line that is offered now."""

    def compare(self, event: str, *, market: str | None = None, pipeline: str | None = None) -> list[Comparison]:
        """Return what every book offers now, with the implied probabilities."""

    def consensus(
        self,
        event: str,
        *,
        market: str | None = None,
        since: Micros | None = None,
        until: Micros | None = None,
        pipeline: str | None = None,
        limit: int | None = None,
    ) -> list[ConsensusRow]:
        """Return the consensus of the event's markets, oldest first. Both bounds are included.

        With `limit` that of the first instants, until there is more than so much: no instant is cut in two.
        """

    def issue_counts(self, pipeline: str, *, since: Micros | None = None, until: Micros | None = None) -> Sequence[Any]:
        """Return what was wrong with quotes, counted by rule, book, market and day."""

    def export(
        self,
        kind: str,
        *,
        pipeline: str | None = None,
        since: Micros | None = None,
        until: Micros | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Yield `signals`, `changes` or `consensus` by time, as JSON values; only a few are held at once."""

    def polls(
        self,
        *,
        source: str | None = None,
        since: Micros | None = None,
        limit: int | None = None,
        before: tuple[Micros, str] | None = None,
    ) -> list[PollRow]:
        """Return polls, oldest first; with `limit` the newest so many.

        `before`: only those that began before this time and id, for the page after.
        """

    def cycles(
        self,
        *,
        pipeline: str | None = None,
        since: Micros | None = None,
        limit: int | None = None,
        before: tuple[Micros, str, int] | None = None,
    ) -> list[CycleRow]:
        """Return the figures of cycles, oldest first; with `limit` the newest so many.

        `before`: only those that ended before this time, pipeline and position, for the page after.
        """

    def undelivered(self, *, limit: int | None = None) -> list[DeliveryRow]:
        """Return deliveries that wait or are dead letters, the oldest signal first; with `limit` the newest so many."""

    def status(self, now: Micros) -> Status:
        """Return how everything is at `now`."""

    def audit_breaks(self) -> list[AuditBreak]:
        """Return every place where the audit was tampered with; it reads all of it."""


class Archive(Protocol):
    """The way to the stored history."""

    @property
    def pipelines(self) -> Sequence[str]:
        """The names of the pipelines that are configured now: a reload may change them, so ask each time."""

    @property
    def signal_types(self) -> Sequence[str] | None:
        """The types of signals that the detectors of these pipelines give; None where one does not say."""

    async def read(self, work: Callable[[History], T]) -> T:
        """Return what `work` returns; it runs in a thread, and may wait for the database alone."""

    async def report(self, name: str, question: Mapping[str, Any], pipeline: str) -> list[dict[str, Any]]:
        """Return the rows with which a plugin's report, such as `clv.scorecards`, answers.

        `LookupError` where none of that name is loaded, or the pipeline is not there; `ConfigError` names what is wrong
        with the question.
        """

    async def news(self, after: int) -> int:
        """Wait until the feed has a signal after `after`, and return the newest sequence number.

        It is told of commits of this process at once, and of other daemons' within a tenth of a second.
        """

    async def steps(self, pipeline: str, after: int) -> int:
        """Wait until the pipeline has a step after `after`, and return its newest position."""
