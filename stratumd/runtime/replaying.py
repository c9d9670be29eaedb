"""Replay: recorded observations through the same pipelines as live ones, with or without a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stratumd.engine import Pipeline, Step
from stratumd.plugin import Observation, Poll
from stratumd.runtime.builds import build_of
from stratumd.runtime.poison import empty
from stratumd.runtime.rebuilding import rebuild
from stratumd.store import Commit, Store, StoreRefused

GROUP = 64
"""Observations that share one transaction: each is committed wholly or not at all, all the same."""


def replay(
    observations: Iterable[Observation], pipelines: Sequence[Pipeline], store: Store | None = None
) -> Iterator[Step]:
    """Step every observation through every pipeline, in order, and yield the outcomes.

    With a store, observations and outcomes are kept in it, in groups; a step is yielded once it is durable. What
    cannot be stored is left out as in a running daemon: its step is empty but for the failure that names it. No
    delivery is made of a replayed signal.
    """
    if store is None:
        for observation in observations:
            for pipeline in pipelines:
                yield pipeline.step(observation)
        return
    keeping = _Keeping(pipelines, store)
    for group in _grouped(observations):
        yield from keeping.take(group)


class _Keeping:
    """Steps observations and keeps what follows from them."""

    def __init__(self, pipelines: Sequence[Pipeline], store: Store) -> None:
        self._pipelines = {pipeline.name: pipeline for pipeline in pipelines}
        self._store = store
        self._builds = {pipeline.name: build_of(pipeline).text() for pipeline in pipelines}
        self._sources: set[str] = set()

    def take(self, group: Sequence[Observation]) -> list[Step]:
        """Step and keep some observations together, or one by one where the store refuses them so."""
        self._store.observe([(each.source, Poll(each.request, each.received_at, 0, each)) for each in group])
        self._sources |= {each.source for each in group}
        steps = [pipeline.step(each) for each in group for pipeline in self._pipelines.values()]
        try:
            self._keep(steps)
        except StoreRefused:
            for name in self._pipelines:
                self._rebuild(name)
            return [self._alone(name, each) for each in group for name in self._pipelines]
        return steps

    def _alone(self, name: str, observation: Observation) -> Step:
        step = self._pipelines[name].step(observation)
        try:
            self._keep([step])
        except StoreRefused as refusal:
            step = empty(self._pipelines[name], observation, refusal)
            self._keep([step])
            self._rebuild(name)
        return step

    def _keep(self, steps: Sequence[Step]) -> None:
        self._store.commit([Commit(step, (), self._builds[step.pipeline]) for step in steps])

    def _rebuild(self, name: str) -> None:
        """Forget what could not be stored: engine and store stay equal."""
        old = self._pipelines[name]
        fresh = Pipeline(
            name,
            old.detectors,
            old.normalizers,
            pricing=old.pricing,
            operators=old.operators,
            bounds=old.bounds,
            describe=old.describe,
        )
        rebuild(fresh, self._store, sorted(self._sources))
        self._pipelines[name] = fresh


def _grouped(observations: Iterable[Observation]) -> Iterator[list[Observation]]:
    group: list[Observation] = []
    for observation in observations:
        group.append(observation)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group
