"""A plugin that does wrong inside a step is named, leaves nothing behind, and the rest goes on."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stratumd.engine import Pipeline, Step
from stratumd.plugin import (
    DAY,
    HOUR,
    ConsensusPoint,
    Contributor,
    Detector,
    Finding,
    Issue,
    Limits,
    Listing,
    Market,
    MarketKey,
    Micros,
    Normalizer,
    Observation,
    Offer,
    PluginConfig,
    Quote,
    Record,
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


def pipeline_of(sick: Sick) -> Pipeline:
    return Pipeline("test", [sick, Healthy(PluginConfig())], {"plain": PlainNormalizer(PluginConfig())})


def step(act: Callable[[Tick], Any]) -> Step:
    return pipeline_of(Sick(act)).step(poll())


def raising(error: BaseException) -> Callable[[Tick], Any]:
    def act(tick: Tick) -> Any:
        raise error

    return act


def with_fields(**fields: Any) -> Callable[[Tick], Any]:
    return lambda tick: [finding(tick.markets[0], **fields)]


class Final(BaseException):
    """What `except Exception` does not catch."""


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Noted(Record, frozen=True):
    kind = "noted"
    value: object = None


class Nameless(Record, frozen=True):
    """It has no kind."""


KEY = MarketKey("spreads")


def yielding(*results: Any) -> Callable[[Tick], Any]:
    return lambda tick: results


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
    "magnitude is a boolean": with_fields(magnitude=True),
    "magnitude is a decimal": with_fields(magnitude=Decimal(1)),
    "strength is a boolean": with_fields(strength=True),
    "type is nothing": with_fields(type=None),
    "type is half a surrogate pair": with_fields(type="\ud800"),
    "type has a NUL": with_fields(type="A\0"),
    "direction is nothing": with_fields(direction=None),
    "direction is half a surrogate pair": with_fields(direction="\ud800"),
    "outcome is no text": with_fields(outcome=7),
    "outcome is nothing": with_fields(outcome=None),
    "outcome is a text of its own kind": with_fields(outcome=type("Text", (str,), {})("home")),
    "operator is no text": with_fields(operator=7),
    "key is a plain tuple": with_fields(key=("spreads", None)),
    "key is nothing": with_fields(key=None),
    "market is nothing": with_fields(key=MarketKey(None)),
    "player is half a surrogate pair": with_fields(key=MarketKey("spreads", "\ud800")),
    "books are nothing": with_fields(books=None),
    "books are a text": with_fields(books="fanduel"),
    "a book is nothing": with_fields(books=(None,)),
    "a book is half a surrogate pair": with_fields(books=("\ud800",)),
    "raises what is no Exception": raising(Final()),
    "raises KeyboardInterrupt": raising(KeyboardInterrupt()),
    "raises GeneratorExit": raising(GeneratorExit()),
    "raises what has no text": raising(Mute()),
    "record is no JSON": yielding(Noted(KEY, object())),
    "record holds half a surrogate pair": yielding(Noted(KEY, "\ud800")),
    "record has an unhashable key": yielding(Noted(["spreads"])),
    "record is keyed by a plain tuple": yielding(Noted(("spreads", None))),
    "record of no market": yielding(Noted(MarketKey(7))),
    "record of half a player": yielding(Noted(MarketKey("player_points", "\ud800"))),
    "record without a kind": yielding(Nameless(KEY)),
    "consensus with a reason that is half a surrogate pair": yielding(ConsensusPoint(KEY, reason="\ud800")),
    "evidence raises": with_fields(evidence=lambda: 1 / 0),
    "evidence is no JSON": with_fields(evidence={"market": object()}),
    "evidence is no mapping": with_fields(evidence=lambda: ["a"]),
}


@pytest.mark.parametrize("act", WRONG.values(), ids=WRONG.keys())
def test_what_a_detector_does_wrong_is_named_and_contained(act: Callable[[Tick], Any]) -> None:
    outcome = step(act)
    assert [failure.component for failure in outcome.failures] == ["sick"]
    assert [signal.detector for signal in outcome.signals] == ["healthy"]


@pytest.mark.parametrize(
    "limits",
    [
        lambda type: None,
        lambda type: 1 / 0,
        lambda type: (0, None, None),
        lambda type: Limits(cooldown=None),
        lambda type: Limits(cooldown=-1),
        lambda type: Limits(cooldown=0.5),
        lambda type: Limits(per_hour="3"),
        lambda type: Limits(lifetime=10**20),
        lambda type: Limits(lifetime=10_000 * 365 * DAY),
    ],
)
def test_limits_that_are_none_are_named_and_contained(limits: Callable[[str], Any]) -> None:
    sick: Any = Sick(with_fields())
    sick.limits = limits
    outcome = pipeline_of(sick).step(poll())
    assert [failure.component for failure in outcome.failures] == ["sick"]
    assert [signal.detector for signal in outcome.signals] == ["healthy"]


class Remembered(State, frozen=True):
    times: int


@pytest.mark.parametrize("times", [object(), "\ud800", "three"])
def test_a_state_that_could_not_be_read_back_is_no_state(times: Any) -> None:
    """The last case can be written, and the next start would fail at it."""
    sick = Sick(yielding(Remembered(times)))
    sick.state = Remembered
    outcome = pipeline_of(sick).step(poll())
    assert [failure.component for failure in outcome.failures] == ["sick"]
    assert all(change.component != "sick" for change in outcome.states)


class Incomparable(Noted, frozen=True):
    def same(self, other: Record) -> bool:
        raise ValueError("no")


def test_a_record_that_cannot_be_compared_is_contained() -> None:
    pipeline = pipeline_of(Sick(lambda tick: [Incomparable(KEY, tick.at)]))
    assert not pipeline.step(poll()).failures
    assert [failure.component for failure in pipeline.step(poll(1)).failures] == ["sick"]


def test_a_contributor_that_cannot_be_stored_is_refused_each_time_it_comes() -> None:
    """Of a consensus the next one's contributors are mostly the same objects; nobody looks at those twice."""
    good, bad = Contributor("a", "a", 1.0, (0.5, 0.5), None, ("a",)), Contributor("\ud800", "b", 1.0, (), None, ())
    said = iter([(good,), (good, bad), (good, bad), (good,)])
    pipeline = pipeline_of(Sick(lambda tick: [ConsensusPoint(KEY, reason="few", contributors=next(said))]))
    assert [len(pipeline.step(poll(number)).failures) for number in range(4)] == [0, 1, 1, 0]


def test_of_two_records_of_one_market_the_later_counts() -> None:
    outcome = step(yielding(Noted(KEY, 1), Noted(KEY, 2)))
    assert [record for _, record in outcome.records] == [Noted(KEY, 2)]


def test_names_from_a_provider_may_hold_what_the_store_cleans() -> None:
    """The detector is not to blame for them."""
    outcome = step(with_fields(key=MarketKey("player_points", "Jokić\0"), outcome="é", books=("b\0",)))
    assert not outcome.failures


def test_the_failing_line_is_named() -> None:
    (failure,) = step(raising(ValueError("no"))).failures
    assert failure.where.startswith("test_containment.py:")
    assert failure.error == "ValueError: no"


def test_where_core_refuses_what_was_yielded_the_detector_is_named_and_not_core() -> None:
    (failure,) = step(lambda tick: ["nonsense"]).failures
    assert failure.where == f"test_containment.py:{Sick.detect.__code__.co_firstlineno}"


def test_a_packages_own_module_is_named_with_the_package() -> None:
    source = "def fail(): raise ValueError('no')"
    space: dict[str, Any] = {}
    exec(compile(source, "/site/stratumd_late_money/__init__.py", "exec"), space)  # it is the test's own

    def act(tick: Tick) -> Iterator[Finding]:
        space["fail"]()
        yield finding(tick.markets[0])

    (failure,) = step(act).failures
    assert failure.where == "stratumd_late_money/__init__.py:1"


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


class Link(Detector):
    """Passes on what it needs, or fails."""

    def __init__(
        self, name: str, needs: tuple[str, ...], provides: tuple[str, ...], act: Callable[[Tick], Any]
    ) -> None:
        super().__init__(PluginConfig())
        self.name, self.needs, self.provides, self.act = name, needs, provides, act

    def detect(self, tick: Tick) -> Any:
        return self.act(tick)


def test_a_failure_two_steps_up_releases_no_edge() -> None:
    """A fails once; B, which needs it, says nothing; C, which needs B, concludes nothing and does not fire again."""
    first = Link("a", (), ("one",), lambda tick: [])
    second = Link("b", ("one",), ("two",), lambda tick: [])
    third = Link("c", ("two",), (), lambda tick: [finding(tick.markets[0])])
    pipeline = Pipeline("test", [first, second, third], {"plain": PlainNormalizer(PluginConfig())})
    fired = []
    for minute in range(4):
        first.act = (lambda tick: 1 / 0) if minute == 1 else (lambda tick: [])
        fired.append(len(pipeline.step(poll(minute)).signals))
    assert fired == [1, 0, 0, 0]


@pytest.mark.parametrize("price", [math.nan, math.inf])
def test_a_price_that_is_no_number_is_refused(price: float) -> None:
    """In a database it would look like a quote that is gone; the event is announced all the same."""
    sick = observation(NOON, {game(NOON + HOUR): {"fanduel": [spread(-3.5, 1.91, 1.91)]}})

    def act(seen: Observation) -> Any:
        sound = PlainNormalizer(PluginConfig()).normalize(seen)
        offer, at = sound.listings[0].offers[0]
        quotes = tuple(quote._replace(price=price) for quote in offer.quotes)
        sound.listings[0].offers[0] = (msgspec.structs.replace(offer, quotes=quotes), at)
        return sound

    outcome = Pipeline("test", [], {"plain": Wild(act)}).step(sick)
    assert [failure.component for failure in outcome.failures] == ["plain"]
    assert not outcome.changes
    assert len(outcome.events) == 1


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


def with_parts(**parts: Any) -> Callable[[Observation], Any]:
    def act(seen: Observation) -> Any:
        sound = PlainNormalizer(PluginConfig()).normalize(seen)
        return msgspec.structs.replace(sound, **parts)

    return act


def with_event(**fields: Any) -> Callable[[Observation], Any]:
    return with_parts(listings=[Listing(msgspec.structs.replace(game(NOON + HOUR), **fields), [])])


def interrupts(seen: Observation) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "act",
    [
        exits,
        interrupts,
        broken_inside,
        lambda seen: None,
        lambda seen: 1 / 0,
        with_parts(scope="basketball_nba"),
        with_parts(listings=None),
        with_parts(issues=None),
        with_parts(issues=[1]),
        with_parts(issues=[Issue(None, "detail")]),
        with_parts(issues=[Issue("rule\ud800", "detail")]),
        with_parts(issues=[Issue("rule", 7)]),
        with_parts(issues=[Issue("rule", "detail", 3)]),
        with_event(commence_at=10**25),
        with_event(commence_at=-(2**62)),
        with_event(commence_at=None),
        with_event(home="\ud800"),
        with_event(id=None),
    ],
)
def test_a_normalizer_that_fails_says_nothing_and_the_next_answer_is_read(act: Callable[[Observation], Any]) -> None:
    normalizer = Wild(act)
    pipeline = Pipeline("test", [Healthy(PluginConfig())], {"plain": normalizer})
    failed = pipeline.step(poll())
    normalizer.act = PlainNormalizer(PluginConfig()).normalize
    good = pipeline.step(poll(1))
    assert [failure.component for failure in failed.failures] == ["plain"]
    assert not failed.signals
    assert good.signals


@pytest.mark.parametrize(
    "offer",
    [
        Offer("\ud800", "spreads", (Quote("home", 1.9, -3.5), Quote("away", 1.9, 3.5))),
        Offer("fanduel", "alternate", (Quote("\ud800", 1.9),)),
        Offer("fanduel", "alternate", (Quote("home", "1.9"),)),
    ],
)
def test_quotes_that_cannot_be_stored_cost_only_their_event(offer: Offer) -> None:
    def act(seen: Observation) -> Any:
        sound = PlainNormalizer(PluginConfig()).normalize(seen)
        bad = Listing(game(NOON + HOUR, id="bad"), [(offer, NOON)])
        return msgspec.structs.replace(sound, listings=[bad, *sound.listings])

    outcome = Pipeline("test", [Healthy(PluginConfig())], {"plain": Wild(act)}).step(poll())
    assert [(failure.component, failure.event) for failure in outcome.failures] == [("plain", "bad")]
    assert {signal.event for signal in outcome.signals} == {"game"}
    assert {change.event for change in outcome.changes} == {"game"}


def test_issues_keep_the_words_of_a_provider() -> None:
    """The store cleans them; an issue must not cost the observation."""
    act = with_parts(issues=[Issue("rule", "odd \ud800 \0", event="\ud800")])
    outcome = Pipeline("test", [Healthy(PluginConfig())], {"plain": Wild(act)}).step(poll())
    assert not outcome.failures
    assert outcome.signals


def test_an_error_is_put_into_the_words_that_are_asked_for() -> None:
    normalizers = {"plain": PlainNormalizer(PluginConfig())}
    pipeline = Pipeline("test", [Sick(raising(ValueError("no")))], normalizers, describe=lambda error: "words")
    assert [failure.error for failure in pipeline.step(poll()).failures] == ["words"]
