"""From a configuration to the parts that run: collectors, pipeline workers, and the sinks' workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stratumd.config import Config, PipelineSpec, SinkSpec, SourceSpec
from stratumd.errors import StratumError
from stratumd.observe.logs import logger
from stratumd.plugin import Cycle, Delivery
from stratumd.runtime.build import Feed, Outlet, build_sink, build_source
from stratumd.runtime.collector import Collector, Turning
from stratumd.runtime.core import Core
from stratumd.runtime.courier import Courier
from stratumd.runtime.delivery import Worker
from stratumd.runtime.instants import StoredInstants
from stratumd.runtime.jobs import JobWorker
from stratumd.runtime.pacing import Pacer
from stratumd.runtime.plan import jobs_of
from stratumd.runtime.printing import PrintingSink
from stratumd.runtime.states import State
from stratumd.runtime.supervisor import Held
from stratumd.runtime.telling import Teller
from stratumd.runtime.ticks import Ticks, ticks
from stratumd.runtime.watched import Watched, reserved, schedule_of
from stratumd.runtime.worker import Outlets, PipelineWorker

Preview = Callable[[Sequence[tuple[Outlet, Delivery]]], Awaitable[None]]

_log = logger("stratumd.parts")


@dataclass(slots=True)
class Parts:
    """All that runs, by name; a reload exchanges some of it."""

    courier: Courier
    once: bool = False
    """Each source is polled once, and the pipelines end when they have caught up."""
    preview: Preview | None = None
    """In a dry run: shows the deliveries. None is stored or sent."""
    collectors: dict[str, Collector] = field(default_factory=dict)
    workers: dict[str, PipelineWorker] = field(default_factory=dict)
    jobs: dict[str, JobWorker] = field(default_factory=dict)
    outlets: dict[str, Outlet] = field(default_factory=dict)
    """The sinks that could be built."""

    def running(self) -> list[Held]:
        """Return what the supervisor keeps running."""
        return [*self.collectors.values(), *self.workers.values(), *self.jobs.values()]

    def remove(self, kind: str, name: str) -> None:
        """Take a source, a pipeline or a job out, where it is there."""
        held: dict[str, dict[str, Any]] = {"source": self.collectors, "pipeline": self.workers, "job": self.jobs}
        held[kind].pop(name, None)

    def stored(self, source: str) -> None:
        """Wake the pipelines that `source` feeds: it brought an observation."""
        for worker in self.workers.values():
            if source in worker.sources:
                worker.wake()


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds what a configuration names. Every method raises `StratumError` where a plugin's own code prevents it."""

    config: Config
    core: Core
    parts: Parts

    def collector(self, name: str, due: Ticks | None = None) -> Collector:
        """Build a source that is polled when it is `due`, by default by a schedule that begins now."""
        spec = self.config.sources[name]
        feed = build_source(spec, self.config.registry, self.core.timer, self.core.ended)
        if due is None and spec.schedule is not None and not self.parts.once:
            due = ticks(spec.schedule, name, self.core.timer, StoredInstants("source", name, self.core))
        timer, apart = self.core.timer, reserved(feed.cycles, spec.budget)
        names = [cycle.name for cycle in feed.cycles]
        pacer = Pacer(spec.schedule, spec.budget, feed.source, feed.till, timer, cycles=names, reserved=apart)
        cycles = [self._turning(spec, feed, cycle) for cycle in feed.cycles]
        return Collector(feed, due, self.core, partial(self.parts.stored, name), pacer=pacer, cycles=cycles)

    def _turning(self, spec: SourceSpec, feed: Feed, cycle: Cycle) -> Turning:
        """Build a cycle of a source, with instants of its own."""
        schedule, name, timer = schedule_of(cycle), f"{spec.name} {cycle.name}", self.core.timer
        instants = StoredInstants("source", spec.name, self.core, part=cycle.name)
        due = None if self.parts.once else ticks(schedule, name, timer, instants)
        watched = Watched(feed.source, cycle)
        return Turning(due, Pacer(schedule, spec.budget, watched, feed.till, timer, cycle=cycle.name))

    def job(self, name: str) -> JobWorker:
        """Build a job that runs by its schedule, which begins now."""
        pipeline, spec = jobs_of(self.config)[name]
        return JobWorker(spec, pipeline, self.config.registry, self.core, self.parts.once)

    def outlet(self, spec: SinkSpec) -> Outlet:
        """Build a sink."""
        return build_sink(spec, self.config.registry, self.core.timer)

    def sender(self, outlet: Outlet) -> Worker:
        """Build the worker that delivers to a sink."""
        core = self.core
        log = _log.bind(sink=outlet.target.name)
        teller, least = None, outlet.notices
        if least is not None or outlet.digest is not None:
            teller = Teller(outlet.target, core.store.notices, clock=core.timer, log=log, least=least)
        return Worker(outlet.target, core.store, core.states, clock=core.timer, log=log, teller=teller)

    def worker(self, spec: PipelineSpec, outlets: Mapping[str, Outlet]) -> PipelineWorker:
        """Build a pipeline that delivers to those of `outlets` that are its own."""
        connected = self.connected(spec, outlets)
        return PipelineWorker(spec, self.config.registry, self.core, connected, once=self.parts.once)

    def connected(self, spec: PipelineSpec, outlets: Mapping[str, Outlet]) -> Outlets:
        """Return those of `outlets` that are the pipeline's own, ready to be delivered to."""
        own = {sink.name: outlets[sink.name] for sink in spec.sinks if sink.name in outlets}
        courier = self.parts.courier
        singly = [each for each in own.values() if each.singly]
        return Outlets(singly, courier.wake, self.parts.preview, partial(courier.beat, frozenset(own)))


def assemble(config: Config, core: Core, *, once: bool, write: Callable[[str], None] | None) -> Parts:
    """Build everything. What a plugin's own code prevents is left out and shown as a permanent error.

    `once` polls each source once and ends the pipelines when they have caught up. With `write`, a dry run, the
    deliveries are written there; none is stored or sent.
    """
    parts = Parts(Courier([], core.store), once, _previewing(write) if write else None)
    builder = Builder(config, core, parts)
    for spec in config.pipelines.values():
        if spec.runs:
            _add_sinks(spec, builder)
            parts.workers[spec.name] = builder.worker(spec, parts.outlets)
    for name in config.enabled_sources():
        try:
            parts.collectors[name] = builder.collector(name)
        except StratumError as error:
            leave_out("source", name, core, error)
    for name in jobs_of(config) if write is None else ():
        try:
            parts.jobs[name] = builder.job(name)
        except StratumError as error:
            leave_out("job", name, core, error)
    return parts


def _add_sinks(spec: PipelineSpec, builder: Builder) -> None:
    for sink in spec.sinks:
        if sink.enabled:
            try:
                outlet = builder.parts.outlets[sink.name] = builder.outlet(sink)
            except StratumError as error:
                leave_out("sink", sink.name, builder.core, error)
            else:
                if builder.parts.preview is None:
                    builder.parts.courier.admit(builder.sender(outlet))


def leave_out(kind: str, name: str, core: Core, error: StratumError) -> None:
    """Say of a part that its plugin's own code prevents it."""
    core.states.put(kind, name, State.PERMANENT_ERROR, str(error), 1)
    _log.error(f"{kind} cannot be built; it stays off", name=name, error=str(error))


def _previewing(write: Callable[[str], None]) -> Preview:
    async def preview(deliveries: Sequence[tuple[Outlet, Delivery]]) -> None:
        for outlet, delivery in deliveries:
            await PrintingSink(outlet.target.sink, outlet.target.name, write).deliver([delivery])

    return preview
