"""The pipeline: one observation in, everything that follows from it out. Live, replay and what-if all call `step`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from stratumd.engine import gate, quality, quarantine
from stratumd.engine.board import Board
from stratumd.engine.containment import CONTAINED, NOTHING, Describe, failure, snapshot
from stratumd.engine.identity import hashes
from stratumd.engine.memory import Memory
from stratumd.engine.outcome import Failure, StateChange, Step
from stratumd.engine.stepping import Stepping
from stratumd.errors import described
from stratumd.odds import Pricing
from stratumd.plugin import DAY, HOUR, Detector, Micros, Normalizer, Observation, Record, Snapshot, Tick, Told

_NO_NEWS: Mapping[str, Told] = {}


class Pipeline:
    """The detectors of one pipeline with their board, gate and memory. Pure: its state is what was stepped through it.

    Not thread-safe: one observation at a time.
    """

    def __init__(
        self,
        name: str,
        detectors: Sequence[Detector],
        normalizers: Mapping[str, Normalizer],
        *,
        pricing: Pricing | None = None,
        operators: Mapping[str, str] | None = None,
        bounds: quality.Bounds | None = None,
        describe: Describe = described,
    ) -> None:
        """`describe` puts what a plugin raised into words. Without `bounds` the quality of quotes is not judged."""
        self.name = name
        self.describe = describe
        self.detectors = tuple(detectors)
        self.by_name = {detector.name: detector for detector in detectors}
        self.annotators = tuple([detector for detector in detectors if detector.annotates is not None])
        self.normalizers = dict(normalizers)
        self.lookback: Micros = max((detector.lookback for detector in detectors), default=0)
        self.pricing = pricing or Pricing()
        self.operators = dict(operators or {})
        self.board = Board(self.pricing, self.operators, self.lookback)
        self.hashes = hashes(self.detectors, self.pricing, self.operators, bounds)
        """By detector: what its results depend on besides the observations."""
        self.bounds = bounds
        self.quality = None if bounds is None else quality.Quality(bounds, self.operators)
        self.quarantine = quarantine.Quarantine()
        self._memory: dict[str, Memory] = {}
        self._now: Micros = 0
        self._forgot_at: Micros = 0

    def step(self, observation: Observation, obey: Sequence[Failure] | None = None) -> Step:
        """Take one observation and return everything that follows from it, to be committed together.

        `obey` is what failed or was left out when it was taken before: that is not asked again, and fails the same way.
        """
        return Stepping(self, observation, obey).run()

    @property
    def now(self) -> Micros:
        """When the newest observation was received."""
        return self._now

    def time_of(self, observation: Observation) -> Micros:
        """Return when `observation` counts as received: time goes on, also where an answer was stored late."""
        self._now = max(self._now, observation.received_at)
        return self._now

    def warm(self, observation: Observation, at: Micros) -> None:
        """Apply an observation that was taken before, at `at`, to rebuild the board; nothing follows from it."""
        self._now = at
        understood, _ = self.normalized(observation)
        with suppress(*CONTAINED):  # it failed when it was stepped, too, and that is on record
            if self.quality is not None:
                understood, _ = self.quality.rejected(understood, self.board)
            self.board.apply(understood, at)

    def load(
        self,
        states: Iterable[StateChange],
        records: Iterable[tuple[str, Record]] = (),
        seen: Mapping[str, Micros] | None = None,
    ) -> list[Failure]:
        """Take back what gate and detectors remembered, the newest records, and when each event ticked last.

        What cannot be read any more, as after a change of a plugin, is forgotten; the failures say so.
        """
        failures = []
        for event, at in (seen or {}).items():
            self.memory(event).seen_at = at
        for change in states:
            if change.body is None:
                continue
            try:
                if change.component == quarantine.COMPONENT:
                    self.quarantine.load(change.body)
                elif change.component == quality.COMPONENT:
                    if self.quality is not None:
                        self.quality.load(change.body)
                else:
                    self._recall(self.memory(change.event), change.component, change.body)
            except CONTAINED as error:
                failures.append(failure(change.component, change.event, error, self.describe))
        for event, record in records:
            self.memory(event).keep(record)
        return failures

    def _recall(self, memory: Memory, component: str, body: bytes) -> None:
        memory.bodies[component] = body
        detector = self.by_name.get(component)
        if component == "gate":
            memory.gate = gate.restore(body)
        elif detector is not None and detector.state is not None:
            memory.states[component] = msgspec.json.decode(body, type=detector.state)

    def memory(self, event: str) -> Memory:
        """Return what is remembered of an event, at first nothing."""
        found = self._memory.get(event)
        if found is None:
            found = self._memory[event] = Memory()
        return found

    def heard(self, detector: Detector, tick: Tick) -> Mapping[str, Told]:
        """Return the news that `detector` hears at `tick`. Nothing older than its lookback: that would be gone after a
        restart.
        """
        if not detector.hears:
            return _NO_NEWS
        return self.board.told(tick.event.sport, detector.hears, tick.at - detector.lookback)

    def forget(self, at: Micros) -> list[tuple[str, Memory]]:
        """Let go of events long gone, at most once an hour of observed time, and return what was remembered of them."""
        if at - self._forgot_at < HOUR:
            return []
        self._forgot_at = at
        self.board.forget(at)
        gone = [event for event, memory in self._memory.items() if memory.seen_at is None or at - memory.seen_at > DAY]
        return [(event, self._memory.pop(event)) for event in gone]

    def normalized(self, observation: Observation) -> tuple[Snapshot, list[Failure]]:
        """Return what `observation` says: nothing where no normalizer reads its format, or where it failed."""
        normalizer = self.normalizers.get(observation.format)
        if normalizer is None:
            return NOTHING, []
        try:
            return snapshot(normalizer.normalize(observation)), []
        except CONTAINED as error:
            return NOTHING, [failure(normalizer.name, None, error, self.describe, normalizer.normalize)]
