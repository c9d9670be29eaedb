"""The two halves of a reload: building what a plan needs beside what runs, and putting it in its place."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from stratumd.config import Config
from stratumd.errors import StratumError
from stratumd.runtime.build import Outlet, build_pipeline
from stratumd.runtime.collector import Collector
from stratumd.runtime.core import Core
from stratumd.runtime.jobs import JobWorker
from stratumd.runtime.parts import Builder, Parts, leave_out
from stratumd.runtime.plan import Item, Plan, sinks_of
from stratumd.runtime.posts import Posts
from stratumd.runtime.states import State
from stratumd.runtime.supervisor import Held, keep
from stratumd.runtime.worker import PipelineWorker

T = TypeVar("T")


@dataclass(slots=True)
class Made:
    """What a plan needs: built, and not running yet."""

    collectors: dict[str, Collector] = field(default_factory=dict)
    workers: dict[str, PipelineWorker] = field(default_factory=dict)
    jobs: dict[str, JobWorker] = field(default_factory=dict)
    outlets: dict[str, Outlet] = field(default_factory=dict)
    """All sinks of the new configuration; those that stay are the old ones."""
    left_out: dict[Item, StratumError] = field(default_factory=dict)
    """Parts that were off and cannot be built this time either."""


class Exchange:
    """Exchanges parts of a running daemon."""

    def __init__(self, core: Core, parts: Parts, posts: Posts) -> None:
        """`posts` hold the sources and the pipelines; the courier of `parts` holds the sinks."""
        self._core = core
        self._parts = parts
        self._posts = posts

    # ---- beside what runs

    def make(self, plan: Plan, old: Config, new: Config, off: Collection[Item]) -> Made:
        """Build what `plan` needs. `StratumError` where a plugin's code prevents a part that is not `off` already."""
        builder, made = Builder(new, self._core, self._parts), Made()
        wanted = {*plan.start, *plan.restart}

        def attempt(item: Item, into: dict[str, T], build: Callable[[], T]) -> None:
            try:
                into[item.name] = build()
            except StratumError as error:
                if item not in off:
                    raise
                made.left_out[item] = error

        for name, sink in sinks_of(new).items():
            if (item := Item("sink", name)) in wanted:
                attempt(item, made.outlets, partial(builder.outlet, sink))
            else:
                made.outlets[name] = replace(self._parts.outlets[name], when=sink.when)
        for item in wanted:
            if item.kind == "source":
                attempt(item, made.collectors, partial(self._collector, item.name, old, builder))
            elif item.kind == "job" and self._parts.preview is None:
                attempt(item, made.jobs, partial(builder.job, item.name))
            elif item.kind == "pipeline":
                spec = new.pipelines[item.name]
                build_pipeline(spec, new.registry)  # to know that it can be; the worker builds its own from the store
                made.workers[item.name] = builder.worker(spec, made.outlets)
        return made

    def _collector(self, name: str, old: Config, builder: Builder) -> Collector:
        """Build a source. Where its schedule stays as it was, so do its due instants."""
        running, before = self._parts.collectors.get(name), old.sources.get(name)
        same = before is not None and before.schedule == builder.config.sources[name].schedule
        return builder.collector(name, running.ticks if running is not None and same else None)

    # ---- on the event loop, between two of its turns: nobody sees half of it

    def swap(self, plan: Plan, made: Made, config: Config) -> None:
        """Put everything in its place. What is replaced ends after its turn, and before the new one begins."""
        parts, builder = self._parts, Builder(config, self._core, self._parts)
        for item in plan.stop:
            self._stop(item, partial(self._forget, item))
        for item, error in made.left_out.items():
            self._stop(item, partial(leave_out, item.kind, item.name, self._core, error))
        parts.outlets = made.outlets
        parts.collectors |= made.collectors
        parts.workers |= made.workers
        parts.jobs |= made.jobs
        for name, worker in parts.workers.items():
            worker.connect(builder.connected(config.pipelines[name], made.outlets))
        for item in (*plan.start, *plan.restart):
            if item.kind == "sink" and item.name in made.outlets and parts.preview is None:
                parts.courier.admit(builder.sender(made.outlets[item.name]))
        started: list[Held] = [*made.workers.values(), *made.collectors.values(), *made.jobs.values()]
        for part in started:
            hold(part, self._posts, self._core)

    def _stop(self, item: Item, gone: Callable[[], None]) -> None:
        if item.kind == "sink":
            self._parts.courier.dismiss(item.name, gone)
            return
        self._parts.remove(item.kind, item.name)
        self._posts.remove(str(item), gone)

    def _forget(self, item: Item) -> None:
        """Show a part that has ended no more."""
        metrics = self._core.metrics
        self._core.states.drop(*item)
        self._core.journal.drop(*item)
        for state in State:
            metrics.component.remove(*item, state.value)
        if item.kind == "source":
            metrics.credits.remove(item.name)
        if item.kind == "pipeline":
            metrics.quote_age.remove(item.name)


def hold(part: Held, posts: Posts, core: Core) -> None:
    """Keep a source, a pipeline or a job running at its post."""
    posts.put(f"{part.kind} {part.name}", partial(keep, part, core), part.turns)
