"""Who is asked at one observation: all, but for those in quarantine, or those that a record says were not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stratumd.engine.outcome import Failure, StateChange
from stratumd.engine.quarantine import Quarantine, skipped
from stratumd.plugin import Detector, Micros, Observation

if TYPE_CHECKING:
    from stratumd.engine.pipeline import Pipeline

Turn = tuple[Sequence[Detector], list[str], set[str]]
"""The detectors that are asked at an event, those that are not, and the kinds of records that are missing for it."""


class Asked:
    """All are asked, as nearly always."""

    normalizer = True
    """Whether the observation's normalizer is asked."""

    def __init__(self, pipeline: Pipeline, observation: Observation, at: Micros) -> None:
        self.failures: list[Failure] = []
        """What says of the others that they are not asked, for the whole observation."""
        self._detectors = pipeline.detectors
        self._quarantine: Quarantine = pipeline.quarantine
        self._format = observation.format
        self._at = at

    def at(self, event: str) -> Turn:
        """Return who is asked at an event."""
        return self._detectors, [], set()

    def settled(self, failures: Sequence[Failure], ticked: bool) -> Sequence[StateChange]:
        """Return what is to be remembered of those that failed, and of those on trial that did not."""
        if not failures and not self._quarantine:
            return ()
        names = {self._format} if self.normalizer else set()
        if ticked:
            names.update(detector.name for detector in self._detectors)
        return self._quarantine.settle(self._at, failures, names)


class _Without(Asked):
    """Some are in quarantine."""

    def __init__(self, pipeline: Pipeline, observation: Observation, at: Micros, names: Sequence[str]) -> None:
        super().__init__(pipeline, observation, at)
        self.normalizer = observation.format not in names
        self._silent = [detector for detector in self._detectors if detector.name in names]
        self._detectors = tuple(detector for detector in self._detectors if detector.name not in names)
        known = {observation.format, *(detector.name for detector in self._silent)}
        self.failures = [skipped(name, self._quarantine.out[name]) for name in names if name in known]

    def at(self, event: str) -> Turn:
        silent = self._silent
        return self._detectors, [each.name for each in silent], {kind for each in silent for kind in each.provides}


class _AsRecorded(Asked):
    """A record says who was not asked, or failed, at the whole observation or at an event."""

    def __init__(self, pipeline: Pipeline, observation: Observation, at: Micros, recorded: Sequence[Failure]) -> None:
        super().__init__(pipeline, observation, at)
        self.failures = list(recorded)
        self.normalizer = not any(each.component == observation.format and not each.event for each in recorded)

    def at(self, event: str) -> Turn:
        names = {each.component for each in self.failures if each.event in (None, event)}
        silent = [detector for detector in self._detectors if detector.name in names]
        others = [detector for detector in self._detectors if detector.name not in names]
        return others, [each.name for each in silent], {kind for each in silent for kind in each.provides}

    def settled(self, failures: Sequence[Failure], ticked: bool) -> Sequence[StateChange]:
        return ()


def asked(pipeline: Pipeline, observation: Observation, at: Micros, obey: Sequence[Failure] | None) -> Asked:
    """Return who is asked at an observation; `obey` is what a record says of it."""
    if obey is not None:
        return _AsRecorded(pipeline, observation, at, obey)
    names = pipeline.quarantine.left_out(at) if pipeline.quarantine else ()
    return _Without(pipeline, observation, at, names) if names else Asked(pipeline, observation, at)
