"""Why a signal is not there: each condition measured, the first that was not met, the smallest change that meets it.

Nothing is decided a second time. `detect` and the gate are asked again at that very instant under other options, one
option at a time; the value at which the answer turns is the value that the market had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError

from stratumd.engine import gate
from stratumd.odds import Kind
from stratumd.plugin import (
    HOUR,
    Detector,
    Finding,
    Gate,
    Market,
    MarketKey,
    Micros,
    PluginConfig,
    Record,
    Tick,
    iso,
)
from stratumd.proof.instant import Instant, Probe, instants
from stratumd.proof.measuring import measured
from stratumd.proof.past import Past, ProofError
from stratumd.runtime.builds import plain

REMEMBERED = 6 * HOUR
"""How far back windows are tried."""


class Check(msgspec.Struct, frozen=True):
    """One condition, measured."""

    option: str
    """The option that moves it; for the gate's edge, which none does, `edge`."""
    asks: str
    value: Any
    """What there was: the strictest value of the option that it would have met; None where it meets none."""
    threshold: Any
    """The option's value."""
    passed: bool


class Flip(msgspec.Struct, frozen=True):
    """A change of options under which the signal would have been there."""

    options: dict[str, Any]
    change: float
    """How large it is: the sum of the options' relative changes."""


class Explained(msgspec.Struct, frozen=True):
    """One market of one event at one instant, and one type of signal."""

    type: str
    event: str
    market: str
    player: str | None
    at: Micros
    observation: str
    fired: bool
    checks: list[Check]
    blocked: Check | None
    """The first condition that was not met."""
    flips: list[Flip]
    """The smallest first. Empty where no option helps: then something else would have to be observed."""
    reason: str | None
    """What was missing where no option helps."""
    finding: dict[str, Any] | None
    """What the detector finds, or would find under the flip: outcome, direction, books, magnitude."""

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the command shows."""
        return {**msgspec.to_builtins(self), "at": iso(self.at)}


def why_not(
    past: Past, type: str, event: str, at: Micros, market: str | None = None, outcome: str | None = None
) -> list[Explained]:
    """Explain `type` in each market of `event` at its last observation up to `at`; the nearest to firing comes first.

    `ProofError` where the event was not observed by then, or no detector of the pipeline gives such signals.
    """
    instant = at_last(past, event, at)
    detector = giving(instant, type)
    asked = [each for each in instant.tick.markets if market in (None, each.key.market)]
    found = [Asking(instant, detector, type, each, Which(outcome)).explained() for each in asked]
    if not found:
        raise ProofError(f"the observation covers no market {market!r} of event {event}")
    return sorted(found, key=distance)


def at_last(past: Past, event: str, at: Micros) -> Instant:
    """Return the last instant of `event` up to `at`."""
    last = None
    for instant in instants(past, event):
        if instant.tick.at > at:
            break
        last = instant.tick.observation
    for instant in instants(past, event, REMEMBERED):
        if instant.tick.observation == last:
            return instant
    raise ProofError(f"pipeline {past.spec.name} did not observe event {event} up to {iso(at)}")


class Which(NamedTuple):
    """Which findings of a market are asked about: all that have what is named here."""

    outcome: str | None = None
    direction: str | None = None
    operator: str | None = None

    def admits(self, found: Finding) -> bool:
        """Say whether `found` is one of them."""
        pairs = zip(self, (found.outcome, found.direction, found.operator), strict=True)
        return all(wanted in (None, own) for wanted, own in pairs)


ANY = Which()


class Knob(NamedTuple):
    """A gate of a detector, with its option in place."""

    detector: str
    gate: Gate
    path: str

    @property
    def name(self) -> str:
        """Return the option with its detector, as `whatif --set` takes it."""
        return f"{self.detector}.{self.path}"


Values = Mapping[Knob, Any]


class Asking:
    """Asks a detector again and again about one market at one instant."""

    def __init__(self, instant: Instant, detector: Detector, type: str, market: Market, which: Which = ANY) -> None:
        self._instant = instant
        self._detector = detector
        self._type = type
        self._market = market
        self._which = which
        self._by_name = {each.name: each for each in instant.pipeline.detectors}
        self.knobs = list(self._knobs())
        self._configured = {knob: _read(self._by_name[knob.detector].options, knob.path) for knob in self.knobs}
        self._built: dict[tuple[str, bytes], Detector | None] = {}
        self._at_loosest = {knob: self._declared(knob) for knob in self.knobs}
        self._keep_fitting_windows()

    def explained(self) -> Explained:
        """Measure every condition."""
        checks, resolved = self._checks()
        blocked = next((check for check in checks if not check.passed), None)
        fired = blocked is None and self.fires({}, held=True)
        flips = [] if fired else self._flips(resolved)
        reason = None if fired or flips else self._reason()
        found = self.finding(resolved if flips or not fired else {})
        return Explained(
            type=self._type,
            event=self._instant.tick.event.id,
            market=self._market.key.market,
            player=self._market.key.player,
            at=self._instant.tick.at,
            observation=self._instant.tick.observation,
            fired=fired,
            checks=checks,
            blocked=blocked,
            flips=flips,
            reason=reason,
            finding=None if found is None else _shown(found),
        )

    # ---- asking

    def finding(self, values: Values) -> Finding | None:
        """Return the strongest finding under options of which `values` are others than configured."""
        of_market = [
            each
            for each in self._findings(values)
            if each.type == self._type and each.key == self._market.key and self._which.admits(each)
        ]
        return max(of_market, key=lambda each: (each.strength, each.magnitude), default=None)

    def fires(self, values: Values, *, held: bool) -> bool:
        """Say whether there is a finding under these options; `held`: one that core's gate lets through."""
        found = self.finding(values)
        if found is None or not held:
            return found is not None
        return self._verdict(values, found) is gate.Reason.FIRED

    def _verdict(self, values: Values, found: Finding) -> gate.Reason:
        detector = self._under(self._detector.name, values)
        assert detector is not None, "it has just found something"
        candidates = [
            gate.Candidate(detector.name, each, detector.limits(each.type)) for each in self._findings(values)
        ]
        verdicts = gate.judge(self._instant.gate, candidates, (), self._instant.tick.at)
        own = gate.Candidate(detector.name, found, detector.limits(found.type)).key
        return next(each.reason for each in verdicts if each.candidate.key == own)

    def _findings(self, values: Values) -> list[Finding]:
        seen = self._instant.tick
        tick = Tick(seen.observation, seen.at, seen.event, seen.markets)
        tick.records = dict(seen.records)
        for name in dict.fromkeys([*[knob.detector for knob in values], self._detector.name]):
            detector = self._under(name, values)
            if detector is None:
                return []
            tick.state = self._instant.states.get(name)
            tick.news = self._instant.pipeline.heard(detector, tick)
            try:
                results = list(detector.detect(tick))
            except Exception:
                if detector is self._by_name[name]:
                    raise
                return []  # a value that the model admits and the detector cannot do with: it finds nothing so
            if name == self._detector.name:
                return [each for each in results if isinstance(each, Finding)]
            for kind in detector.provides:
                of_kind = [each for each in results if isinstance(each, Record) and each.kind == kind]
                tick.records[kind] = {each.key: each for each in of_kind}
        return []

    def _under(self, name: str, values: Values) -> Detector | None:
        """Return a detector under other options; None where its options cannot have these values."""
        own = {knob.path: value for knob, value in values.items() if knob.detector == name}
        detector = self._by_name[name]
        if not own:
            return detector
        key = (name, msgspec.json.encode([[path, plain(value)] for path, value in own.items()]))
        if key not in self._built:
            options = _written(detector.options, own)
            self._built[key] = None if options is None else type(detector)(options)
        return self._built[key]

    # ---- measuring

    def _checks(self) -> tuple[list[Check], dict[Knob, Any]]:
        """Measure each condition with those before it met and those after it at their loosest."""
        found = [knob for knob in self.knobs if not knob.gate.held]
        if found and not self.fires({knob: self._loosest(knob) for knob in found}, held=False):
            return [self._check(found[-1], None, passed=False)], {}
        checks: list[Check] = []
        resolved: dict[Knob, Any] = {}
        edge = False
        for number, knob in enumerate(self.knobs):
            if knob.gate.held and not edge:
                edge = True
                checks += self._edge(resolved)
            later = {after: self._loosest(after) for after in self.knobs[number + 1 :]}
            value, passed = self._measured(knob, {**resolved, **later})
            if not (passed and self._is_beside_the_point(knob, value)):
                checks.append(self._check(knob, value, passed=passed))
            if not passed and value is not None:
                resolved[knob] = value
        return checks, resolved

    def _check(self, knob: Knob, value: Any, *, passed: bool) -> Check:
        return Check(knob.name, knob.gate.asks, plain(value), plain(self._configured[knob]), passed)

    def _is_beside_the_point(self, knob: Knob, value: Any) -> bool:
        """Say whether nothing turns on a condition that is met: no value fails it, or another detector switches it."""
        return value is None or (isinstance(value, bool) and knob.detector != self._detector.name)

    def _measured(self, knob: Knob, others: Values) -> tuple[Any, bool]:
        passes = partial(self._passes, knob, others)
        configured = self._configured[knob]
        return measured(configured, self._declared(knob), passes), passes(configured)

    def _passes(self, knob: Knob, others: Values, value: Any) -> bool:
        return self.fires({**others, knob: value}, held=knob.gate.held)

    def _declared(self, knob: Knob) -> Any:
        if knob.gate.loosest is not None:
            return knob.gate.loosest
        return tuple(dict.fromkeys([*self._configured[knob], self._market.key.market]))

    def _keep_fitting_windows(self) -> None:
        """Leave lengths of time as they are where they need not be longer: over a longer one, a move may be undone."""
        found = {knob: value for knob, value in self._at_loosest.items() if not knob.gate.held}
        fitting = {knob: self._configured[knob] if _is_length(value) else value for knob, value in found.items()}
        if self.fires(fitting, held=False):
            self._at_loosest |= fitting

    def _loosest(self, knob: Knob) -> Any:
        return self._at_loosest[knob]

    def _edge(self, resolved: Values) -> list[Check]:
        """Say whether the condition is new, or has grown by a further threshold since its last signal."""
        found = self.finding(resolved)
        if found is None:
            return []
        entry = self._instant.gate.entries.get(
            gate.Candidate(self._detector.name, found, self._detector.limits(found.type)).key
        )
        if entry is None or entry.magnitude is None:
            return []
        least = entry.magnitude + found.threshold
        passed = self._verdict(resolved, found) is not gate.Reason.EDGE
        return [Check("edge", "a condition that is new, or has grown by a threshold", found.magnitude, least, passed)]

    def _flips(self, resolved: Values) -> list[Flip]:
        """Return the single options that would do, and the options that do together where no single one does."""
        found = []
        for knob in self.knobs:
            value = measured(self._configured[knob], self._declared(knob), partial(self._alone, knob))
            if value is not None and self._alone(knob, value):
                found.append(self._flip({knob: value}))
        if not found and resolved and self.fires(resolved, held=True):
            found.append(self._flip(resolved))
        return sorted(found, key=lambda flip: (flip.change, list(flip.options)))

    def _alone(self, knob: Knob, value: Any) -> bool:
        return self.fires({knob: value}, held=True)

    def _flip(self, values: Values) -> Flip:
        change = sum([_change(self._configured[knob], value) for knob, value in values.items()])
        return Flip({knob.name: plain(value) for knob, value in values.items()}, round(change, 6))

    def _reason(self) -> str:
        for kind in self._detector.needs:
            reason = getattr(self._instant.tick.record(kind, self._market.key), "reason", None)
            if reason is not None:
                return f"there is no {kind}: {reason}"
        if self.finding({}) is not None:
            return "the condition has held since its last signal; it has to end, or to grow, before it can fire again"
        if not self._detector.gates.get(self._type):
            return f"{self._detector.name} names no conditions of {self._type} (`gates`): none could be measured"
        return "nothing in this market meets the condition, however loose the options"

    def _knobs(self) -> Sequence[Knob]:
        found = []
        for kind in self._detector.needs:
            for provider in self._by_name.values():
                if kind in provider.provides:
                    found += [Knob(provider.name, each, each.option) for each in provider.gates.get(kind, ())]
        own = self._detector.gates.get(self._type, ())
        compared = _compared(self._market)
        found += [Knob(self._detector.name, each, each.option.format(compared=compared)) for each in own]
        return found


def giving(instant: Instant, type: str) -> Detector:
    """Return the detector that gives signals of `type`. `ProofError` where none says that it does."""
    detectors = [each for each in instant.pipeline.detectors if not isinstance(each, Probe)]
    given = {each: {*each.signals, *each.gates}.difference(each.provides) for each in detectors}
    for detector in detectors:
        if type in given[detector]:
            return detector
    known = ", ".join(sorted(set().union(*given.values()))) or "none"
    silent = ", ".join(each.name for each in detectors if not (given[each] or each.provides or each.annotates))
    hint = f"; {silent}: no `signals` are declared, so that nobody knows which" if silent else ""
    raise ProofError(f"no detector of the pipeline says that it gives {type!r}; they give {known}{hint}")


def _compared(market: Market) -> str:
    """Name what `Thresholds.of` compares the market by."""
    if market.sigma is None:
        return "probability"
    return "spread" if market.kind is Kind.SPREAD else "total"


def _read(options: Any, path: str) -> Any:
    for name in path.split("."):
        options = getattr(options, name)
    return options


def _written(options: PluginConfig, values: Mapping[str, Any]) -> PluginConfig | None:
    whole = plain(options)
    for path, value in values.items():
        *outer, last = path.split(".")
        inner = whole
        for name in outer:
            inner = inner[name]
        inner[last] = plain(value)
    try:
        return type(options).model_validate(whole)
    except ValidationError:
        return None


def _change(before: Any, after: Any) -> float:
    if isinstance(before, (bool, tuple, list)):
        return 1.0
    first, second = _number(before), _number(after)
    return abs(second - first) / (abs(first) or 1.0)


def _is_length(value: Any) -> bool:
    return isinstance(value, timedelta) and value > timedelta()


def _number(value: Any) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def distance(found: Explained) -> tuple[object, ...]:
    """Return how far it is from a signal, for comparison."""
    key = MarketKey(found.market, found.player)
    if found.fired:
        return (0, 0.0, str(key))
    return (1, found.flips[0].change, str(key)) if found.flips else (2, 0.0, str(key))


def _shown(found: Finding) -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        "direction": found.direction,
        "operator": found.operator,
        "books": list(found.books),
        "magnitude": found.magnitude,
        "threshold": found.threshold,
        "strength": found.strength,
    }
