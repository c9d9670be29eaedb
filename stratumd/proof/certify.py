"""Replay of what was recorded against what was emitted live, signal by signal."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec

from stratumd.engine import Pipeline, Step
from stratumd.plugin import Micros, Signal, iso
from stratumd.proof.past import Past, ProofError, Turn
from stratumd.proof.rebuilt import as_noted
from stratumd.runtime.builds import Build, PartBuild, build_of


class Cause(StrEnum):
    """Why a replay gives something else than what was emitted."""

    LATE_DATA = "late_data"
    """An observation came after later ones had been processed, or was never processed."""
    CHANGED_OPTIONS = "changed_options"
    CHANGED_CODE = "changed_code"
    MISSING_DATA = "missing_data"
    """The observation of a signal is not stored any more."""
    UNEXPLAINED = "unexplained"
    """Order, options and code are the same: a component depends on something that is not recorded."""


class Divergence(msgspec.Struct, frozen=True):
    """The first signal that a replay gives otherwise."""

    observation: str
    live: Signal | None
    """As it was emitted; None where it was not."""
    replayed: Signal | None
    """As the replay gives it; None where it does not."""
    fields: tuple[str, ...]
    """What differs, where both are there."""

    @property
    def signal(self) -> Signal:
        """Return the signal that it is about, as emitted or else as replayed."""
        found = self.live or self.replayed
        assert found is not None, "one of the two is there"
        return found

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the command shows."""
        signal = self.signal
        named = ("type", "event", "market", "player", "outcome", "direction", "operator")
        return {
            "observation": self.observation,
            "observed_at": iso(signal.observed_at),
            **{name: getattr(signal, name) for name in named},
            "fields": list(self.fields),
            "live": None if self.live is None else self.live.public(),
            "replayed": None if self.replayed is None else self.replayed.public(),
        }


class Certificate(msgspec.Struct, frozen=True):
    """What a replay of one pipeline's past showed."""

    pipeline: str
    since: Micros | None
    until: Micros | None
    observations: int
    """Stepped through."""
    late: int
    """Of these, taken out of turn or never."""
    signals: int
    """Compared and found equal, byte for byte."""
    observations_sha256: str
    """Of the ids of the observations, one a line, in the order of stepping."""
    signals_sha256: str
    """Of the signals that are equal, one a line, in the order of emission."""
    eras: int
    """How many configurations the past was stepped under: one more with every reload that changed the pipeline."""
    build: Build
    """What the pipeline is built from now."""
    divergence: Divergence | None = None
    cause: Cause | None = None
    details: tuple[str, ...] = ()
    """What exactly came late or was changed; where all is equal, what was changed without a consequence."""

    @property
    def equal(self) -> bool:
        """Whether every signal is the same."""
        return self.divergence is None

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the command shows."""
        build = self.build
        return {
            "result": "equal" if self.equal else "diverged",
            "pipeline": self.pipeline,
            "from": None if self.since is None else iso(self.since),
            "to": None if self.until is None else iso(self.until),
            "observations": self.observations,
            "late": self.late,
            "signals": self.signals,
            "eras": self.eras,
            "observations_sha256": self.observations_sha256,
            "signals_sha256": self.signals_sha256,
            "stratumd": build.stratumd,
            "core": build.core,
            "python": platform.python_version(),
            "detectors": [_version(each) for each in build.detectors],
            "normalizers": [_version(each) for each in build.normalizers],
            "divergence": None if self.divergence is None else self.divergence.public(),
            "cause": self.cause,
            "details": list(self.details),
        }


def certify(past: Past, since: Micros | None = None, until: Micros | None = None) -> Certificate:
    """Step through the past of one pipeline again and compare its signals from `since` to `until`, both included.

    Each observation has its turn at the time it was received. What was stepped before a reload is stepped under the
    options of then, which are noted; the newest part under those of the configuration.
    """
    comparison = Comparison(past, since, until)
    newest = max(0, len(past.eras) - 1)
    turns = past.in_time(past.start(since))

    def build(era: int) -> Pipeline:
        return past.configured() if era == newest else as_noted(past, era)

    ran = comparison.run(turns, build)
    found = ran.divergence
    cause, details = (None, _changed(past)) if found is None else _explained(comparison, found, ran.stepped)
    return Certificate(
        pipeline=past.spec.name,
        since=since,
        until=until,
        observations=len(ran.stepped),
        late=sum(each.observation in ran.stepped for each in past.late),
        signals=ran.equal,
        observations_sha256=_hash(each.encode() for each in ran.stepped),
        signals_sha256=ran.digest,
        eras=max(1, len({turn.build for turn in turns} - {None})),
        build=build_of(past.configured()),
        divergence=found,
        cause=cause,
        details=tuple(details),
    )


class Run(msgspec.Struct):
    """One comparison, up to the first divergence."""

    stepped: dict[str, int] = {}
    """The observations by their turn."""
    equal: int = 0
    digest: str = ""
    divergence: Divergence | None = None


class Comparison:
    """The signals that were emitted in a range, to be held against those of a replay."""

    def __init__(self, past: Past, since: Micros | None, until: Micros | None) -> None:
        self.past = past
        self.since = since
        self.until = until
        self._live: dict[str, list[Signal]] = {}
        for signal in past.reader.signals(pipeline=past.spec.name, since=since, until=until):
            self._live.setdefault(signal.observation, []).append(signal)

    def run(self, turns: Sequence[Turn], build: Callable[[int], Pipeline]) -> Run:
        """Step through `turns` until a signal differs."""
        ran, digest, missing = Run(), hashlib.sha256(), dict(self._live)
        for step in self.past.steps(turns, build):
            if self.until is not None and step.at > self.until:
                break
            ran.stepped[step.observation.id] = len(ran.stepped)
            live = missing.pop(step.observation.id, [])
            ran.divergence = self._compare(step, live)
            if ran.divergence is not None:
                break
            ran.equal += len(live)
            for signal in sorted(live, key=lambda each: each.id):
                digest.update(signal.to_json() + b"\n")
        else:
            ran.divergence = next((Divergence(o, some[0], None, ()) for o, some in missing.items()), None)
        ran.digest = digest.hexdigest()
        return ran

    def _compare(self, step: Step, live: Sequence[Signal]) -> Divergence | None:
        here = {each.id: each for each in step.signals if self._counts(each)}
        there = {each.id: each for each in live}
        if here == there:
            return None
        for signal in live:
            again = here.get(signal.id) or next(
                (each for each in here.values() if _subject(each) == _subject(signal)), None
            )
            if again != signal:
                return Divergence(step.observation.id, signal, again, _differing(signal, again))
        extra = next(each for each in here.values() if each.id not in there)
        return Divergence(step.observation.id, None, extra, ())

    def _counts(self, signal: Signal) -> bool:
        after = self.since is None or signal.observed_at >= self.since
        return after and (self.until is None or signal.observed_at <= self.until)


def _explained(comparison: Comparison, found: Divergence, stepped: dict[str, int]) -> tuple[Cause, list[str]]:
    """Name the cause by experiment: with everything as it was, what is left is the code."""
    past = comparison.past
    if found.observation not in stepped:
        return Cause.MISSING_DATA, [f"observation {found.observation} is not stored any more"]
    now, noted = build_of(past.configured()), past.newest_build
    options = _changed_options(now, past)
    code = _changed_code(now, noted, found.signal.detector)
    noting = partial(as_noted, past) if past.eras else lambda era: past.configured()
    start = past.start(comparison.since)
    try:
        as_it_was = comparison.run(past.as_taken(start), noting).divergence
        in_time = comparison.run(past.in_time(start), noting).divergence if as_it_was is None else None
    except ProofError as error:
        return Cause.CHANGED_CODE, [str(error), *code]
    if as_it_was is not None:
        if not past.eras and options:
            return Cause.CHANGED_OPTIONS, options
        return (Cause.CHANGED_CODE, code) if code else (Cause.UNEXPLAINED, _said(past, found))
    if options and (in_time is None or stepped.get(in_time.observation, len(stepped)) > stepped[found.observation]):
        return Cause.CHANGED_OPTIONS, options
    return Cause.LATE_DATA, _late(past, found, stepped)


def _changed(past: Past) -> list[str]:
    now, noted = build_of(past.configured()), past.newest_build
    return [] if noted is None else _changed_options(now, past) + _changed_code(now, noted, None)


def _changed_options(now: Build, past: Past) -> list[str]:
    """Say which options are not those that are noted."""
    if not past.eras:
        return ["what the pipeline was built from is not noted"]
    then, present = past.eras[-1].build.options(), now.options()
    names = sorted(name for name in {*then, *present} if then.get(name) != present.get(name))
    return [f"{name}: {_word(then, name)} then, {_word(present, name)} now" for name in names]


def _changed_code(now: Build, noted: Build | None, first: str | None) -> list[str]:
    """Say whose code is not that which ran then, the component `first` before all others."""
    if noted is None:
        return []
    before = {each.name: each for each in (*noted.detectors, *noted.normalizers)}
    changed = [
        f"{each.name}: version {before[each.name].version}, code {before[each.name].code} then; "
        f"version {each.version}, code {each.code} now"
        for each in sorted((*now.detectors, *now.normalizers), key=lambda each: each.name != first)
        if each.name in before and (each.version, each.code) != (before[each.name].version, before[each.name].code)
    ]
    if (now.stratumd, now.core) != (noted.stratumd, noted.core):
        changed.append(f"stratumd: {noted.stratumd}, code {noted.core} then; {now.stratumd}, code {now.core} now")
    return changed


def _late(past: Past, found: Divergence, stepped: dict[str, int]) -> list[str]:
    """Say what came late before the signal that differs, the newest first."""
    before = [each for each in past.late if stepped.get(each.observation, len(stepped)) <= stepped[found.observation]]
    return [
        f"observation {each.observation} of {each.source}, received at {iso(each.received_at)}, was "
        + ("never taken" if each.taken_at is None else f"taken after one of {iso(each.taken_at)}")
        for each in before[::-1]
    ]


def _said(past: Past, found: Divergence) -> list[str]:
    failed = [each for each in past.reader.skipped(past.spec.name) if each.observation == found.observation]
    words = [f"{each.component} failed there: {each.error} ({each.place})" for each in failed]
    return words or [f"{found.signal.detector} depends on something that is not recorded"]


def _subject(signal: Signal) -> tuple[object, ...]:
    return (
        signal.type,
        signal.event,
        signal.market,
        signal.player,
        signal.outcome,
        signal.direction,
        signal.operator,
    )


def _differing(live: Signal, replayed: Signal | None) -> tuple[str, ...]:
    if replayed is None:
        return ()
    return tuple(name for name in live.__struct_fields__ if getattr(live, name) != getattr(replayed, name))


def _word(options: dict[str, Any], name: str) -> str:
    return msgspec.json.encode(options[name]).decode() if name in options else "not there"


def _version(part: PartBuild) -> dict[str, str]:
    return {"name": part.name, "version": part.version, "code": part.code, "hash": part.hash}


def _hash(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line + b"\n")
    return digest.hexdigest()
