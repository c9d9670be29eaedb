"""What a plugin may provide: sources, normalizers, detectors and sinks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec

from stratumd.plugin.gates import Gate
from stratumd.plugin.notices import Notice
from stratumd.plugin.options import PluginConfig
from stratumd.plugin.tick import Tick
from stratumd.plugin.times import Micros
from stratumd.plugin.values import (
    Credits,
    Delivery,
    Finding,
    Fixture,
    Limits,
    MarketKey,
    Observation,
    Past,
    Poll,
    Record,
    Request,
    Signal,
    Snapshot,
)

NOTHING_TO_PROBE = "nothing to probe"
"""What `probe` answers where a component has none of its own."""


class Clock(Protocol):
    """Where an input or output component gets the time from. Detectors and normalizers have none."""

    def now(self) -> Micros:
        """Return the present time."""


class Log(Protocol):
    """A structured log: an event and its fields, never a payload and never a secret."""

    def debug(self, event: str, **fields: Any) -> Any:
        """Log what only a developer needs."""

    def info(self, event: str, **fields: Any) -> Any:
        """Log what happened."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Log what an operator should look at."""

    def error(self, event: str, **fields: Any) -> Any:
        """Log what an operator must look at."""


class Purse(Protocol):
    """What a source may spend. Each request is paid from it before it is made."""

    def take(self, feature: str, credits: int) -> bool:
        """Put `credits` aside for a request; False where a budget does not allow it: then do not make it."""

    def settle(self, feature: str, taken: int, spent: int) -> None:
        """Say what the request came to for which `taken` was put aside."""


class Context(Protocol):
    """What core lends to a source or a sink."""

    name: str
    """The component's name in the configuration."""
    clock: Clock
    log: Log
    purse: Purse

    def source(self, use: str, options: Mapping[str, Any]) -> Source:
        """Build another plugin's source, for a source that stands in front of it. Name it in `requires`."""

    def is_over(self, event: str) -> bool:
        """Say whether the event is known to be final or cancelled, so that nothing more need be asked about it."""


class Component:
    """Base of everything that a plugin provides."""

    name: ClassVar[str]
    """What the configuration calls it: the plugin's name, or `plugin.part` where a plugin has several of a kind."""
    version: ClassVar[str] = "1"
    """Part of every signal's id: raise it when the component's results change."""
    config: ClassVar[type[PluginConfig]] = PluginConfig
    """The model of its options."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Other plugins that must be loaded too."""

    def __init__(self, options: Any) -> None:
        self.options = options


class Cycle(NamedTuple):
    """A rhythm of its own in which a source asks about the events that are watched, beside its schedule."""

    name: str
    """The budget that pays for it, which must have a limit: `live` or `props`."""
    every: Micros
    opens: Micros
    """How long before an event's start it begins."""
    closes: Micros
    """How long before the start it ends; negative after the start."""
    events: int
    """About how many events are watched in a day, for a plan that knows of none."""


class Source(Component):
    """Fetches observations. It knows its provider, credits and errors, and reads no more than it needs for these."""

    format: ClassVar[str]
    """The name of the normalizer that reads its observations."""
    continuous: ClassVar[bool] = False
    """True where `poll` is called once and runs until the input ends; then the source takes no schedule."""
    quotes: ClassVar[bool] = True
    """False where its answers hold no odds: then no detector compares its polls."""
    by_event: ClassVar[bool] = False
    """True where the provider can be asked about single events: then `discover`, `poll_events`, `fixtures`,
    `sports` and `most` are there, for a schedule with a `cadence`."""
    remembers: ClassVar[bool] = False
    """True where the provider can be asked about the past: then `recall`, `question` and `price` are there, for
    `backfill`."""

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options)
        self.context = context

    async def open(self) -> None:
        """Get ready, such as by making a client. `StartupError` where that cannot be: it is tried again.

        Called again after `close` where something failed: what `close` lets go of is made here, not in `__init__`.
        """

    async def close(self) -> None:
        """Let go of everything. Called after each `open`, also one that failed."""

    async def probe(self) -> str:
        """Say in a few words that the provider is there, without changing, sending or paying anything, or raise a
        `SourceError`.

        Called by `stratumd check --probe` in place of `open`; `close` follows.
        """
        return NOTHING_TO_PROBE

    def poll(self) -> AsyncIterator[Poll]:
        """Ask the provider what is due and yield every exchange as soon as it ended.

        A failed exchange is yielded with its error, not raised: one sport's failure costs the others nothing.
        """
        raise NotImplementedError

    def discover(self) -> AsyncIterator[Poll]:
        """Ask which events there are, without their odds and free of credits, and yield every exchange."""
        raise NotImplementedError

    def poll_events(self, events: Sequence[Fixture]) -> AsyncIterator[Poll]:
        """Ask about these events only, in the cheapest way that there is, and yield every exchange."""
        raise NotImplementedError

    def sports(self) -> Sequence[str]:
        """Return the keys of the sports that are asked for."""
        return ()

    def fixtures(self) -> Sequence[Fixture] | None:
        """Return the events that the newest answers named; None where none was ever asked for or told."""
        return None

    def most(self, events: Sequence[Fixture] | None = None) -> int | None:
        """Return the most credits that a poll costs, or one of these events; None where that cannot be said.

        Pure: it is asked before the source is opened, for a plan.
        """
        return None

    @classmethod
    def cycles(cls, options: Any) -> Sequence[Cycle]:
        """Return the cycles that `options` ask for; then `watches`, `poll_watched` and `most_watched` are there, beside
        `fixtures` and `discover`. Pure.
        """
        return ()

    def watches(self, event: Fixture) -> bool:
        """Say whether an event is among those that cycles are about."""
        raise NotImplementedError

    def poll_watched(self, cycle: str, events: Sequence[Fixture]) -> AsyncIterator[Poll]:
        """Ask what a cycle asks about these events, paid from its budget, and yield every exchange."""
        raise NotImplementedError

    def most_watched(self, cycle: str, events: Sequence[Fixture]) -> int:
        """Return the most credits that `poll_watched` costs. Pure."""
        raise NotImplementedError

    def tells(self) -> Mapping[str, Micros]:
        """Return the topics of news that its answers hold, each with the time after which a poll tells again what did
        not change; 0 where every poll does. Pure: it is asked before the source is opened, for a plan.
        """
        return {}

    def credits(self) -> Credits | None:
        """Return the newest word of the provider about its quota, or None where it has none."""
        return None

    async def recall(self, past: Past) -> Poll:
        """Ask how `past` was, retries included. The observation's `origin` is `historical` and it is `received_at` the
        time of which it tells. A failed exchange is returned with its error, not raised.
        """
        raise NotImplementedError

    def question(self, past: Past) -> Request:
        """Return what `recall` would ask. Pure: whoever has the answer to the very same need not ask again."""
        raise NotImplementedError

    def price(self, past: Past) -> int:
        """Return the most credits that the answer to `past` can cost."""
        raise NotImplementedError


class Normalizer(Component):
    """Turns an observation into a snapshot. Pure and total: a malformed part becomes an issue, the rest goes on.

    It may keep what it decoded, so long as the same observation gives an equal snapshot: an offer that did not change
    may be the very same object, which the board compares first.
    """

    def normalize(self, observation: Observation) -> Snapshot:
        """Return what `observation` says."""
        raise NotImplementedError


class State(msgspec.Struct, frozen=True):
    """Base of what a detector remembers about one event. Stored with the signals and given back after a restart."""


class Window(NamedTuple):
    """A length of time in which a detector compares one poll with another."""

    option: str
    """The option that sets it."""
    length: Micros
    in_play: bool = False
    """True where it is polls after the start that are compared."""
    topic: str = ""
    """Where it is set: news of this topic must have been told within the window, and no polls are compared."""


Yield = Finding | Record | State
"""What a detector may yield."""


class Detector(Component):
    """Says what holds now. Pure: no clock, no random number, no input or output, no other event.

    It yields a `Finding` for each condition that holds, `Record`s for later detectors, and at most one `State`.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Kinds of records that an earlier detector of the pipeline must provide."""
    provides: ClassVar[tuple[str, ...]] = ()
    """Kinds of records that it yields."""
    state: ClassVar[type[State] | None] = None
    """The type it remembers, where it remembers anything."""
    signals: ClassVar[Mapping[str, type[msgspec.Struct]]] = {}
    """The types of signals it can give, each with the documented shape of its metadata."""
    gates: ClassVar[Mapping[str, Sequence[Gate]]] = {}
    """The conditions of each type of signal, or kind of record, in the order in which they are asked about. `why-not`
    measures them by asking `detect` again under other options; a detector without any is only told of its findings."""
    annotates: ClassVar[type[msgspec.Struct] | None] = None
    """What it adds to the metadata of the signals about its event, whichever detector found them, under its own name:
    the documented shape. Nothing else of a signal changes by it, its id neither."""
    hears: ClassVar[tuple[str, ...]] = ()
    """Topics of the news that it finds in `tick.news`, where it is no older than `lookback`."""

    @property
    def windows(self) -> Mapping[str, Window]:
        """Return the window that two polls, or the news heard, must fall into, by the type of signal that cannot fire
        without."""
        return {}

    @property
    def lookback(self) -> Micros:
        """How much of the past `detect` looks at. The board keeps, and after a restart rebuilds, as much."""
        return 0

    def detect(self, tick: Tick) -> Iterable[Yield]:
        """Yield what holds at `tick`."""
        raise NotImplementedError

    def annotate(self, tick: Tick, key: MarketKey) -> msgspec.Struct | None:
        """Return what to add to a signal about the market `key` at `tick`, of the type `annotates`; None for nothing.

        Called where `annotates` is declared, when all detectors have seen the tick and something fires: `tick.records`
        holds what all of them recorded, `tick.state` what this one remembers. Pure as `detect` is.
        """
        raise NotImplementedError

    def limits(self, type: str) -> Limits:
        """Return how often signals of `type` may fire."""
        return Limits()


class Sink(Component):
    """Takes signals to somewhere. It may be called again with the same delivery; it never blocks anything else."""

    batch: int = 1
    """The most deliveries that one call takes."""
    expires: bool = False
    """True where a signal past its `expires_at` is worth nothing and is not sent any more."""
    concurrency: int = 1
    """How many calls of `deliver` may be under way at once. Those of one event still come one after the other."""
    per_second: float | None = None
    """The most calls of `deliver` that are begun in a second; None where there is no limit."""
    retries: tuple[timedelta, ...] | None = None
    """The waits before a failed delivery is tried again, one after the other; after the last one it is a dead letter.
    Core lengthens each by up to a tenth at random. None: core's own pauses, which grow, for about three days."""
    shadow: ClassVar[frozenset[str]] = frozenset()
    """Types of signals that are not delivered here unless `when.types` names them: not proven yet, or too many."""
    notices: ClassVar[bool] = False
    """True where the daemon's own messages can go here as well: then `notify` is there."""
    addresses: ClassVar[bool] = False
    """True where a notice can be sent to one person alone, by the mail address in `Notice.to`."""

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options)
        self.context = context

    async def open(self) -> None:
        """Get ready. `StartupError` where that cannot be."""

    async def close(self) -> None:
        """Let go of everything. Called once, also after a failure."""

    async def probe(self) -> str:
        """Say in a few words that the receiver is there, without changing, sending or paying anything, or raise a
        `DeliveryError`.

        Called by `stratumd check --probe` in place of `open`; `close` follows.
        """
        return NOTHING_TO_PROBE

    def wants(self, signal: Signal) -> bool:
        """Say whether `signal` is to be delivered here at all. Pure: it decides which deliveries exist."""
        return True

    async def deliver(self, deliveries: Sequence[Delivery]) -> str | None:
        """Deliver all of them, or raise `DeliveryError`; then none counts as delivered and all are tried again.

        Return the receiver's receipt where it gives one, such as the id of a message: it is kept with each of them.
        """
        raise NotImplementedError

    async def beat(self, at: Micros) -> None:
        """Hear that quotes were received at `at`, and that all that follows from them is committed.

        Called after such cycles of the sink's pipeline, never twice at once; where it takes long, some are left out. A
        `DeliveryError` is shown and not repeated: the next cycle is the next chance.
        """

    async def notify(self, notice: Notice) -> None:
        """Send a notice, or raise `DeliveryError`; then it is tried again, and a `permanent` one given up.

        Called where `notices` is True and the file asks for it, also while `deliver` is under way, and perhaps again
        with the same notice. One with `to` comes only where `addresses` is True.
        """
        raise NotImplementedError
