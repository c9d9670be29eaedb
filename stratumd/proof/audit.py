"""The point-in-time audit: no signal may know anything that was observed after it.

Each signal is computed twice. First in order, when nothing later has been seen by anybody. Then again, after the same
detectors have lived through another future of its event: prices, lines, starts and absences that never were. Whatever
carries something back, a variable that detectors share or a file that they write, makes the second differ. What no
perturbation can reach, a file that holds the true future, is caught because it has to be opened.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from stratumd.engine import Pipeline
from stratumd.plugin import Micros, Observation, Signal
from stratumd.proof.futures import Elsewhere
from stratumd.proof.watching import Reach, watching

_WINDOW = 24
"""Observations among which those of the other future are looked for."""
_SHOWN = 20


class Changed(msgspec.Struct, frozen=True):
    """A signal that another future changed."""

    signal: Signal | None
    """As it was computed first; None where only the other future made it."""
    again: Signal | None
    """As it was computed again; None where it was not."""

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the command shows."""
        return {name: each and each.public() for name, each in (("signal", self.signal), ("again", self.again))}


class Audit(msgspec.Struct):
    """What the audit of one pipeline found."""

    pipeline: str
    observations: int = 0
    signals: int = 0
    """That were checked."""
    changed: int = 0
    """Of these, or beyond them, that another future changed."""
    futures: int = 0
    """Observations that never were, stepped through in between."""
    examples: list[Changed] = []
    reaches: Counter[Reach] = msgspec.field(default_factory=Counter)
    """What detectors and normalizers opened while they were stepped."""
    seconds: float = 0.0
    failures: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        """Whether nothing was changed and nothing opened."""
        return not self.changed and not self.reaches

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the command shows."""
        return {
            "result": "clean" if self.clean else "look_ahead",
            "pipeline": self.pipeline,
            "observations": self.observations,
            "signals": self.signals,
            "changed": self.changed,
            "futures": self.futures,
            "seconds": round(self.seconds, 3),
            "signals_per_second": round(self.signals / self.seconds) if self.seconds else None,
            "examples": [each.public() for each in self.examples],
            "opened": [{**reach._asdict(), "times": times} for reach, times in self.reaches.most_common()],
            "failures": dict(self.failures),
        }


def audit(
    observations: Callable[[], Iterable[Observation]],
    build: Callable[[], Pipeline],
    since: Micros | None = None,
    until: Micros | None = None,
) -> Audit:
    """Check every signal from `since` to `until`, both included. `observations` gives them all anew when called.

    `build` gives a fresh pipeline.
    """
    started = time.perf_counter()
    found, first = _in_order(observations(), build(), partial(_counts, since, until))
    again, elsewhere = build(), Elsewhere(build())
    for observation, ahead in _looking_ahead(observations()):
        signals = first.get(observation.id, [])
        with watching(found.reaches):
            if signals:
                found.futures += elsewhere.live(observation, ahead, frozenset([each.event for each in signals]))
            step = again.step(observation)
        elsewhere.forget(observation.id)
        _compare(found, signals, [each for each in step.signals if _counts(since, until, each)])
    found.seconds = time.perf_counter() - started
    return found


def _in_order(
    observations: Iterable[Observation], pipeline: Pipeline, counts: Callable[[Signal], bool]
) -> tuple[Audit, dict[str, list[Signal]]]:
    """Step through everything, and return the signals to be checked by observation."""
    found, first = Audit(pipeline.name), {}
    for observation in observations:
        step = pipeline.step(observation)
        found.observations += 1
        found.failures.update([f"{each.component}: {each.error}" for each in step.failures])
        signals = [each for each in step.signals if counts(each)]
        if signals:
            first[observation.id] = signals
    return found, first


def _compare(found: Audit, signals: Sequence[Signal], again: Sequence[Signal]) -> None:
    known, by_id = {each.id for each in signals}, {each.id: each for each in again}
    changes = [Changed(each, by_id.get(each.id)) for each in signals if by_id.get(each.id) != each]
    changes += [Changed(None, each) for each in again if each.id not in known]
    found.signals += len(signals)
    found.changed += len(changes)
    found.examples += changes[: max(0, _SHOWN - len(found.examples))]


def _looking_ahead(observations: Iterable[Observation]) -> Iterator[tuple[Observation, list[Observation]]]:
    """Yield each observation with those that follow it."""
    window: deque[Observation] = deque()
    for observation in observations:
        window.append(observation)
        if len(window) > _WINDOW:
            yield window.popleft(), list(window)
    while window:
        yield window.popleft(), list(window)


def _counts(since: Micros | None, until: Micros | None, signal: Signal) -> bool:
    return (since is None or signal.observed_at >= since) and (until is None or signal.observed_at <= until)
