"""Each check finds the mistake that it is there for."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from stratumd.errors import ConfigError
from stratumd.plugin import (
    ConsensusPoint,
    Context,
    Delivery,
    Detector,
    Finding,
    Limits,
    MarketKey,
    Normalizer,
    Observation,
    PluginConfig,
    Scope,
    Sink,
    Snapshot,
    State,
    Tick,
)
from stratumd.testing.conformance import musts, verify_component, verify_detector, verify_normalizer, verify_sink


def finding(tick: Tick, **wrong: Any) -> Finding:
    market = tick.markets[0]
    right: dict[str, Any] = {
        "type": "TEST", "key": market.key, "outcome": "home", "direction": "up", "magnitude": 1.0, "threshold": 0.5,
        "books": (next(iter(market.lines)),), "strength": 50, "evidence": {},
    }  # fmt: skip
    return Finding(**right | wrong)


class Good(Detector):
    name = "good"

    def detect(self, tick: Tick) -> Iterator[Any]:
        yield finding(tick)


class Shape(msgspec.Struct):
    books: int


class Count(State, frozen=True):
    ticks: int = 0


class Raises(Good):
    def detect(self, tick: Tick) -> Iterator[Any]:
        if tick.in_play:
            raise KeyError("spreads")
        yield finding(tick)


class Remembers(Good):
    ticks = 0

    def detect(self, tick: Tick) -> Iterator[Any]:
        Remembers.ticks += 1
        yield finding(tick, evidence={"ticks": Remembers.ticks})


class TrustsTheMemo(Good):
    def detect(self, tick: Tick) -> Iterator[Any]:
        memo = tick.markets[0].memo
        memo["seen"] = memo.get("seen", 0) + 1 if self in memo else memo.setdefault(self, 0)
        yield finding(tick, magnitude=float(memo["seen"]))


class Incomplete(Good):
    def detect(self, tick: Tick) -> Iterator[Any]:
        yield finding(tick, direction="sideways")


class NotJson(Good):
    def detect(self, tick: Tick) -> Iterator[Any]:
        yield finding(tick, evidence=lambda: {"edge": float("nan")})


class Undeclared(Good):
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"OTHER": Shape}


class WrongShape(Good):
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"TEST": Shape}


class SecretRecord(Good):
    def detect(self, tick: Tick) -> Iterator[Any]:
        yield ConsensusPoint(tick.markets[0].key)


class TwoStates(Good):
    state = Count

    def detect(self, tick: Tick) -> Iterator[Any]:
        yield from (Count(1), Count(2))


class Random(Good):
    def detect(self, tick: Tick) -> Iterator[Any]:
        yield finding(tick, evidence={"luck": random.random()})


class CountsEvents(Good):
    """Remembers other events: it is the same when asked again at once, and in a second run, but not alone."""

    def __init__(self, options: PluginConfig) -> None:
        super().__init__(options)
        self.events: dict[str, None] = {}

    def detect(self, tick: Tick) -> Iterator[Any]:
        self.events[tick.event.id] = None
        yield finding(tick, evidence={"events": len(self.events)})


class ForgetsAtRestart(Good):
    """Keeps its memory to itself instead of yielding a State."""

    def __init__(self, options: PluginConfig) -> None:
        super().__init__(options)
        self.ticks: Counter[str] = Counter()

    def detect(self, tick: Tick) -> Iterator[Any]:
        self.ticks[tick.event.id] += 1
        yield finding(tick, magnitude=float(self.ticks[tick.event.id]))


class NegativeCooldown(Good):
    def limits(self, type: str) -> Limits:
        return Limits(cooldown=-1)


DETECTOR_MISTAKES: dict[str, list[type[Detector]]] = {
    "D1": [Raises],
    "D2": [Remembers, TrustsTheMemo],
    "D3": [Incomplete],
    "D4": [NotJson],
    "D5": [Undeclared, WrongShape],
    "D6": [SecretRecord, TwoStates],
    "D7": [Random],
    "D8": [CountsEvents],
    "D9": [ForgetsAtRestart],
    "D10": [NegativeCooldown],
}


def failed(verdicts: Sequence[Any]) -> set[str]:
    return {verdict.number for verdict in verdicts if verdict.problem}


def test_a_good_detector_passes() -> None:
    assert failed(verify_detector(Good, {})) == set()


@pytest.mark.parametrize(
    ("number", "mistaken"), [(number, each) for number, mistaken in DETECTOR_MISTAKES.items() for each in mistaken]
)
def test_a_detectors_mistake_is_found(number: str, mistaken: type[Detector]) -> None:
    assert number in failed(verify_detector(mistaken, {}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": MarketKey("nowhere")}, {"books": ("nobody",)}, {"direction": ""}, {"magnitude": -1.0},
        {"magnitude": float("inf")}, {"threshold": 0.0}, {"strength": 0}, {"strength": 50.5},
    ],
)  # fmt: skip
def test_every_incomplete_finding_is_found(wrong: dict[str, Any]) -> None:
    class Wrong(Good):
        def detect(self, tick: Tick) -> Iterator[Any]:
            yield finding(tick, **wrong)

    assert "D3" in failed(verify_detector(Wrong, {}))


# All components


class Undocumented(PluginConfig):
    edge: float = 0.1


class Lax(PluginConfig, extra="ignore"):
    pass


@pytest.mark.parametrize(
    ("number", "attributes"),
    [("C1", {"config": Undocumented}), ("C2", {"config": Lax}), ("C3", {"name": "My Plugin"}), ("C3", {"version": ""})],
)
def test_a_components_mistake_is_found(number: str, attributes: dict[str, Any]) -> None:
    assert failed(verify_component(type("Mistaken", (Good,), attributes))) == {number}


def test_missing_options_are_named() -> None:
    class Config(PluginConfig):
        key: str
        """What is missing."""

    with pytest.raises(ConfigError, match="key: Field required"):
        verify_detector(type("Needy", (Good,), {"config": Config}), {})


# Normalizers


def normalizer(normalize: Callable[[Any, Observation], Any]) -> type[Normalizer]:
    return type("Tried", (Normalizer,), {"name": "tried", "normalize": normalize})


NOTHING = Snapshot(None, [], [])


def test_a_good_normalizer_passes() -> None:
    assert failed(verify_normalizer(normalizer(lambda self, observation: NOTHING), {})) == set()


def test_a_normalizers_mistakes_are_found() -> None:
    everywhere = Snapshot(Scope("basketball_nba", "us"), [], [])
    fragile = normalizer(lambda self, observation: msgspec.json.decode(observation.body))
    fickle = normalizer(lambda self, observation: Snapshot(Scope("", str(random.random())), [], []))
    credulous = normalizer(lambda self, observation: everywhere)
    assert "N1" in failed(verify_normalizer(fragile, {}))
    assert "N2" in failed(verify_normalizer(fickle, {}))
    assert failed(verify_normalizer(credulous, {})) == {"N3"}


# Sinks


class Accepts(Sink):
    name = "accepts"

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        assert len(deliveries) <= self.batch


class Moody(Accepts):
    def wants(self, signal: Any) -> bool:
        return random.random() < 0.5


class Once(Accepts):
    def __init__(self, options: PluginConfig, context: Any) -> None:
        super().__init__(options, context)
        self.seen: set[str] = set()

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        if self.seen & {each.id for each in deliveries}:
            raise ValueError("again")
        self.seen |= {each.id for each in deliveries}


class AsManyAsSaid(Accepts):
    """How many it takes comes from an option, and it says one too many."""

    def __init__(self, options: PluginConfig, context: Context) -> None:
        super().__init__(options, context)
        self.batch = 3

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        assert len(deliveries) < self.batch


class OneAtATime(Accepts):
    batch = 3

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        (_,) = deliveries


class Opened(Accepts):
    async def open(self) -> None:
        self.file = object()

    async def close(self) -> None:
        del self.file


class OnlyTheFirstTime(Accepts):
    class config(PluginConfig):  # noqa: N801  # the attribute's own name
        path: Path
        """A file that must not be there yet."""

    async def open(self) -> None:
        self.options.path.touch(exist_ok=False)


def test_a_good_sink_passes() -> None:
    assert failed(verify_sink(Accepts, {})) == set()


@pytest.mark.parametrize(
    ("number", "mistaken"), [("S2", Once), ("S3", OneAtATime), ("S3", AsManyAsSaid), ("S4", Opened)]
)
def test_a_sinks_mistake_is_found(number: str, mistaken: type[Sink]) -> None:
    assert number in failed(verify_sink(mistaken, {}))


def test_a_sink_of_changing_mind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    moods = iter([0.1, 0.9] * 10)
    monkeypatch.setattr(random, "random", lambda: next(moods))
    assert failed(verify_sink(Moody, {})) == {"S1"}


def test_a_sink_that_cannot_restart_is_found(tmp_path: Path) -> None:
    assert "S5" in failed(verify_sink(OnlyTheFirstTime, {"path": tmp_path / "new"}))


def test_every_must_is_tried_here() -> None:
    tried = {*DETECTOR_MISTAKES, "C1", "C2", "C3", "N1", "N2", "N3", "S1", "S2", "S3", "S4", "S5"}
    assert tried == set(musts())
