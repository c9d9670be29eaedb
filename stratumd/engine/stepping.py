"""One observation on its way through one pipeline: normalize, apply, detect, judge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from stratumd.engine import gate
from stratumd.engine.board import Update
from stratumd.engine.containment import CONTAINED, NOTHING, annotation, check_changes, detect, failure, metadata
from stratumd.engine.leaving_out import Asked, asked
from stratumd.engine.memory import Memory
from stratumd.engine.outcome import Coverage, Failure, Play, StateChange, Step
from stratumd.plugin import (
    Change,
    Detector,
    Event,
    Finding,
    Limits,
    MarketKey,
    Observation,
    Record,
    Signal,
    Snapshot,
    Tick,
    rounded,
    signal_id,
)

if TYPE_CHECKING:
    from stratumd.engine.pipeline import Pipeline


class Judged:
    """The (detector, market) pairs that a tick evaluated."""

    __slots__ = ("_failed", "_markets")

    def __init__(self, markets: Collection[MarketKey], failed: Collection[str]) -> None:
        self._markets = markets
        self._failed = failed

    def __contains__(self, pair: Any) -> bool:
        return pair[0] not in self._failed and pair[1] in self._markets


class Notes(NamedTuple):
    """What annotators are asked with: the tick, what is remembered of its event, and who failed at it."""

    tick: Tick
    memory: Memory
    failed: Collection[str]


class Stepping:
    """Gathers what follows from one observation."""

    def __init__(self, pipeline: Pipeline, observation: Observation, obey: Sequence[Failure] | None = None) -> None:
        self._pipeline = pipeline
        self._observation = observation
        self._at = pipeline.time_of(observation)
        self._events: list[Event] = []
        self._coverage: list[Coverage] = []
        self._changes: list[Change] = []
        self._records: list[tuple[str, Record]] = []
        self._signals: list[Signal] = []
        self._states: list[StateChange] = []
        self._failures: list[Failure] = []
        self._plays: list[Play] = []
        self._asked: Asked = asked(pipeline, observation, self._at, obey)

    def run(self) -> Step:
        """Return all that follows."""
        understood, self._failures = self._understood()
        quality = self._pipeline.quality
        issues = list(understood.issues)
        try:
            if quality is not None:
                understood, rejected = quality.rejected(understood, self._pipeline.board)
                issues += rejected
            updates = self._pipeline.board.apply(understood, self._at)
        except CONTAINED as error:  # a snapshot that is none inside; the board may hold a part of it, here as in replay
            self._failed_to_read(None, error)
            self._events += [listing.event for listing in understood.listings]  # the board may know them now
            understood, updates = NOTHING, []
        if quality is not None:
            issues += quality.late(self._observation, self._at)
        for update in updates:
            if quality is not None:
                issues += quality.judge(update, understood.scope, self._at)
            if update.announced:
                self._events.append(update.event)
            try:
                check_changes(update.changes)
            except CONTAINED as error:
                self._failed_to_read(update.event.id, error)
                continue
            self._take(update)
        if quality is not None:
            if updates and understood.scope is not None:
                issues += quality.missing_books(understood.scope, self._pipeline.board, self._at)
            self._states = quality.news() + self._states
        for event, memory in self._pipeline.forget(self._at):
            self._states += [StateChange(component, event, None) for component in memory.bodies]
        self._states += self._asked.settled(self._failures, bool(self._coverage))
        return Step(
            pipeline=self._pipeline.name,
            observation=self._observation,
            at=self._at,
            events=tuple(self._events),
            coverage=tuple(self._coverage),
            changes=tuple(self._changes),
            records=tuple(self._records),
            signals=tuple(self._signals),
            states=tuple(self._states),
            issues=tuple(issues),
            failures=tuple(self._failures),
            plays=tuple(self._plays),
            results=tuple(understood.results),
            quotes=sum([update.quotes for update in updates]),
            whole=_is_whole(understood),
        )

    def _understood(self) -> tuple[Snapshot, list[Failure]]:
        """Return what the observation says, and the failures so far: of those that are not asked this time."""
        left_out = self._asked.failures
        if not self._asked.normalizer:
            return NOTHING, left_out
        understood, failures = self._pipeline.normalized(self._observation)
        return understood, [*left_out, *failures]

    def _take(self, update: Update) -> None:
        event = update.event
        if not update.markets:
            return
        self._changes += update.changes
        keys = tuple([market.key for market in update.markets])
        self._coverage.append(Coverage(event.id, keys))
        memory = self._pipeline.memory(event.id)
        self._states += [StateChange(component, event.id, None) for component in memory.outlived(self._at)]
        tick = Tick(self._observation.id, self._at, event, update.markets)
        if memory.started is not tick.in_play:
            memory.started = tick.in_play
            self._plays.append(Play(event.id, tick.in_play))
        candidates: list[gate.Candidate] = []
        detectors, failed, missing = self._asked.at(event.id)
        for detector in detectors:
            if not missing.isdisjoint(detector.needs):  # nothing can be concluded from what is not there
                failed.append(detector.name)
                missing.update(detector.provides)
                continue
            try:
                tick.state = memory.states.get(detector.name)
                tick.news = self._pipeline.heard(detector, tick)
                output = detect(detector, tick, memory)
            except CONTAINED as error:
                self._failed(detector.name, event.id, error, detector.detect)
                failed.append(detector.name)
                missing.update(detector.provides)
                continue
            for kind, records in output.records.items():
                tick.records.setdefault(kind, {}).update(records)
            for record in output.changed:
                memory.keep(record)
            self._records += [(event.id, record) for record in output.news]
            for finding, limits in output.findings:
                candidates.append(gate.Candidate(detector.name, finding, limits))
            if output.state is not None:
                memory.states[detector.name] = output.state
                self._store(event.id, memory, detector.name, output.body)
        if candidates or not memory.gate.is_settled(self._at):
            notes = Notes(tick, memory, failed)
            self._judge(notes, candidates, Judged(keys, failed))

    def _judge(self, notes: Notes, candidates: list[gate.Candidate], judged: Judged) -> None:
        tick, memory = notes.tick, notes.memory
        gate.judge(memory.gate, candidates, judged, self._at, lambda candidate: self._emit(notes, candidate))
        if memory.gate.changed:
            memory.gate.changed = False
            self._store(tick.event.id, memory, "gate", gate.dump(memory.gate))

    def _failed_to_read(self, event: str | None, error: BaseException) -> None:
        """Name the normalizer: what it returned cannot be used."""
        normalizer = self._pipeline.normalizers.get(self._observation.format)
        self._failed(self._observation.format, event, error, getattr(normalizer, "normalize", None))

    def _failed(
        self, component: str, event: str | None, error: BaseException, called: Callable[..., object] | None = None
    ) -> None:
        self._failures.append(failure(component, event, error, self._pipeline.describe, called))

    def _store(self, event: str, memory: Memory, component: str, body: bytes) -> None:
        if memory.bodies.get(component) != body:
            memory.bodies[component] = body
            self._states.append(StateChange(component, event, body))

    def _emit(self, notes: Notes, candidate: gate.Candidate) -> bool:
        tick = notes.tick
        try:
            evidence = metadata(candidate.finding)
        except CONTAINED as error:
            detector = self._pipeline.by_name[candidate.detector]
            self._failed(detector.name, tick.event.id, error, detector.detect)
            return False
        for annotator in self._pipeline.annotators:
            if annotator.name not in notes.failed:
                self._annotate(annotator, notes, candidate.finding.key, evidence)
        detector = self._pipeline.by_name[candidate.detector]
        self._signals.append(self._signal(tick, detector, candidate.finding, candidate.limits, evidence))
        return True

    def _annotate(self, annotator: Detector, notes: Notes, key: MarketKey, evidence: dict[str, Any]) -> None:
        """Add what `annotator` says of the market to `evidence`. Where it fails, the signal goes without."""
        try:
            notes.tick.state = notes.memory.states.get(annotator.name)
            notes.tick.news = self._pipeline.heard(annotator, notes.tick)
            note = annotation(annotator, notes.tick, key)
            if note is not None:
                evidence.setdefault(annotator.name, note)
        except CONTAINED as error:
            self._failed(annotator.name, notes.tick.event.id, error, annotator.annotate)

    def _signal(
        self, tick: Tick, detector: Detector, finding: Finding, limits: Limits, evidence: dict[str, Any]
    ) -> Signal:
        pipeline, event, key = self._pipeline, tick.event, finding.key
        identity = (
            pipeline.name,
            finding.type,
            detector.name,
            detector.version,
            pipeline.hashes[detector.name],
        )
        subject = (event.id, key.market, key.player, finding.outcome, finding.direction, finding.operator)
        return Signal(
            id=signal_id((*identity, *subject, tick.observation)),
            type=finding.type,
            pipeline=pipeline.name,
            detector=detector.name,
            detector_version=detector.version,
            sport=event.sport,
            event=event.id,
            home=event.home,
            away=event.away,
            commence_at=event.commence_at,
            market=key.market,
            player=key.player,
            outcome=finding.outcome,
            direction=finding.direction,
            operator=finding.operator,
            books=finding.books,
            magnitude=rounded(finding.magnitude) or 0.0,
            threshold=float(finding.threshold),
            strength=finding.strength,
            observed_at=tick.at,
            expires_at=None if limits.lifetime is None else tick.at + limits.lifetime,
            observation=tick.observation,
            metadata=evidence,
        )


def _is_whole(snapshot: Snapshot) -> bool:
    unreadable = any(listing.unreadable for listing in snapshot.listings)
    return snapshot.scope is not None and snapshot.complete and not unreadable
