"""A plugin that does wrong inside a step is named, leaves nothing behind, and the rest goes on."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from stratumd.engine import Pipeline, Step
from stratumd.plugin import (
    HOUR,
    Detector,
    Finding,
    Market,
    Micros,
    Normalizer,
    Observation,
    PluginConfig,
    Signal,
    State,
    Tick,
    parse_iso,
)
from stratumd.testing.harness import PlainNormalizer, game, observation, spread

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")


class Healthy(Detector):
    """Always finds the same."""

    name = "healthy"

    def detect(self, tick: Tick) -> Iterator[Finding]:
        return (finding(market) for market in tick.markets)


class Sick(Detector):
    """Does what the test says."""

    name = "sick"

    def __init__(self, act: Callable[[Tick], Any]) -> None:
        super().__init__(PluginConfig())
        self.act = act

    def detect(self, tick: Tick) -> Any:
        return self.act(tick)


def finding(market: Market, **fields: Any) -> Finding:
    plain = Finding("FOUND", market.key, "home", "up", 1.0, 1.0, ("fanduel",), 50, {})
    return msgspec.structs.replace(plain, **fields)


def poll(minute: int = 0) -> Observation:
    at = NOON + minute * 60_000_000
    return observation(at, {game(NOON + HOUR): {"fanduel": [spread(-3.5 - minute, 1.91, 1.91)]}})


def step(act: Callable[[Tick], Any]) -> Step:
    pipeline = Pipeline("test", [Sick(act), Healthy(PluginConfig())], {"plain": PlainNormalizer(PluginConfig())})
    return pipeline.step(poll())


def raising(error: BaseException) -> Callable[[Tick], Any]:
    def act(tick: Tick) -> Any:
        raise error

    return act


def with_fields(**fields: Any) -> Callable[[Tick], Any]:
    return lambda tick: [finding(tick.markets[0], **fields)]


WRONG: dict[str, Callable[[Tick], Any]] = {
    "raises": raising(ValueError("no")),
    "exits": lambda tick: sys.exit(3),
    "runs out of stack": raising(RecursionError("too deep")),
    "runs out of memory": raising(MemoryError()),
    "raises a group": raising(ExceptionGroup("two", [ValueError("a"), TypeError("b")])),
    "returns nothing": lambda tick: None,
    "yields a text": lambda tick: ["STEAM"],
    "yields a state it never declared": lambda tick: [State()],
    "magnitude is no number": with_fields(magnitude=math.nan),
    "magnitude is infinite": with_fields(magnitude=math.inf),
    "magnitude is negative": with_fields(magnitude=-1.0),
    "magnitude is a text": with_fields(magnitude="1.0"),
    "threshold is zero": with_fields(threshold=0.0),
    "strength is out of range": with_fields(strength=140),
    "strength is a fraction": with_fields(strength=50.5),
    "outcome is no text": with_fields(outcome=7),
    "evidence raises": with_fields(evidence=lambda: 1 / 0),
    "evidence is no JSON": with_fields(evidence={"market": object()}),
    "evidence is no mapping": with_fields(evidence=lambda: ["a"]),
}


@pytest.mark.parametrize("act", WRONG.values(), ids=WRONG.keys())
def test_what_a_detector_does_wrong_is_named_and_contained(act: Callable[[Tick], Any]) -> None:
    outcome = step(act)
    assert [failure.component for failure in outcome.failures] == ["sick"]
    assert [signal.detector for signal in outcome.signals] == ["healthy"]


def test_the_failing_line_is_named() -> None:
    (failure,) = step(raising(ValueError("no"))).failures
    assert failure.where.startswith("test_containment.py:")
    assert failure.error == "ValueError: no"


def test_nothing_of_a_detector_that_fails_late_counts() -> None:
    """It yields a sound finding and then raises: the finding is not half believed."""

    def act(tick: Tick) -> Iterator[Finding]:
        yield finding(tick.markets[0])
        raise ValueError("late")

    assert [signal.detector for signal in step(act).signals] == ["healthy"]


def test_evidence_is_kept_as_a_store_gives_it_back() -> None:
    """Tuples and whole numbers come back as lists and numbers: live and stored signals are the same bytes."""
    outcome = step(with_fields(evidence={"pair": (1, 2.0), 3: "three"}, threshold=1))
    signal = next(signal for signal in outcome.signals if signal.detector == "sick")
    assert signal.metadata == {"pair": [1, 2.0], "3": "three"}
    assert msgspec.convert(msgspec.to_builtins(signal), Signal).to_json() == signal.to_json()


class Wild(Normalizer):
    """Returns what the test says."""

    name = "plain"

    def __init__(self, act: Callable[[Observation], Any]) -> None:
        super().__init__(PluginConfig())
        self.act = act

    def normalize(self, observation: Observation) -> Any:
        return self.act(observation)


def exits(seen: Observation) -> Any:
    sys.exit(1)


def broken_inside(seen: Observation) -> Any:
    sound = PlainNormalizer(PluginConfig()).normalize(seen)
    return msgspec.structs.replace(sound, listings=["no listing"])


@pytest.mark.parametrize("act", [exits, broken_inside, lambda seen: None, lambda seen: 1 / 0])
def test_a_normalizer_that_fails_says_nothing_and_the_next_answer_is_read(act: Callable[[Observation], Any]) -> None:
    normalizer = Wild(act)
    pipeline = Pipeline("test", [Healthy(PluginConfig())], {"plain": normalizer})
    failed = pipeline.step(poll())
    normalizer.act = PlainNormalizer(PluginConfig()).normalize
    good = pipeline.step(poll(1))
    assert [failure.component for failure in failed.failures] == ["plain"]
    assert not failed.signals
    assert good.signals
