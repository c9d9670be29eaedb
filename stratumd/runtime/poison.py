"""Observations that a pipeline cannot get past: what makes them, and what is committed in place of their step."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from stratumd.engine import Failure, Pipeline, Step
from stratumd.engine.containment import failure
from stratumd.plugin import Observation
from stratumd.store import StoreError, StoreRefused


class Poisoned(Exception):
    """Some observations cannot be stepped through or committed together; trying again would end the same."""

    def __init__(self, observations: Sequence[Observation], error: BaseException) -> None:
        super().__init__(f"{len(observations)} observations")
        self.observations = observations
        self.error = error


def is_passing(error: BaseException) -> bool:
    """Say whether `error` has to do with the surroundings, not with what was being stepped through or committed."""
    return isinstance(error, MemoryError) or (isinstance(error, StoreError) and not isinstance(error, StoreRefused))


def empty(pipeline: Pipeline, observation: Observation, error: BaseException) -> Step:
    """Return the step of an observation that nothing follows from but the failure that names it."""
    named: Failure = failure(_culprit(pipeline, error), None, error, pipeline.describe)
    return Step(pipeline.name, observation, pipeline.time_of(observation), failures=(named,))


def _culprit(pipeline: Pipeline, error: BaseException) -> str:
    """Return the name of the detector or normalizer whose code was running, else the pipeline's."""
    if isinstance(error, StoreError):
        return pipeline.name
    running = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    for part in (*pipeline.detectors, *pipeline.normalizers.values()):
        if getattr(sys.modules.get(type(part).__module__), "__file__", None) in running:
            return part.name
    return pipeline.name
