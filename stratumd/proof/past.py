"""One pipeline's recorded past: what it took, in which order, built from what; and how to step through it again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec

from stratumd.config import PipelineSpec
from stratumd.engine import Pipeline, Step
from stratumd.engine.outcome import Failure, StateChange
from stratumd.engine.quarantine import is_unrepeatable
from stratumd.errors import StratumError
from stratumd.plugin import SECOND, MarketKey, Micros, Record
from stratumd.plugin.views import Taken
from stratumd.registry import Registry
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.builds import Build, read_build
from stratumd.store import Reader

PROMPT = 5 * SECOND
"""An observation that a pipeline took so much after a later one still came in its turn: answers of several sources
overtake each other. What came later than that is late."""


class ProofError(StratumError):
    """The past cannot be stepped through again."""


class Turn(NamedTuple):
    """One observation in an order of stepping."""

    observation: str
    build: int | None
    """Which of the past's builds stepped it; None where it came out of turn, or never."""


class Era(NamedTuple):
    """The steps of a pipeline while it was built from the same options."""

    position: int
    """Of its first step."""
    build: Build


class Past:
    """What is stored of one pipeline's past. It reads; it never writes."""

    def __init__(self, reader: Reader, spec: PipelineSpec, registry: Registry) -> None:
        self.reader = reader
        self.spec = spec
        self.registry = registry

    @cached_property
    def taken(self) -> list[Taken]:
        """What is stored of its sources, by the time received, up to the newest that it took."""
        found = self.reader.taken(self.spec.name, self.spec.sources)
        last = max((each.received_at for each in found if each.position is not None), default=None)
        return [each for each in found if last is not None and each.received_at <= last]

    @cached_property
    def eras(self) -> list[Era]:
        """What it was built from, oldest first; one begins where the options changed."""
        found: list[Era] = []
        for each in self.reader.builds(self.spec.name):
            try:
                build = read_build(each.body)
            except msgspec.DecodeError:  # an older program's: what it says of options cannot be told any more
                continue
            if not found or found[-1].build.options() != build.options():
                found.append(Era(each.position, build))
        return found

    @cached_property
    def newest_build(self) -> Build | None:
        """What it was built from last, its code included; None where that was never noted."""
        noted = self.reader.builds(self.spec.name)
        try:
            return read_build(noted[-1].body) if noted else None
        except msgspec.DecodeError:
            return None

    @cached_property
    def late(self) -> list[Taken]:
        """What it took out of turn, or never took although it had taken a later one."""
        return [each for each in self.taken if _is_late(each)]

    def as_taken(self, since: Micros | None = None) -> list[Turn]:
        """Return what it took, in the order in which it took it."""
        took = sorted((each for each in self.taken if each.position is not None), key=lambda each: each.position or 0)
        return [Turn(each.observation, self._era(each)) for each in _from(took, since)]

    def in_time(self, since: Micros | None = None) -> list[Turn]:
        """Return all that is stored, each in its turn: what came late stands where it belongs."""
        ordered = sorted(self.taken, key=_turn)
        return [Turn(each.observation, None if _is_late(each) else self._era(each)) for each in _from(ordered, since)]

    def start(self, since: Micros | None, event: str | None = None) -> Micros | None:
        """Return the time from which on everything has to be stepped to know what holds from `since` on."""
        if since is None and event is None:
            return None
        first = self.reader.first_needed(self.spec.name, since or 0, event)
        start = since if first is None else first
        # News is of no event: what was heard before an event was first seen is told of its signals, too.
        return None if start is None else start - self._heard

    @cached_property
    def _heard(self) -> Micros:
        hearing = [detector.lookback for detector in self.configured().detectors if detector.hears]
        return max(hearing, default=0)

    def configured(self) -> Pipeline:
        """Return the pipeline as the configuration has it now, with nothing on its board."""
        return build_pipeline(self.spec, self.registry)

    def steps(self, turns: Sequence[Turn], build: Callable[[int], Pipeline] | None = None) -> Iterator[Step]:
        """Step through `turns`, and yield what follows from each.

        `build` gives the pipeline of an era; by default all is stepped as the configuration has it now. Where an era
        ends, the next pipeline takes over what gate and detectors remember, as a daemon does after a reload.
        """
        pipeline, era = (self.configured(), 0) if build is None else (build(_first_era(turns)), _first_era(turns))
        carried = Carried()
        poisoned = self.poisoned
        observations = self.reader.observations([turn.observation for turn in turns])
        for done, (turn, observation) in enumerate(zip(turns, observations, strict=True)):
            if build is not None and turn.build is not None and turn.build > era:
                era = turn.build
                pipeline = self._handed_over(build(era), turns[:done], carried)
            if turn.observation in poisoned:
                pipeline.time_of(observation)
                continue
            obey = None if build is None else self.unrepeatable.get(turn.observation)
            step = pipeline.step(observation, obey)
            carried.learn(step)
            yield step

    @cached_property
    def poisoned(self) -> frozenset[str]:
        """The observations that the pipeline could not get past and left out whole."""
        formats = self.registry.normalizers.keys()
        return frozenset(
            each.observation
            for each in self.reader.skipped(self.spec.name)
            if each.event is None and each.component not in formats and not is_unrepeatable(each.error)
        )

    @cached_property
    def unrepeatable(self) -> dict[str, list[Failure]]:
        """By observation: who was not asked or gave no answer in time, which only the record knows."""
        found: dict[str, list[Failure]] = {}
        for each in self.reader.skipped(self.spec.name):
            if is_unrepeatable(each.error):
                found.setdefault(each.observation, []).append(
                    Failure(each.component, each.event, each.error, each.place)
                )
        return found

    def _handed_over(self, pipeline: Pipeline, done: Sequence[Turn], carried: Carried) -> Pipeline:
        times = {each.observation: each.received_at for each in self.taken}
        at = 0
        for observation in self.reader.observations([turn.observation for turn in done]):
            at = max(at, times[observation.id])
            pipeline.warm(observation, at)
        pipeline.load(carried.states.values(), carried.records.values(), carried.seen)
        return pipeline

    def _era(self, taken: Taken) -> int:
        return max(0, bisect_right(self.eras, taken.position or 0, key=lambda era: era.position) - 1)


class Carried:
    """What a pipeline hands over to the next one: what the store would give back."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], StateChange] = {}
        self.records: dict[tuple[str, str, MarketKey], tuple[str, Record]] = {}
        self.seen: dict[str, Micros] = {}

    def learn(self, step: Step) -> None:
        """Take in what follows from one more observation."""
        for change in step.states:
            self.states[change.component, change.event] = change
        for event, record in step.records:
            self.records[event, record.kind, record.key] = (event, record)
        for each in step.coverage:
            self.seen[each.event] = step.at


def _is_late(taken: Taken) -> bool:
    return taken.taken_at is None or taken.taken_at - taken.received_at > PROMPT


def _turn(taken: Taken) -> tuple[Micros, int, Micros, str]:
    if taken.taken_at is None or _is_late(taken):
        return taken.received_at, 0, taken.received_at, taken.observation
    return taken.taken_at, taken.position or 0, taken.received_at, taken.observation


def _from(ordered: Sequence[Taken], since: Micros | None) -> Sequence[Taken]:
    if since is None:
        return ordered
    first = next((n for n, each in enumerate(ordered) if (each.taken_at or each.received_at) >= since), len(ordered))
    return ordered[first:]


def _first_era(turns: Sequence[Turn]) -> int:
    return next((turn.build for turn in turns if turn.build is not None), 0)
