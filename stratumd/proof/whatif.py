"""Other options over the stored past: what the detectors would have said."""

from __future__ import annotations

import shlex
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stratumd.config import DetectorSpec, PipelineSpec, load_config
from stratumd.engine import Pipeline
from stratumd.errors import ConfigError
from stratumd.odds import Estimate, clustered_mean
from stratumd.plugin import Micros, Normalizer, Observation, Signal, Snapshot, rounded
from stratumd.proof.past import Past
from stratumd.proof.settings import changed_options, read_value
from stratumd.proof.worth import Closes
from stratumd.runtime.build import build_pipeline
from stratumd.store import open_reader

AS_IT_IS = ""
"""The setting that changes nothing."""


class Range(NamedTuple):
    """The part of the past that is asked about."""

    config: Path
    database: str
    pipeline: str
    since: Micros | None = None
    until: Micros | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What one setting gives."""

    setting: str
    signals: list[Signal]
    values: list[tuple[str, float]]
    """Event and closing value of each signal that has one."""

    def by_type(self) -> dict[str, int]:
        """Return how many signals there are of each type."""
        return dict(sorted(Counter(signal.type for signal in self.signals).items()))

    def clv(self) -> Estimate | None:
        """Return the mean closing value with its interval, clustered by event; None where there is none."""
        if not self.values:
            return None
        return clustered_mean([value for _, value in self.values], [event for event, _ in self.values])

    def overlap(self, other: Outcome) -> float | None:
        """Return the share of the signals of either that both give; None where there are none."""
        mine, its = ({_subject(signal) for signal in each.signals} for each in (self, other))
        return len(mine & its) / len(mine | its) if mine or its else None

    def public(self, other: Outcome) -> dict[str, Any]:
        """Return the JSON object that the command shows; `other` is what the configuration gives as it is."""
        clv = self.clv()
        interval = clv.interval if clv is not None else None
        return {
            "setting": self.setting or "as configured",
            "signals": len(self.signals),
            "by_type": self.by_type(),
            "events": len({signal.event for signal in self.signals}),
            "overlap": rounded(self.overlap(other)),
            "valued": len(self.values),
            "clv": None if clv is None else rounded(clv.value),
            "clv_low": None if interval is None else rounded(interval.low),
            "clv_high": None if interval is None else rounded(interval.high),
            "clv_state": None if clv is None else clv.maturity,
        }


def whatif(asked: Range, settings: Sequence[str], jobs: int) -> list[Outcome]:
    """Return what the configuration gives as it is, and then what each of `settings` gives, in up to `jobs` processes.

    `ConfigError` where a setting names no option of a detector of the pipeline, or a value that is none.
    """
    spec = load_config(asked.config).pipelines[asked.pipeline]
    for setting in settings:
        changed(spec, setting)
    wanted = list(dict.fromkeys([AS_IT_IS, *settings]))
    jobs = max(1, min(jobs, len(wanted)))
    shares = [wanted[start::jobs] for start in range(jobs)]
    if jobs == 1:
        found = [_run(asked, wanted)]
    else:
        ending = (signal.SIGINT, signal.SIG_DFL)  # inside of a step Ctrl-C would be contained as a plugin's fault
        with ProcessPoolExecutor(jobs, get_context("spawn"), signal.signal, ending) as pool:
            found = list(pool.map(_run, [asked] * jobs, shares))
    by_setting = {outcome.setting: outcome for some in found for outcome in some}
    return [by_setting[setting] for setting in wanted]


def changed(spec: PipelineSpec, setting: str) -> PipelineSpec:
    """Return the pipeline under a setting: `detector.option=value`, or several of these in quotes, apart by spaces."""
    detectors = {each.name: each for each in spec.detectors}
    for change in shlex.split(setting):
        name = _detector(change, detectors)
        own = detectors[name]
        options = changed_options(own.options, [change.removeprefix(f"{name}.")], f"{name}.")
        detectors[name] = replace(own, options=options)
    return replace(spec, detectors=tuple(detectors.values()))


def options_of(setting: str) -> dict[str, Any]:
    """Return a setting as a mapping of dotted paths to values, as YAML has them."""
    pairs = [change.partition("=") for change in shlex.split(setting)]
    return {path: read_value(setting, text) for path, _, text in pairs}


def _detector(change: str, detectors: Mapping[str, DetectorSpec]) -> str:
    path, equals, _ = change.partition("=")
    names = [name for name in detectors if path.startswith(f"{name}.")]
    if not equals or not names:
        known = ", ".join(detectors)
        raise ConfigError(f"--set {change}: expected detector.option=value, with one of the detectors {known}")
    return max(names, key=len)


def _run(asked: Range, settings: Sequence[str]) -> list[Outcome]:
    """Step all settings of a process through the past side by side: what an observation says is read once."""
    loaded = load_config(asked.config)
    spec = loaded.pipelines[asked.pipeline]
    reader = open_reader(asked.database)
    try:
        past = Past(reader, spec, loaded.registry)
        pipelines = [build_pipeline(changed(spec, setting), loaded.registry) for setting in settings]
        share(pipelines)
        signals: list[list[Signal]] = [[] for _ in settings]
        for steps in _stepped(past, pipelines, asked):
            for own, found in zip(signals, steps, strict=True):
                own += found
        closes = Closes(past)
        return [
            Outcome(setting, own, [(each.event, value) for each in own if (value := closes.mean(each)) is not None])
            for setting, own in zip(settings, signals, strict=True)
        ]
    finally:
        reader.close()


def _stepped(past: Past, pipelines: Sequence[Pipeline], asked: Range) -> Iterator[list[list[Signal]]]:
    turns = past.as_taken(past.start(asked.since))
    for observation in past.reader.observations([turn.observation for turn in turns]):
        if observation.id in past.poisoned:
            for pipeline in pipelines:
                pipeline.time_of(observation)
            continue
        steps = [pipeline.step(observation) for pipeline in pipelines]
        yield [[each for each in step.signals if _counts(each, asked)] for step in steps]


def share(pipelines: Sequence[Pipeline]) -> None:
    """Let pipelines of the same normalizers read every observation once, together."""
    shared = {name: Once(each) for name, each in pipelines[0].normalizers.items()}
    for pipeline in pipelines:
        pipeline.normalizers = dict(shared)


class Once(Normalizer):
    """Another normalizer, of which the newest word is kept: it is asked for again at once."""

    def __init__(self, inner: Normalizer) -> None:
        super().__init__(inner.options)
        self.name = inner.name  # type: ignore[misc]  # it stands in for the other
        self._inner = inner
        self._newest: tuple[str, Snapshot] | None = None

    def normalize(self, observation: Observation) -> Snapshot:
        """Return what the other says."""
        if self._newest is None or self._newest[0] != observation.id:
            self._newest = (observation.id, self._inner.normalize(observation))
        return self._newest[1]


def _counts(signal: Signal, asked: Range) -> bool:
    after = asked.since is None or signal.observed_at >= asked.since
    return after and (asked.until is None or signal.observed_at <= asked.until)


def _subject(signal: Signal) -> tuple[object, ...]:
    """Return what a signal is about: under other options it has another id."""
    where = (signal.observation, signal.event, signal.market, signal.player)
    return (*where, signal.type, signal.outcome, signal.direction, signal.operator)
