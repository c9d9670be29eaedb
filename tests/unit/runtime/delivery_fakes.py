"""What the tests of delivery need: a queue in memory, a clock that stands still, and sinks that do as told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

import msgspec

from stratumd.plugin import SECOND, Clock, Context, Delivery, Log, Micros, Notice, PluginConfig, Signal, Sink, Source
from stratumd.runtime.attempts import Target
from stratumd.runtime.delivery import Worker
from stratumd.runtime.states import States
from stratumd.store import Disabled, Outage
from stratumd.testing.samples import signal

START = 1_784_000_000 * SECOND


def make_signal(id: str, event: str = "e1", expires_at: Micros | None = None) -> Signal:
    """Return a plausible signal."""
    return signal(id=id, event=event, commence_at=START + 3_600 * SECOND, observed_at=START, expires_at=expires_at)


class StillClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> Micros:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += round(seconds * SECOND)


class MemoryLog:
    """Keeps what was logged as (level, event, fields)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def debug(self, event: str, **fields: Any) -> None:
        self.lines.append(("debug", event, fields))

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append(("error", event, fields))

    @property
    def events(self) -> list[str]:
        return [event for _, event, _ in self.lines]


@dataclass
class Row:
    """A delivery row."""

    delivery: Delivery
    sink: str
    due_at: Micros = 0
    state: str = "pending"
    error: str | None = None
    receipt: str | None = None


class MemoryQueue:
    """The rules of the store's delivery rows, in a list."""

    def __init__(self, *rows: Row) -> None:
        self.rows = list(rows)
        self.broken: list[Exception] = []
        """Raised by the next calls, one each."""
        self.off: dict[str, Disabled] = {}
        self.notices: list[Notice] = []
        self.outages: dict[str, Outage] = {}

    def add(self, sink: str, *signals: Signal) -> None:
        self.rows += [Row(Delivery(f"{sink}:{signal.id}", signal), sink) for signal in signals]

    def state(self, id: str) -> str:
        return next(row.state for row in self.rows if row.delivery.id == id)

    def states(self) -> list[str]:
        return [row.state for row in self.rows]

    def claim(self, sink: str, limit: int, now: Micros, *, fresh: bool = False) -> list[Delivery]:
        self._break()
        if fresh:
            self.expire(sink, now)
        busy: set[str] = set()
        claimed: list[Row] = []
        for row in self.rows:
            if row.sink == sink and row.state in ("pending", "in flight"):
                event = row.delivery.signal.event
                if event not in busy and row.state == "pending" and row.due_at <= now:
                    claimed.append(row)
                busy.add(event)
        for row in claimed[:limit]:
            row.state = "in flight"
        return [row.delivery for row in claimed[:limit]]

    def delivered(self, ids: Sequence[str], now: Micros, receipt: str | None = None) -> None:
        self._break()
        for row in self._of(ids):
            row.state, row.receipt = "delivered", receipt

    def failed(self, id: str, now: Micros, error: str, retry_at: Micros | None) -> None:
        self._break()
        for row in self._of([id]):
            row.error = error
            row.state = "dead" if retry_at is None else "pending"
            row.due_at = retry_at or 0
            row.delivery = msgspec.structs.replace(row.delivery, attempt=row.delivery.attempt + 1)

    def expire(self, sink: str, now: Micros) -> None:
        for row in self.rows:
            end = row.delivery.signal.expires_at
            if row.sink == sink and row.state == "pending" and end is not None and end <= now:
                row.state = "expired"

    def disable(self, sink: str, found: Disabled, notice: Notice | None = None) -> None:
        self._break()
        self.notices += [notice] if notice is not None and sink not in self.off else []
        self.off[sink] = found

    def trip(self, kind: str, name: str, outage: Outage) -> None:
        self._break()
        self.outages[name] = outage

    def mend(self, kind: str, name: str) -> None:
        self.outages.pop(name, None)

    def outage(self, kind: str, name: str) -> Outage | None:
        return self.outages.get(name)

    def enable(self, sink: str, notice: Notice | None = None) -> bool:
        self.notices += [notice] if notice is not None and sink in self.off else []
        self.outages.pop(sink, None)
        return self.off.pop(sink, None) is not None

    def disabled(self) -> dict[str, Disabled]:
        return dict(self.off)

    def release(self) -> None:
        for row in self.rows:
            row.state = "pending" if row.state == "in flight" else row.state

    def _of(self, ids: Sequence[str]) -> list[Row]:
        return [row for row in self.rows if row.delivery.id in ids]

    def _break(self) -> None:
        if self.broken:
            raise self.broken.pop(0)


@dataclass
class MemoryContext:
    """What core lends to a sink."""

    name: str = "sink"
    clock: Clock = field(default_factory=StillClock)
    log: Log = field(default_factory=MemoryLog)

    def source(self, use: str, options: Any) -> Source:
        raise NotImplementedError

    def is_over(self, event: str) -> bool:
        return False


class Scripted(Sink):
    """Does what `answer` does for each batch, returns its receipt, and remembers what it took."""

    name = "scripted"
    batch = 3

    def __init__(self, answer: Callable[[Sequence[Delivery]], Any] = lambda batch: None) -> None:
        context: Context = MemoryContext()
        super().__init__(PluginConfig(), context)
        self.answer = answer
        self.calls: list[list[str]] = []
        self.taken: list[str] = []
        self.opened = self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    async def deliver(self, deliveries: Sequence[Delivery]) -> str | None:
        ids = [delivery.signal.id for delivery in deliveries]
        self.calls.append(ids)
        outcome = self.answer(deliveries)
        if isawaitable(outcome):
            await outcome
            outcome = None
        self.taken += ids
        receipt: str | None = outcome
        return receipt


class Expiring(Scripted):
    """The same, for signals that grow stale."""

    expires = True


class Bench:
    """A worker with all its surroundings, moved step by step in virtual time."""

    def __init__(self, sink: Scripted, *signals: Signal, **changed: Any) -> None:
        self.sink = sink
        self.clock = StillClock()
        self.log = MemoryLog()
        self.states = States(self.clock.now)
        self.queue = MemoryQueue()
        self.queue.add("chat", *signals)
        options: dict[str, Any] = {"chance": lambda: 1.0, "clock": self.clock, "log": self.log} | changed
        target = Target("chat", sink, "scripted", "2.0")
        self.worker = Worker(target, self.queue, self.states, **options)

    async def run(self, seconds: float) -> None:
        """Step until `seconds` of virtual time have passed."""
        end = self.clock.time + round(seconds * SECOND)
        while self.clock.time < end:
            rest = await self.worker.step()
            self.clock.advance(rest.seconds)

    @property
    def state(self) -> tuple[str, str, int]:
        found = self.states.get("sink", "chat")
        return found.state.value, found.reason, found.attempts
