"""One pipeline: stored observations in order, stepped off the event loop and committed with all that follows (T2).

The engine's memory and the store stay equal: where a commit fails, the engine is thrown away and rebuilt from what is
stored, and the observations are stepped through again. One that fails by itself is named, left out, and does not come
again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.lowlevel
import msgspec

from stratumd import failpoints
from stratumd.config import PipelineSpec
from stratumd.engine import Failure, Pipeline, Step
from stratumd.engine.quarantine import LEFT_OUT
from stratumd.observe.logs import logger
from stratumd.plugin import SECOND, ConsensusPoint, Delivery, Micros, Observation, Signal, delivery_id
from stratumd.redaction import described
from stratumd.registry import Registered, Registry
from stratumd.runtime.build import Outlet, build_pipeline
from stratumd.runtime.builds import build_of
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.ended import REMEMBERED
from stratumd.runtime.garbage import resting
from stratumd.runtime.journal import Fault
from stratumd.runtime.leases import PipelinePost
from stratumd.runtime.poison import Poisoned, empty, is_passing
from stratumd.runtime.posts import Turns
from stratumd.runtime.quarantines import LeftOut
from stratumd.runtime.rebuilding import rebuild
from stratumd.runtime.states import State
from stratumd.store import Commit, Kpi, LeaseLost, NewDelivery

KIND = "pipeline"
GROUP = 32
"""Observations that are committed together while the pipeline is behind, at most."""
LONGEST: Micros = SECOND
"""After this time no more of them are begun: a stop, which waits for the commit, need not wait for slow detectors."""
LOOK_AGAIN = 5.0
"""Seconds after which an idle pipeline looks for observations that nobody told it of."""
LOOK_SHARED = 0.5
"""The same where other daemons poll too: they do not tell."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """The sinks of a pipeline."""

    sinks: Sequence[Outlet] = ()
    wake: Callable[[], None] = lambda: None
    """Says that deliveries were committed."""
    preview: Callable[[Sequence[tuple[Outlet, Delivery]]], Awaitable[None]] | None = None
    """In a dry run: shows the deliveries, which then are not stored."""
    beat: Callable[[Micros], None] = lambda at: None
    """Says that quotes received at that time were processed and committed."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """Some observations that were processed and committed together."""

    steps: Sequence[Step]
    deliveries: Sequence[tuple[Outlet, Delivery]]
    elapsed: Micros


class PipelineWorker:
    """Works one pipeline. `run` raises what a restart helps against: then everything is rebuilt from the store."""

    kind = KIND

    def __init__(
        self, spec: PipelineSpec, registry: Registry, core: Core, outlets: Outlets, *, once: bool = False
    ) -> None:
        """With `once` it ends as soon as everything that is stored is processed."""
        self.name = spec.name
        self._spec = spec
        self._registry = registry
        self._core = core
        self._outlets = outlets
        self._once = once
        self._entry = core.journal.pipeline(spec.name)
        self._log = logger("stratumd.pipeline", pipeline=spec.name)
        self.turns = Turns()
        self._news = anyio.Event()
        self._post = PipelinePost(spec.name, core, once)
        self._left_out = LeftOut(spec.name, core)
        self._build: str | None = None
        """What the engine at hand is built from."""
        self._singly = 0
        """Observations that are still to be processed one by one, since one of them spoilt its group."""

    @property
    def sources(self) -> Sequence[str]:
        """The names of the sources whose observations it processes."""
        return self._spec.sources

    def wake(self) -> None:
        """Say that an observation was stored."""
        self._news.set()

    def connect(self, outlets: Outlets) -> None:
        """Deliver to these sinks from the next cycle on; the one at hand goes to those that it began with."""
        self._outlets = outlets

    async def run(self) -> None:
        """Work the pipeline whenever it is this daemon's, until cancelled; with `once`, until nothing is left to do."""
        while await self._post.taken():
            try:
                await self._work()
            except LeaseLost as lost:
                self._post.lost(lost)
            else:
                return
            finally:
                await self._post.leave()

    async def _work(self) -> None:
        """Process what is stored, and what comes until cancelled; or return with `once`."""
        pipeline = await transaction(self._rebuilt)
        stands = False
        while True:
            self._news = anyio.Event()
            with self.turns.turn():
                try:
                    more = await self._cycle(pipeline)
                except Poisoned as poisoned:
                    pipeline, more = await self._past(pipeline, poisoned), True
            if not (stands or self._singly):
                stands = True  # not before it got ahead: what fails at each start is tried less and less often
                self._core.states.put(KIND, self.name, State.OK)
            if more:
                await anyio.lowlevel.checkpoint()  # where it is to end, it ends between two cycles
                continue
            if self._once:
                return
            with anyio.move_on_after(LOOK_SHARED if self._core.store.sharing.shared else LOOK_AGAIN):
                await self._news.wait()

    async def _past(self, pipeline: Pipeline, poisoned: Poisoned) -> Pipeline:
        """Go on one by one, and past the observation that fails even so; return the engine rebuilt."""
        if len(poisoned.observations) > 1:
            self._singly = len(poisoned.observations)
            return await transaction(self._rebuilt)
        (observation,), error = poisoned.observations, poisoned.error
        self._log.error("an observation that cannot be processed is left out", id=observation.id, exc_info=error)
        step = empty(pipeline, observation, error)
        await transaction(partial(self._core.store.commit, [Commit(step, (), self._build)]))
        self._singly = max(0, self._singly - 1)
        self._report(Cycle([step], [], 0))
        return await transaction(self._rebuilt)

    def _rebuilt(self) -> Pipeline:
        store = self._core.store
        pipeline = build_pipeline(self._spec, self._registry)
        with self._core.watchdog.stepping(self.name):
            failures = rebuild(pipeline, store, self._spec.sources)
        self._report_failures(failures, self._core.timer.now())
        self._look_for_ends()
        self._build = build_of(pipeline).text()
        return pipeline

    async def _cycle(self, pipeline: Pipeline) -> bool:
        """Process the next observations; False where there were none."""
        cycle = await transaction(partial(self._advance, pipeline, self._outlets.sinks))
        self._left_out.overdue(pipeline)
        self._left_out.show(pipeline)
        if cycle is None:
            return False
        self._core.bulletin.tell()
        self._report(cycle)
        if cycle.deliveries and self._outlets.preview is not None:
            await self._outlets.preview(cycle.deliveries)
        elif cycle.deliveries:
            self._outlets.wake()
        flowing = [step.observation.received_at for step in cycle.steps if step.quotes]
        if flowing:
            self._outlets.beat(flowing[-1])
        return True

    # ---- in a thread

    def _advance(self, pipeline: Pipeline, sinks: Sequence[Outlet]) -> Cycle | None:
        store, timer = self._core.store, self._core.timer
        started = timer.monotonic()
        observations = store.pending(self.name, self._spec.sources, 1 if self._singly else GROUP)
        if not observations:
            return None
        with resting():
            return self._taken(pipeline, sinks, observations, started)

    def _taken(
        self, pipeline: Pipeline, sinks: Sequence[Outlet], observations: Sequence[Observation], started: Micros
    ) -> Cycle:
        """Step through the observations and commit what follows."""
        store, timer = self._core.store, self._core.timer
        try:
            with self._core.watchdog.stepping(self.name):
                steps = self._stepped(pipeline, observations, started)
                deliveries = [self._deliveries(step, sinks) for step in steps]
            failpoints.reached("pipeline: stepped")
            pairs = zip(steps, deliveries, strict=True)
            commits = [Commit(step, self._rows(each), self._build) for step, each in pairs]
            commits[-1] = msgspec.structs.replace(commits[-1], kpi=_kpi(steps, timer.now()))
            store.commit(commits)
        except BaseException as error:  # a plugin may raise anything
            if is_passing(error):
                raise
            raise Poisoned(observations, error) from error
        self._singly = max(0, self._singly - len(steps))
        if any(step.results for step in steps):
            self._look_for_ends()
        flat = [each for some in deliveries for each in some]
        return Cycle(steps, flat, timer.monotonic() - started)

    def _stepped(self, pipeline: Pipeline, observations: Sequence[Observation], started: Micros) -> list[Step]:
        """Step through as many as fit into the time; the others are still pending."""
        steps = []
        for observation in observations:
            steps.append(pipeline.step(observation))
            if self._core.timer.monotonic() - started > LONGEST:
                break
        return steps

    def _look_for_ends(self) -> None:
        core, now = self._core, self._core.timer.now()
        core.ended.replace(core.store.over(now - REMEMBERED), now)

    def _deliveries(self, step: Step, sinks: Sequence[Outlet]) -> list[tuple[Outlet, Delivery]]:
        return [
            (outlet, Delivery(delivery_id(signal.id, outlet.target.name), signal))
            for signal in step.signals
            for outlet in sinks
            if self._wants(outlet, signal)
        ]

    def _rows(self, deliveries: Sequence[tuple[Outlet, Delivery]]) -> tuple[NewDelivery, ...]:
        if self._outlets.preview is not None:
            return ()
        return tuple(NewDelivery(each.id, each.signal, outlet.target.name) for outlet, each in deliveries)

    def _wants(self, outlet: Outlet, signal: Signal) -> bool:
        """A sink that fails to say whether it wants a signal gets it: nothing is lost."""
        try:
            return outlet.wants(signal)
        except BaseException as error:  # noqa: BLE001  # a plugin may raise anything
            target = outlet.target
            blamed = outlet.owner.blame(error)
            text = described(error)
            self._blame(Fault(target.name, target.plugin, target.version, text, blamed.where, signal.observed_at))
            return True

    # ---- what is said of it

    def _report(self, cycle: Cycle) -> None:
        """Count a cycle and say in one line what it brought."""
        steps, entry, metrics = cycle.steps, self._entry, self._core.metrics
        signals = [signal for step in steps for signal in step.signals]
        points = sum(isinstance(record, ConsensusPoint) for step in steps for _, record in step.records)
        quotes, changes = sum(step.quotes for step in steps), sum(len(step.changes) for step in steps)
        by_type = Counter(signal.type for signal in signals)
        last = steps[-1]

        entry.last_observation = last.observation.received_at
        entry.observations += len(steps)
        entry.events = len(last.coverage)
        entry.quotes += quotes
        entry.changes += changes
        entry.consensus_points += points
        entry.signals += by_type
        self._core.journal.signals.extend(signals)

        metrics.cycle.labels(self.name).observe(cycle.elapsed / SECOND)
        metrics.quotes.labels(self.name).inc(quotes)
        metrics.changes.labels(self.name).inc(changes)
        metrics.consensus.labels(self.name).inc(points)
        for type, count in by_type.items():
            metrics.signals.labels(self.name, type).inc(count)

        sources = sorted({step.observation.source for step in steps})
        self._log.info(
            "cycle",
            source=",".join(sources),
            observations=len(steps),
            events=sum(len(step.coverage) for step in steps),
            quotes=quotes,
            changes=changes,
            consensus=points,
            signals=dict(sorted(by_type.items())),
            credits=self._credits(sources),
            ms=round(cycle.elapsed / 1_000, 1),
        )
        self._report_quality(steps)
        self._report_failures([failure for step in steps for failure in step.failures], last.observation.received_at)

    def _credits(self, sources: Iterable[str]) -> int | None:
        entries = [self._core.journal.source(name) for name in sources]
        known = [entry.credits_remaining for entry in entries if entry.credits_remaining is not None]
        return min(known, default=None)

    def _report_quality(self, steps: Sequence[Step]) -> None:
        issues = [issue for step in steps for issue in step.issues]
        self._entry.issues += len(issues)
        for rule, count in Counter(issue.rule for issue in issues).items():
            self._core.metrics.issues.labels(self.name, rule).inc(count)
            detail = next(issue.detail for issue in issues if issue.rule == rule)
            self._log.debug("quality", rule=rule, count=count, first=detail)

    def _report_failures(self, failures: Sequence[Failure], at: Micros) -> None:
        failed: dict[str, list[Failure]] = {}
        for failure in failures:
            if not failure.error.startswith(LEFT_OUT):
                failed.setdefault(failure.component, []).append(failure)
        for component, some in failed.items():
            plugin, version = self._plugin(component)
            newest = some[-1]
            self._blame(Fault(component, plugin, version, newest.error, newest.where, at, len(some)))

    def _plugin(self, component: str) -> tuple[str, str]:
        """Return the plugin of a detector or normalizer, and its version."""
        kinds: tuple[Mapping[str, Registered], ...] = (self._registry.detectors, self._registry.normalizers)
        registered = next((kind[component] for kind in kinds if component in kind), None)
        return (registered.plugin, registered.version) if registered else (component, "")

    def _blame(self, fault: Fault) -> None:
        self._core.journal.blame(fault)
        self._core.metrics.plugin_failures.labels(fault.plugin, fault.component).inc(fault.count)
        self._log.error(
            "plugin failed",
            plugin=fault.plugin,
            version=fault.version,
            component=fault.component,
            where=fault.where,
            error=fault.error,
            times=fault.count,
        )


def _kpi(steps: Sequence[Step], now: Micros) -> Kpi:
    """Return the figures of a cycle that is ready to be committed."""
    return Kpi(
        observations=len(steps),
        finished_at=now,
        latency=max(0, now - steps[-1].observation.received_at),
        snapshots=sum(len(step.changes) for step in steps),
        points=sum(isinstance(record, ConsensusPoint) for step in steps for _, record in step.records),
        signals=Counter(signal.type for step in steps for signal in step.signals),
    )
