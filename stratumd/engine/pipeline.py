"""The pipeline: one observation in, everything that follows from it out. Live, replay and what-if all call `step`."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stratumd.engine import gate
from stratumd.engine.board import Board, Update
from stratumd.engine.outcome import Coverage, Failure, StateChange, Step
from stratumd.odds import Pricing
from stratumd.plugin import (
    HOUR,
    Change,
    Detector,
    Event,
    Finding,
    Limits,
    MarketKey,
    Micros,
    Normalizer,
    Observation,
    Record,
    Signal,
    Snapshot,
    State,
    Tick,
    rounded,
    signal_id,
)

_RecordKey = tuple[str, str, MarketKey]
_CORE = __file__.removesuffix("engine/pipeline.py")
_NOTHING = Snapshot(scope=None, listings=[], issues=[])


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
    ) -> None:
        self.name = name
        self.detectors = tuple(detectors)
        self.normalizers = dict(normalizers)
        self.lookback: Micros = max((detector.lookback for detector in detectors), default=0)
        pricing = pricing or Pricing()
        operators = dict(operators or {})
        self._board = Board(pricing, operators, self.lookback)
        self._hashes = {d.name: _options_hash(d, pricing, operators) for d in detectors}
        self._gates: dict[str, gate.Memory] = {}
        self._states: dict[tuple[str, str], State] = {}
        self._stored: dict[tuple[str, str], bytes] = {}
        self._records: dict[_RecordKey, Record] = {}
        self._forgot_at: Micros = 0

    def step(self, observation: Observation) -> Step:
        """Take one observation and return everything that follows from it, to be committed together."""
        return _Stepping(self, observation).run()

    def warm(self, observation: Observation) -> None:
        """Apply an observation that was stepped through before, to rebuild the board; nothing follows from it."""
        snapshot, _ = self._normalize(observation)
        self._board.apply(snapshot, observation.received_at)

    def load(self, states: Iterable[StateChange], records: Iterable[tuple[str, Record]] = ()) -> None:
        """Take back what the gate and the detectors remembered, and the newest record of each kind and market."""
        remembering = {detector.name: detector.state for detector in self.detectors}
        for change in states:
            if change.body is None:
                continue
            self._stored[change.component, change.event] = change.body
            if change.component == "gate":
                self._gates[change.event] = gate.restore(change.body)
            elif (kind := remembering.get(change.component)) is not None:
                self._states[change.component, change.event] = msgspec.json.decode(change.body, type=kind)
        for event, record in records:
            self._records[event, record.kind, record.key] = record

    def _normalize(self, observation: Observation) -> tuple[Snapshot, list[Failure]]:
        normalizer = self.normalizers.get(observation.format)
        if normalizer is None:
            return _NOTHING, []
        try:
            return normalizer.normalize(observation), []
        except Exception as error:  # noqa: BLE001  # a plugin's fault is contained here: named, and the rest goes on
            return _NOTHING, [_failure(normalizer.name, None, error)]


class _Stepping:
    """One observation on its way through one pipeline."""

    def __init__(self, pipeline: Pipeline, observation: Observation) -> None:
        self._pipeline = pipeline
        self._observation = observation
        self._at = observation.received_at
        self._events: list[Event] = []
        self._coverage: list[Coverage] = []
        self._changes: list[Change] = []
        self._records: list[tuple[str, Record]] = []
        self._signals: list[Signal] = []
        self._states: list[StateChange] = []
        self._failures: list[Failure] = []

    def run(self) -> Step:
        """Normalize, apply, detect, judge."""
        snapshot, self._failures = self._pipeline._normalize(self._observation)
        for update in self._pipeline._board.apply(snapshot, self._at):
            self._take(update)
        self._forget()
        return Step(
            pipeline=self._pipeline.name,
            observation=self._observation,
            events=tuple(self._events),
            coverage=tuple(self._coverage),
            changes=tuple(self._changes),
            records=tuple(self._records),
            signals=tuple(self._signals),
            states=tuple(self._states),
            issues=tuple(snapshot.issues),
            failures=tuple(self._failures),
            quotes=sum(len(offer.quotes) for item in snapshot.listings for offer, _ in item.offers),
            whole=_is_whole(snapshot),
        )

    def _take(self, update: Update) -> None:
        event = update.event
        if update.announced:
            self._events.append(event)
        if not update.markets:
            return
        self._changes += update.changes
        self._coverage.append(Coverage(event.id, tuple([market.key for market in update.markets])))
        tick = Tick(self._observation.id, self._at, event, update.markets)
        candidates: list[gate.Candidate] = []
        failed: set[str] = set()
        for detector in self._pipeline.detectors:
            found = self._detect(detector, tick)
            if found is None:
                failed.add(detector.name)
            else:
                candidates += [gate.Candidate(detector.name, f, detector.limits(f.type)) for f in found]
        self._judge(tick, candidates, failed)

    def _detect(self, detector: Detector, tick: Tick) -> list[Finding] | None:
        """Run one detector; None where it failed. A detector that fails leaves no trace but its failure."""
        states = self._pipeline._states
        tick.state = states.get((detector.name, tick.event.id))
        try:
            results = list(detector.detect(tick))
        except Exception as error:  # noqa: BLE001  # a plugin's fault is contained here: named, and the rest goes on
            self._failures.append(_failure(detector.name, tick.event.id, error))
            return None
        findings = []
        for result in results:
            if isinstance(result, Finding):
                findings.append(result)
            elif isinstance(result, Record):
                self._record(tick, result)
            else:
                states[detector.name, tick.event.id] = result
                self._remember(detector.name, tick.event.id, msgspec.json.encode(result))
        return findings

    def _record(self, tick: Tick, record: Record) -> None:
        tick.records.setdefault(record.kind, {})[record.key] = record
        slot = (tick.event.id, record.kind, record.key)
        last = self._pipeline._records.get(slot)
        if last is record:
            return
        self._pipeline._records[slot] = record
        if last is None or not record.same(last):
            self._records.append((tick.event.id, record))

    def _judge(self, tick: Tick, candidates: list[gate.Candidate], failed: set[str]) -> None:
        memory = self._pipeline._gates.get(tick.event.id)
        if memory is None:
            if not candidates:
                return
            memory = self._pipeline._gates[tick.event.id] = gate.Memory()
        keys = [market.key for market in tick.markets]
        judged = {(d.name, key) for d in self._pipeline.detectors if d.name not in failed for key in keys}
        by_name = {detector.name: detector for detector in self._pipeline.detectors}
        for verdict in gate.judge(memory, candidates, judged, self._at):
            if verdict.reason is gate.Reason.FIRED:
                self._emit(tick, by_name[verdict.candidate.detector], verdict.candidate)
        self._remember("gate", tick.event.id, gate.dump(memory))

    def _emit(self, tick: Tick, detector: Detector, candidate: gate.Candidate) -> None:
        finding = candidate.finding
        try:
            metadata = finding.evidence() if callable(finding.evidence) else finding.evidence
        except Exception as error:  # noqa: BLE001  # a plugin's fault is contained here: named, and the rest goes on
            self._failures.append(_failure(detector.name, tick.event.id, error))
            return
        self._signals.append(self._signal(tick, detector, finding, candidate.limits, metadata))

    def _signal(
        self, tick: Tick, detector: Detector, finding: Finding, limits: Limits, metadata: dict[str, object]
    ) -> Signal:
        pipeline, event, key = self._pipeline, tick.event, finding.key
        identity = (
            pipeline.name,
            finding.type,
            detector.name,
            detector.version,
            pipeline._hashes[detector.name],
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
            threshold=finding.threshold,
            strength=finding.strength,
            observed_at=tick.at,
            expires_at=None if limits.lifetime is None else tick.at + limits.lifetime,
            observation=tick.observation,
            metadata=metadata,
        )

    def _remember(self, component: str, event: str, body: bytes) -> None:
        if self._pipeline._stored.get((component, event)) != body:
            self._pipeline._stored[component, event] = body
            self._states.append(StateChange(component, event, body))

    def _forget(self) -> None:
        """Let go of events long gone, at most once an hour of observed time."""
        pipeline = self._pipeline
        if self._at - pipeline._forgot_at < HOUR:
            return
        pipeline._forgot_at = self._at
        gone = set(pipeline._board.forget(self._at))
        for component, event in [slot for slot in pipeline._stored if slot[1] in gone]:
            del pipeline._stored[component, event]
            pipeline._states.pop((component, event), None)
            self._states.append(StateChange(component, event, None))
        for event in gone:
            pipeline._gates.pop(event, None)
        for slot in [slot for slot in pipeline._records if slot[0] in gone]:
            del pipeline._records[slot]


def _is_whole(snapshot: Snapshot) -> bool:
    unreadable = any(listing.unreadable for listing in snapshot.listings)
    return snapshot.scope is not None and snapshot.complete and not unreadable


def _options_hash(detector: Detector, pricing: Pricing, operators: Mapping[str, str]) -> str:
    """Hash what a detector's results depend on besides the observations."""
    parts = (detector.options.model_dump_json(), repr(pricing), sorted(operators.items()))
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _failure(component: str, event: str | None, error: Exception) -> Failure:
    """Name the failed component and the innermost line of code outside of core, where there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(_CORE)]
    frame = (outside or frames)[-1]
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(component, event, text, f"{frame.filename.rpartition('/')[2]}:{frame.lineno}")
