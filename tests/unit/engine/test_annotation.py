"""Annotators add to signals under their own name, and change nothing else."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from stratumd.engine import Pipeline, Step
from stratumd.plugin import HOUR, Detector, Finding, MarketKey, PluginConfig, Tick
from stratumd.testing.harness import PlainNormalizer, game, observation, spread

AT = 1_784_000_000_000_000


class Fires(Detector):
    name = "fires"

    def detect(self, tick: Tick) -> Iterable[Finding]:
        evidence = {"unit": "points"}
        for market in tick.markets:
            yield Finding("FIRED", market.key, "home", "up", 1.0, 0.5, ("pinnacle",), 50, evidence)


class Note(msgspec.Struct, frozen=True):
    minutes: float


class Notes(Detector):
    name, annotates = "notes", Note

    def detect(self, tick: Tick) -> Iterable[Finding]:
        return ()

    def annotate(self, tick: Tick, key: MarketKey) -> Note | None:
        return Note(tick.minutes_to_start) if key.market == "spreads" else None


class Fails(Notes):
    name = "fails"

    def annotate(self, tick: Tick, key: MarketKey) -> Note | None:
        raise RuntimeError("no")


class Lies(Notes):
    name = "lies"

    def annotate(self, tick: Tick, key: MarketKey) -> Any:
        return {"minutes": 1.0}


class Absent(Notes):
    name = "absent"

    def detect(self, tick: Tick) -> Iterable[Finding]:
        raise RuntimeError("cannot say anything")


def step(*kinds: type[Detector]) -> Step:
    detectors = [kind(PluginConfig()) for kind in kinds]
    pipeline = Pipeline("p", detectors, {PlainNormalizer.name: PlainNormalizer(PluginConfig())})
    seen = observation(AT, {game(starts=AT + HOUR): {"pinnacle": [spread(-3.5, 1.9, 1.9)]}})
    return pipeline.step(seen)


def test_what_is_added_stands_under_the_annotators_name_and_nothing_else_changes() -> None:
    (plain,), (noted,) = step(Fires).signals, step(Fires, Notes).signals
    assert noted.metadata == {"unit": "points", "notes": {"minutes": 60.0}}
    assert msgspec.structs.replace(noted, metadata=plain.metadata) == plain


def test_an_annotator_may_stand_anywhere_in_the_pipeline() -> None:
    assert step(Notes, Fires).signals[0].metadata == step(Fires, Notes).signals[0].metadata


@pytest.mark.parametrize("kind", [Fails, Lies])
def test_an_annotator_that_fails_costs_no_signal(kind: type[Detector]) -> None:
    found = step(Fires, kind)
    assert found.signals == step(Fires).signals
    assert [failure.component for failure in found.failures] == [kind.name]


def test_one_that_could_not_see_the_tick_is_not_asked() -> None:
    found = step(Fires, Absent)
    assert found.signals == step(Fires).signals
    assert len(found.failures) == 1
