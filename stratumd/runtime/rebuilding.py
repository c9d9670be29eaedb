"""An engine as it was: from what is stored, so that its next signals are those of one uninterrupted run."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.engine import Failure, Pipeline
from stratumd.runtime.core import Store


def rebuild(pipeline: Pipeline, store: Store, sources: Sequence[str]) -> list[Failure]:
    """Give a pipeline that has taken nothing yet its board, memory and records back. Returns what cannot be read."""
    for observation, at in store.rebuild(pipeline.name, sources, pipeline.lookback):
        pipeline.warm(observation, at)
    return pipeline.load(store.states(pipeline.name), store.records(pipeline.name), store.seen(pipeline.name))
