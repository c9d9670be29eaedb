"""From a configuration to the parts that run: collectors, pipeline workers, and the sinks' workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from stratumd.config import Config, PipelineSpec, SourceSpec
from stratumd.errors import StratumError
from stratumd.observe.logs import logger
from stratumd.plugin import Delivery
from stratumd.runtime.build import Outlet, build_sink, build_source
from stratumd.runtime.collector import Collector
from stratumd.runtime.core import Core
from stratumd.runtime.delivery import Courier, Worker
from stratumd.runtime.printing import PrintingSink
from stratumd.runtime.states import State
from stratumd.runtime.supervisor import Part
from stratumd.runtime.ticks import ticks
from stratumd.runtime.worker import Outlets, PipelineWorker

Preview = Callable[[Sequence[tuple[Outlet, Delivery]]], Awaitable[None]]

_log = logger("stratumd.parts")


@dataclass(frozen=True, slots=True)
class Parts:
    """All that runs."""

    collectors: Sequence[Collector]
    workers: Sequence[PipelineWorker]
    courier: Courier
    sinks: Sequence[str]
    """The names of the sinks that the courier serves; none in a dry run."""

    def running(self) -> list[Part]:
        """Return what the supervisor keeps running."""
        return [*self.collectors, *self.workers]


def assemble(config: Config, core: Core, *, once: bool, write: Callable[[str], None] | None) -> Parts:
    """Build everything. What a plugin's own code prevents is left out and shown as a permanent error.

    `once` polls each source once and ends the pipelines when they have caught up. With `write`, a dry run, the
    deliveries are written there; none is stored or sent.
    """
    specs = [spec for spec in config.pipelines.values() if spec.runs]
    outlets = {spec.name: _outlets(spec, config, core) for spec in specs}
    senders = [] if write else [_sender(each, core) for group in outlets.values() for each in group]
    courier = Courier(senders, core.store)
    preview = _previewing(write) if write else None
    workers = {
        spec.name: PipelineWorker(
            spec, config.registry, core, _connected(outlets[spec.name], courier, preview), once=once
        )
        for spec in specs
    }
    collectors = [
        collector
        for spec in config.enabled_sources().values()
        if (collector := _collector(spec, config, core, _waking(spec.name, workers, specs), once)) is not None
    ]
    return Parts(collectors, [*workers.values()], courier, [sender.target.name for sender in senders])


def _outlets(spec: PipelineSpec, config: Config, core: Core) -> list[Outlet]:
    built = []
    for sink in spec.sinks:
        if sink.enabled:
            try:
                built.append(build_sink(sink, config.registry, core.timer))
            except StratumError as error:
                _leave_out("sink", sink.name, core, error)
    return built


def _connected(sinks: Sequence[Outlet], courier: Courier, preview: Preview | None) -> Outlets:
    names = frozenset(outlet.target.name for outlet in sinks)
    return Outlets(sinks, courier.wake, preview, partial(courier.beat, names))


def _sender(outlet: Outlet, core: Core) -> Worker:
    log = _log.bind(sink=outlet.target.name)
    return Worker(outlet.target, core.store, core.states, clock=core.timer, log=log)


def _collector(spec: SourceSpec, config: Config, core: Core, wake: Callable[[], None], once: bool) -> Collector | None:
    try:
        feed = build_source(spec, config.registry, core.timer)
    except StratumError as error:
        _leave_out("source", spec.name, core, error)
        return None
    due = None if once or spec.schedule is None else ticks(spec.schedule, spec.name, core.timer)
    return Collector(feed, due, core, wake)


def _waking(source: str, workers: dict[str, PipelineWorker], specs: Sequence[PipelineSpec]) -> Callable[[], None]:
    fed = [workers[spec.name] for spec in specs if source in spec.sources]

    def wake() -> None:
        for worker in fed:
            worker.wake()

    return wake


def _previewing(write: Callable[[str], None]) -> Preview:
    async def preview(deliveries: Sequence[tuple[Outlet, Delivery]]) -> None:
        for outlet, delivery in deliveries:
            await PrintingSink(outlet.target.sink, outlet.target.name, write).deliver([delivery])

    return preview


def _leave_out(kind: str, name: str, core: Core, error: StratumError) -> None:
    core.states.put(kind, name, State.PERMANENT_ERROR, str(error), 1)
    _log.error(f"{kind} cannot be built; it stays off", name=name, error=str(error))
