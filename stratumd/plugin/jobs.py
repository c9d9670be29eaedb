"""Jobs and reports: what a plugin does with the stored history, on a schedule or when somebody asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import msgspec

from stratumd.odds import Pricing
from stratumd.plugin.components import Component, Log
from stratumd.plugin.times import Micros
from stratumd.plugin.values import ConsensusPoint, Event, Phase, Signal


class Row(msgspec.Struct, frozen=True):
    """Base of the rows that a plugin keeps: a struct per table, a field per column.

    Fields are `str`, `int` or `float`, or one of them or None. A plugin's tables come from its own migrations (the
    folder `migrations` of its package); their names begin with its name.
    """

    table: ClassVar[str]
    """The table, such as `clv_closes`."""
    key: ClassVar[tuple[str, ...]]
    """The fields that make a row the only one: it replaces the one before of the same key. None of them is None."""
    hidden: ClassVar[tuple[str, ...]] = ()
    """Fields that an audit shows as `***`: secrets, and hashes of secrets."""
    audited: ClassVar[bool] = True
    """False for rows that tell nobody anything, such as a counter that only says that something changed."""


R = TypeVar("R", bound=Row)

Drop = tuple[type[Row], Mapping[str, Any]]
"""The rows of a table whose fields have these values."""


class Start(NamedTuple):
    """A start as it was announced, in the observation received at `observed_at`."""

    observed_at: Micros
    commence_at: Micros


class KnownEvent(NamedTuple):
    """An event that a pipeline has observed, by the newest word on it."""

    event: Event
    observed_at: Micros
    """When the pipeline observed it last."""
    phase: Phase | None = None
    """The newest word on where it is in its life, an announced start's or a provider's of scores. None without
    one, and where it called off a start and another one was announced afterwards."""


class QuotePoint(NamedTuple):
    """A quote from one observation on, until the next point."""

    observed_at: Micros
    line: float | None
    """Points, of the bettor's side."""
    price: float | None
    """Decimal odds; None where the quote disappeared."""
    last_update: Micros | None
    """The book's own word."""


class QuotePath(NamedTuple):
    """Every change of one quote, oldest first."""

    book: str
    market: str
    player: str | None
    outcome: str
    rung: float | None
    """The line as part of the identity, where the book shows a ladder; else None."""
    points: Sequence[QuotePoint]
    confirmed: Sequence[Micros]
    """When answers were received that cover this quote, oldest first: at each it was what the newest point says."""


class EventPast(NamedTuple):
    """What a pipeline observed of one event."""

    event: Event
    starts: Sequence[Start]
    """Every start that was announced, oldest word first."""
    observed: Sequence[Micros]
    """When answers were received that cover it, oldest first."""
    paths: Sequence[QuotePath]


class Ledger(Protocol):
    """The store as jobs and reports of one pipeline see it: facts to read, and the plugin's own tables.

    Every call is one transaction. Calls block, and may be made from the thread of the job alone.
    """

    def events(self, *, since: Micros | None = None, until: Micros | None = None) -> list[KnownEvent]:
        """Return the pipeline's events whose newest start lies in [since, until), by start and id."""

    def pasts(self, events: Sequence[str]) -> Iterator[EventPast]:
        """Yield what was observed of these events, by id, in their order; events that are not known are left out."""

    def consensus(self, event: str) -> list[tuple[Micros, ConsensusPoint]]:
        """Return the stored consensus of all markets of an event, oldest first: a point holds until the next one."""

    def signals(self, events: Sequence[str]) -> list[Signal]:
        """Return the pipeline's signals about these events, by time and id."""

    def rows(self, kind: type[R], **equal: Any) -> list[R]:
        """Return the rows whose fields have these values, by key."""

    def write(self, put: Iterable[Row] = (), drop: Iterable[Drop] = ()) -> None:
        """Drop rows, then put rows: both or nothing. Only rows of the plugin's own tables."""


class JobContext(Protocol):
    """What core lends to a job or a report: the pipeline it works for."""

    pipeline: str
    pricing: Pricing
    """How the pipeline makes fair prices."""
    log: Log

    def operator(self, book: str) -> str:
        """Return whom a book belongs to: books of one operator count once."""


class Job(Component):
    """Works over the stored history of its pipeline, when its schedule says so.

    What it is given is all it knows: it reads no clock. It may be run again with the same time, and after a failure.
    """

    every: ClassVar[timedelta] = timedelta(hours=1)
    """How often it runs where the file gives no schedule."""

    def __init__(self, options: Any, context: JobContext) -> None:
        super().__init__(options)
        self.context = context

    def run(self, at: Micros, ledger: Ledger) -> str:
        """Do what is due at `at`, and say in a few words what was done. Called in a thread of its own."""
        raise NotImplementedError

    def owes(self, at: Micros, ledger: Ledger) -> Collection[str]:
        """Return the events whose signals it has yet to work over at `at`: retention leaves these signals alone."""
        return ()

    def forget(self, at: Micros, ledger: Ledger, length: Micros | None = None) -> Iterator[int]:
        """Delete what it wrote that is older at `at` than its options say, or than `length`; a little at a time.

        Yield after each call that writes how many events or rows that took: others have their turn then. Called where
        the file has a section `retention`.
        """
        return iter(())


class Report(Component):
    """Answers a question about the stored history, for a command. Its options are the question."""

    def __init__(self, options: Any, context: JobContext) -> None:
        super().__init__(options)
        self.context = context

    def answer(self, ledger: Ledger) -> Iterable[Mapping[str, Any]]:
        """Yield the rows of the answer, as JSON values."""
        raise NotImplementedError
