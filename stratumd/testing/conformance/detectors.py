"""What a detector must do, checked over a script with everything in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import msgspec

from stratumd.engine import Pipeline, Step
from stratumd.plugin import Detector, Finding, Limits, Observation, PluginConfig, Record, Signal, State, Tick
from stratumd.testing import scenario
from stratumd.testing.conformance.musts import Must, accepted, must
from stratumd.testing.harness import PlainNormalizer

DETECTOR: list[Must[Detecting]] = []


@dataclass(frozen=True)
class Seen:
    """What a detector yielded at one tick: once, again, and again without its memos."""

    tick: Tick
    state: Any
    yields: tuple[list[Any], list[Any], list[Any]]


class Detecting:
    """A detector under test, and what it does over the script."""

    def __init__(self, component: type[Detector], options: Mapping[str, Any], before: tuple[Detector, ...]) -> None:
        self.component = component
        self.before = before
        self._options = accepted(component, options)

    def build(self) -> Detector:
        """Return a fresh detector."""
        return self.component(self._options)

    def pipeline(self, detector: Detector | None = None) -> Pipeline:
        """Return a fresh pipeline with the detector at its end."""
        plain = PlainNormalizer(PluginConfig())
        return Pipeline("verify", [*self.before, detector or self.build()], {plain.name: plain})

    @cached_property
    def script(self) -> list[Observation]:
        """The observations."""
        return list(scenario.observations())

    @cached_property
    def steps(self) -> list[Step]:
        """One undisturbed run."""
        pipeline = self.pipeline()
        return [pipeline.step(observation) for observation in self.script]

    @cached_property
    def seen(self) -> list[Seen]:
        """Every tick of another run, with what the detector yielded at it three times over."""
        found: list[Seen] = []
        pipeline = self.pipeline(_watched(self.component)(self.build().options, found))
        for observation in self.script:
            pipeline.step(observation)
        return found

    def findings(self) -> Iterator[tuple[Tick, Finding]]:
        """Yield every finding with its tick."""
        for seen in self.seen:
            yield from ((seen.tick, each) for each in seen.yields[0] if isinstance(each, Finding))


def _watched(component: type[Detector]) -> Any:
    """Return the same detector, which also says what it yields at each tick when it is asked again."""

    class Watched(component):  # type: ignore[misc, valid-type]  # the class is the very thing under test
        def __init__(self, options: Any, found: list[Seen]) -> None:
            super().__init__(options)
            self._found = found

        def detect(self, tick: Tick) -> Iterable[Any]:
            state = tick.state
            once, again = _resolved(super().detect(tick)), _resolved(super().detect(tick))
            for market in tick.markets:
                market.memo.clear()
            results = list(super().detect(tick))
            self._found.append(Seen(tick, state, (once, again, _resolved(results))))
            return results

    return Watched


def _resolved(results: Iterable[Any]) -> list[Any]:
    """Return the yields with evidence made at once, as the gate would at this tick."""
    return [
        msgspec.structs.replace(each, evidence=each.evidence())
        if isinstance(each, Finding) and callable(each.evidence)
        else each
        for each in results
    ]


@must(DETECTOR, "D1", "`detect` MUST NOT raise: absent, one-sided, lay, three-way and in-play markets are ordinary.")
def _never_raises(subject: Detecting) -> Iterator[str]:
    for step in subject.steps:
        yield from (
            f"{failure.error} ({failure.where})"
            for failure in step.failures
            if failure.component == subject.component.name
        )


@must(DETECTOR, "D2", "The same tick MUST give the same yields, however often, and whether or not `memo` was emptied.")
def _pure(subject: Detecting) -> Iterator[str]:
    for seen in subject.seen:
        once, again, fresh = seen.yields
        if once != again:
            yield f"asked twice at observation {seen.tick.observation}, it yielded two different things"
        if once != fresh:
            yield f"with an empty memo at observation {seen.tick.observation}, it yielded something else"


@must(DETECTOR, "D3", "A finding MUST be complete: direction, finite magnitude and threshold, strength, books shown.")
def _complete(subject: Detecting) -> Iterator[str]:
    for tick, finding in subject.findings():
        for wrong in _incomplete(tick, finding):
            yield f"{finding.type} on {finding.key}: {wrong}"


def _incomplete(tick: Tick, finding: Finding) -> Iterator[str]:
    market = next((market for market in tick.markets if market.key == finding.key), None)
    if market is None:
        yield "no market of the tick has this key"
    elif set(finding.books) - market.lines.keys():
        yield f"books {finding.books} are not all of this market"
    if finding.direction not in ("up", "down"):
        yield f"direction is {finding.direction!r}, not 'up' or 'down'"
    if not (isfinite(finding.magnitude) and finding.magnitude >= 0):
        yield f"magnitude is {finding.magnitude}"
    if not (isfinite(finding.threshold) and finding.threshold > 0):
        yield f"threshold is {finding.threshold}"
    if not (isinstance(finding.strength, int) and 1 <= finding.strength <= 100):
        yield f"strength is {finding.strength!r}, not a whole number from 1 to 100"


@must(DETECTOR, "D4", "Evidence MUST be JSON, with finite numbers and text keys.")
def _json_evidence(subject: Detecting) -> Iterator[str]:
    for _, finding in subject.findings():
        yield from (f"the evidence of {finding.type} holds {wrong!r}" for wrong in _not_json(finding.evidence))


def _not_json(value: Any) -> Iterator[Any]:
    """Yield the parts of `value` that JSON cannot say; a tuple is a list."""
    if isinstance(value, Mapping):
        yield from (key for key in value if not isinstance(key, str))
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _not_json(part)
    elif not (value is None or isinstance(value, (str, int)) or (isinstance(value, float) and isfinite(value))):
        yield value


@must(
    DETECTOR, "D5", "Where `signals` is declared, every finding MUST be of a declared type and evidence of its shape."
)
def _declared(subject: Detecting) -> Iterator[str]:
    declared = subject.component.signals
    for _, finding in subject.findings():
        if not declared:
            return
        if finding.type not in declared:
            yield f"{finding.type} is not declared"
        else:
            msgspec.convert(finding.evidence, declared[finding.type])


@must(DETECTOR, "D6", "Records MUST be of a kind in `provides`; at most one `State` MUST be yielded, of type `state`.")
def _records(subject: Detecting) -> Iterator[str]:
    for seen in subject.seen:
        states = [each for each in seen.yields[0] if isinstance(each, State)]
        if len(states) > 1:
            yield "more than one State at a tick"
        if states and type(states[0]) is not subject.component.state:
            yield f"{type(states[0]).__name__} is not the declared state"
        for record in seen.yields[0]:
            if isinstance(record, Record) and record.kind not in subject.component.provides:
                yield f"records of kind {record.kind!r} are not declared in provides"


@must(DETECTOR, "D7", "Two runs over the same observations MUST give the same signals, byte for byte.")
def _deterministic(subject: Detecting) -> Iterator[str]:
    again = subject.pipeline()
    for step, observation in zip(subject.steps, subject.script, strict=True):
        if _lines(step) != _lines(again.step(observation)):
            yield f"observation {observation.id} gave other signals the second time"


@must(DETECTOR, "D8", "An event's signals MUST NOT depend on other events.")
def _one_event(subject: Detecting) -> Iterator[str]:
    for event in ("game", "soon", "match"):
        alone = subject.pipeline()
        apart = [s for o in scenario.observations(only=event) for s in alone.step(o).signals]
        together = [s for step in subject.steps for s in step.signals if s.event == event]
        if [_bare(s) for s in apart] != [_bare(s) for s in together]:
            yield f"the event {event!r} gave other signals when it was alone"


@must(DETECTOR, "D9", "After a restart the next signals MUST be those that would have come without it.")
def _restarted(subject: Detecting) -> Iterator[str]:
    lookback = subject.pipeline().lookback
    for cut in range(15, len(subject.script), 30):
        resumed = subject.pipeline()
        for observation in _rebuilding(subject.script[:cut], lookback):
            resumed.warm(observation, observation.received_at)
        done = subject.steps[:cut]
        newest = {(change.component, change.event): change for step in done for change in step.states}
        seen = {each.event: step.at for step in done for each in step.coverage}
        resumed.load(newest.values(), [record for step in done for record in step.records], seen)
        for step, observation in zip(subject.steps[cut:], subject.script[cut:], strict=True):
            if _lines(step) != _lines(resumed.step(observation)):
                yield f"restarted before observation {cut}, it gave other signals at {observation.id}"
                break


@must(DETECTOR, "D10", "`lookback` and `limits` MUST be constant and not negative.")
def _constant(subject: Detecting) -> Iterator[str]:
    detector = subject.build()
    if detector.lookback < 0 or detector.lookback != subject.build().lookback:
        yield f"lookback is {detector.lookback}"
    for type_ in {finding.type for _, finding in subject.findings()} | set(subject.component.signals):
        limits = detector.limits(type_)
        if limits != detector.limits(type_) or not _sensible(limits):
            yield f"limits({type_!r}) is {limits}"


def _sensible(limits: Limits) -> bool:
    parts = (limits.cooldown, limits.per_hour or 0, limits.lifetime or 0)
    return all(part >= 0 for part in parts)


def _rebuilding(done: Sequence[Observation], lookback: int) -> Iterator[Observation]:
    """Yield what the store gives back after a restart: the lookback, and the newest of each lane before it."""
    since = done[-1].received_at - lookback
    newest = {observation.body[:200]: observation for observation in done if observation.received_at <= since}
    older = sorted(newest.values(), key=lambda observation: observation.received_at)
    yield from older
    yield from (observation for observation in done if observation.received_at > since)


def _lines(step: Step) -> list[bytes]:
    return [signal.to_json() for signal in step.signals]


def _bare(signal: Signal) -> Signal:
    """Return the signal without what names the observation: that holds other events, too."""
    return msgspec.structs.replace(signal, id="", observation="")
