"""Components whose code runs in a child: for core they are what they stand for, of the same class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import msgspec
from anyio import to_thread
from pydantic import BaseModel

from stratumd.engine import Elsewhere
from stratumd.engine.quarantine import UNANSWERED
from stratumd.errors import ConfigError, DeliveryError, StartupError
from stratumd.odds import Pricing
from stratumd.plugin import (
    Component,
    Context,
    Delivery,
    Detector,
    Finding,
    Limits,
    Micros,
    Normalizer,
    Notice,
    Observation,
    Secret,
    Signal,
    Sink,
    Snapshot,
    Tick,
    format_duration,
)
from stratumd.runtime.isolation.frames import (
    Answer,
    Beat,
    Deliver,
    Do,
    Done,
    Normalize,
    Request,
    Start,
    Tell,
    Understood,
    Wants,
    WireFinding,
    Yielded,
)
from stratumd.runtime.isolation.process import Child, Refused
from stratumd.runtime.isolation.ticks import own_records, packed, unpacked_record

DELIVERING = 60.0
"""Seconds that a child may take for a call of a sink; core's own deadline, which is shorter, ends it before."""


def isolated_detector(kind: type[Detector], options: Any, pricing: Pricing) -> Detector:
    """Return a detector that runs in a child. `Elsewhere` where it cannot be built there."""
    child = Child(_start("detector", kind, options, kind.name, pricing), kind.name)
    lookback = child.started().lookback
    found = _standing_in(kind, _Detecting, options)
    found._child, found._lookback, found._limits, found._records = child, lookback, {}, own_records(kind)
    detector: Detector = found
    return detector


def isolated_normalizer(kind: type[Normalizer], options: Any) -> Normalizer:
    """Return a normalizer that runs in a child."""
    found = _standing_in(kind, _Normalizing, options)
    found._child = Child(_start("normalizer", kind, options, kind.name, Pricing()), kind.name)
    normalizer: Normalizer = found
    return normalizer


def isolated_sink(kind: type[Sink], options: Any, context: Context) -> Sink:
    """Return a sink that runs in a child; one that judges signals by itself judges them in another."""
    start = _start("sink", kind, options, context.name, Pricing())
    child = Child(start, context.name, deadline=DELIVERING)
    said = child.started()
    found = _standing_in(kind, _Delivering, options)
    found.context, found._child = context, child
    found._judge = Child(start, context.name) if kind.wants is not Sink.wants else None
    found.batch, found.expires, found.retries = said.batch, said.expires, _retries(said.retries)
    found.shadow, found.per_second, found.concurrency = frozenset(said.shadow), said.per_second, 1
    sink: Sink = found
    return sink


def _retries(waits: list[timedelta] | None) -> tuple[timedelta, ...] | None:
    return None if waits is None else tuple(waits)


class _Detecting:
    """What a detector in a child does differently."""

    _child: Child
    _lookback: Micros
    _limits: dict[str, Limits]
    _records: Any
    state: Any

    @property
    def lookback(self) -> Micros:
        return self._lookback

    def detect(self, tick: Tick) -> Iterator[Any]:
        answer = _called(self._child, packed(tick), Yielded)
        for each in answer.findings:
            self._limits[each.type] = Limits(*each.limits)
            yield _finding(each)
        for wire in answer.records:
            yield unpacked_record(wire, self._records[wire.module, wire.qualname])
        if answer.state is not None and self.state is not None:
            yield msgspec.msgpack.decode(answer.state, type=self.state)

    def limits(self, type: str) -> Limits:
        return self._limits[type]


class _Normalizing:
    """What a normalizer in a child does differently."""

    _child: Child

    def normalize(self, observation: Observation) -> Snapshot:
        answer = _called(self._child, Normalize(observation), Understood)
        return msgspec.msgpack.decode(answer.snapshot, type=Snapshot)


class _Delivering:
    """What a sink in a child does differently. A call that is cancelled ends the process."""

    _child: Child
    _judge: Child | None

    async def open(self) -> None:
        await self._ask(Do("open"))

    async def close(self) -> None:
        try:
            if self._child.pid is not None:
                await self._ask(Do("close"))
        finally:
            for child in filter(None, (self._child, self._judge)):
                child.kill()

    async def probe(self) -> str:
        return (await self._ask(Do("probe"))).said or ""

    async def beat(self, at: Micros) -> None:
        await self._ask(Beat(at))

    async def deliver(self, deliveries: Sequence[Delivery]) -> str | None:
        return (await self._ask(Deliver([*deliveries]))).said

    async def notify(self, notice: Notice) -> None:
        await self._ask(Tell(notice))

    def wants(self, signal: Signal) -> bool:
        return self._judge is None or _called(self._judge, Wants(signal), Done).verdict

    async def _ask(self, request: Request) -> Done:
        try:
            return await to_thread.run_sync(partial(_called, self._child, request, Done), abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            self._child.kill()
            raise
        except Elsewhere as error:
            raise _contracted(error) from None


def _contracted(error: Elsewhere) -> Exception:
    """Return the contract's own error that a child raised, where it is one."""
    if isinstance(error, Refused):
        said = error.failed
        flags = {"permanent": said.permanent, "disable": said.disable}
        return DeliveryError(error.text, retry_after=said.retry_after, **flags)
    if error.kind == "startup":
        return StartupError(error.text)
    return ConfigError(error.text) if error.kind == "config" else error


def _called(child: Child, request: Request, kind: type[Any]) -> Any:
    answer: Answer = child.call(request)
    if not isinstance(answer, kind):
        child.close()
        raise Elsewhere(f"{UNANSWERED}its process answered something else", "")
    return answer


def _finding(wire: WireFinding) -> Finding:
    fields = msgspec.structs.asdict(wire)
    del fields["limits"]
    return Finding(**fields)


def _standing_in(kind: type[Any], differently: type[Any], options: Any) -> Any:
    """Return an object of a class derived from `kind`, whose own code does not run here."""
    # `beat` stays core's own where the class does not have it: who does not want to hear is not told.
    own = {name: member for name, member in vars(differently).items() if not name.startswith("__")}
    if issubclass(kind, Sink) and kind.beat is Sink.beat:
        del own["beat"]
    place = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    found: Any = object.__new__(type(kind.__name__, (kind,), own | place))
    found.options = options
    return found


def _start(kind: str, component: type[Component], options: Any, name: str, pricing: Pricing) -> Start:
    module, qualname = component.__module__, component.__qualname__
    return Start(kind, module, qualname, revealed(options), name, pricing.two_way, pricing.three_way, 0)


def revealed(value: Any) -> Any:
    """Return options as a file would hold them, with what is secret in them."""
    plainly: Callable[[Any], Any] = revealed
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, BaseModel):
        return {name: plainly(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, dict):
        return {str(key): plainly(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plainly(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
