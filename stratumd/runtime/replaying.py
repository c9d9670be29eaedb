"""Replay: recorded observations through the same pipelines as live ones, with or without a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stratumd.engine import Pipeline, Step
from stratumd.plugin import Observation, Poll
from stratumd.runtime.builds import build_of
from stratumd.store import Commit, Store

GROUP = 64
"""Observations that share one transaction: each is committed wholly or not at all, all the same."""


def replay(
    observations: Iterable[Observation], pipelines: Sequence[Pipeline], store: Store | None = None
) -> Iterator[Step]:
    """Step every observation through every pipeline, in order, and yield the outcomes.

    With a store, observations and outcomes are kept in it, in groups; a step is yielded once it is durable. No
    delivery is made of a replayed signal.
    """
    if store is None:
        for observation in observations:
            for pipeline in pipelines:
                yield pipeline.step(observation)
        return
    builds = {pipeline.name: build_of(pipeline).text() for pipeline in pipelines}
    for group in _grouped(observations):
        store.observe([(each.source, Poll(each.request, each.received_at, 0, each)) for each in group])
        steps = [pipeline.step(each) for each in group for pipeline in pipelines]
        store.commit([Commit(step, (), builds[step.pipeline]) for step in steps])
        yield from steps


def _grouped(observations: Iterable[Observation]) -> Iterator[list[Observation]]:
    group: list[Observation] = []
    for observation in observations:
        group.append(observation)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group
