"""Why a signal is not there: measured by asking the detector itself, so that what flips it really does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.config import load_config
from stratumd.engine import Pipeline, gate
from stratumd.plugin import MINUTE, Detector, Finding, Gate, MarketKey, PluginConfig, Tick, iso
from stratumd.proof import Past
from stratumd.proof.instant import Instant, instants, probed
from stratumd.proof.measuring import measured
from stratumd.proof.past import Era, ProofError
from stratumd.proof.whatif import changed
from stratumd.proof.why_not import REMEMBERED, Asking, Explained, Which, giving, why_not
from stratumd.store import Reader, open_reader
from stratumd.testing.harness import PlainNormalizer, game, observation, spread
from tests.support.cli import stratumd
from tests.support.past import OPENED, polled

MINUTES = (25, 40, 58)
TYPES = ("STEAM", "MOVE", "MULTIBOOK_SYNC", "DISLOCATION", "POSITIVE_EV", "LOW_HOLD", "MIDDLE")


@pytest.fixture(scope="module")
def reader(config: Path) -> Iterator[Reader]:
    opened = open_reader(load_config(config).database.connect_url())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def past(config: Path, reader: Reader) -> Past:
    loaded = load_config(config)
    return Past(reader, loaded.pipelines["main"], loaded.registry)


class Under(Past):
    """The same past, all of it stepped under another setting."""

    def __init__(self, past: Past, setting: str) -> None:
        super().__init__(past.reader, changed(past.spec, setting), past.registry)

    @cached_property
    def eras(self) -> list[Era]:
        return []


def events() -> list[str]:
    return [game["id"] for game in json.loads(polled()[0].body)]


def walk(past: Past, event: str) -> Iterator[tuple[Instant, list[Explained]]]:
    """Explain every type in every market at some instants of an event."""
    for instant in instants(past, event, REMEMBERED):
        if (instant.tick.at - OPENED) // MINUTE in MINUTES:
            by_type = {type: each for each in instant.pipeline.detectors for type in each.gates if type in TYPES}
            yield (
                instant,
                [
                    Asking(instant, detector, type, market).explained()
                    for type, detector in by_type.items()
                    for market in instant.tick.markets
                ],
            )


@pytest.fixture(scope="module")
def explained(past: Past) -> list[tuple[Instant, Explained]]:
    return [(instant, each) for event in events()[:1] for instant, found in walk(past, event) for each in found]


def test_it_agrees_with_what_was_given(explained: list[tuple[Instant, Explained]]) -> None:
    """All conditions are met exactly where the pipeline gave the signal."""
    assert len(explained) == len(MINUTES) * len(TYPES) * 3
    for instant, each in explained:
        given = {(signal.type, signal.market) for signal in instant.step.signals if signal.event == each.event}
        assert each.fired is ((each.type, each.market) in given), each
        assert each.fired is (each.blocked is None), each


def test_the_first_condition_that_is_not_met_is_the_one_that_blocks(
    explained: list[tuple[Instant, Explained]],
) -> None:
    blocked = [each for _, each in explained if each.blocked is not None]
    assert len({each.blocked.option for each in blocked if each.blocked}) > 4
    for each in blocked:
        assert each.blocked == next(check for check in each.checks if not check.passed)


def test_every_proposed_change_really_flips(past: Past, explained: list[tuple[Instant, Explained]]) -> None:
    """The whole past is stepped again under the change; the detector then finds it at that very observation."""
    near = [each for _, each in explained if each.flips and not is_held(each)]
    by_type = {each.type: each for each in sorted(near, key=lambda each: -each.flips[0].change)}
    assert len(by_type) >= 4
    for each in by_type.values():
        setting = " ".join(f"{option}={json.dumps(value)!r}" for option, value in each.flips[0].options.items())
        assert not found(Under(past, "move.per_hour=12"), each), "it is there without any change"
        assert found(Under(past, setting), each), f"{each.type} {each.market}: {setting}"


def is_held(each: Explained) -> bool:
    """Whether core's gate has a part in it: its memory is another one under other options."""
    return any("cooldown" in option or "per_hour" in option for flip in each.flips[:1] for option in flip.options)


def found(past: Past, each: Explained) -> bool:
    for instant in instants(past, each.event):
        if instant.tick.observation == each.observation:
            key = MarketKey(each.market, each.player)
            (detector,) = [one for one in instant.pipeline.detectors if each.type in one.signals]
            tick = instant.tick
            tick.state = instant.states.get(detector.name)
            return any(
                isinstance(one, Finding) and (one.type, one.key) == (each.type, key) for one in detector.detect(tick)
            )
    raise AssertionError("the observation is not there")


def test_cooldown_and_edge_are_told_apart(past: Past, reader: Reader) -> None:
    signal = reader.signals(types=["MOVE"])[0]
    at = [why_not(past, "MOVE", signal.event, signal.observed_at, signal.market, signal.outcome)[0]]
    assert at[0].fired
    (after,) = why_not(past, "MOVE", signal.event, signal.observed_at + MINUTE, signal.market, signal.outcome)
    assert after.blocked is not None
    assert after.blocked.option == "edge"
    assert after.reason is not None
    assert "has held since its last signal" in after.reason


class Gap(Detector):
    """A stranger's: signals lines of more than `least` points."""

    class Options(PluginConfig):
        least: float = 5.0
        wait: timedelta = timedelta(minutes=2)

    name, config = "gap", Options
    gates = {"GAP": (Gate("wait", "an age of the market", timedelta()), Gate("least", "points", 0.01))}
    options: Options

    def detect(self, tick: Tick) -> Iterator[Finding]:
        for market in tick.markets:
            if tick.at - market.first_seen >= self.options.wait / timedelta(microseconds=1):
                for line in market.present():
                    size = abs(line.now.offer.quotes[0].line or 0.0) if line.now and line.now.offer else 0.0
                    if size >= self.options.least:
                        yield Finding("GAP", market.key, "home", "up", size, self.options.least, (line.book,), 50, {})


class Mute(Gap):
    """The same, but it does not say what it gives, nor under which conditions."""

    name, gates = "mute", MappingProxyType({})


class Each(Gap):
    """The same of each operator by itself."""

    name = "each"

    def detect(self, tick: Tick) -> Iterator[Finding]:
        for found in super().detect(tick):
            yield msgspec.structs.replace(found, operator=found.books[0])


def at_the_second_minute(detector: Detector, **lines: float) -> Instant:
    """Return the instant at which books were seen to offer these home lines for a minute."""
    ticks: list[Tick] = []
    plain = PlainNormalizer(PluginConfig())
    pipeline = probed(Pipeline("test", [detector], {plain.name: plain}), None, ticks.append)
    tipoff = game(starts=OPENED + 300 * MINUTE)
    books = {book: [spread(line, 1.91, 1.91)] for book, line in lines.items()}
    for minute in range(2):
        step = pipeline.step(observation(OPENED + minute * MINUTE, {tipoff: books}))
    return Instant(pipeline, ticks[-1], gate.dump(gate.Memory()), {}, step)


@pytest.mark.parametrize(("operator", "there"), [(None, 7.5), ("betmgm", 7.5), ("fanduel", 3.5)])
def test_of_one_operator_its_own_value_is_measured(operator: str | None, there: float) -> None:
    instant = at_the_second_minute(Each(Each.config()), fanduel=-3.5, betmgm=-7.5)
    (market,) = instant.tick.markets
    asking = Asking(instant, instant.pipeline.detectors[0], "GAP", market, Which(operator=operator))
    assert [check.value for check in asking.explained().checks if check.option == "each.least"] == [there]


def test_a_detector_without_gates_is_not_spoken_for() -> None:
    """Nothing was measured, so nothing is said of what would help."""
    instant = at_the_second_minute(Mute(Mute.config()), fanduel=-3.5)
    (market,) = instant.tick.markets
    each = Asking(instant, instant.pipeline.detectors[0], "GAP", market).explained()
    assert (each.checks, each.flips) == ([], [])
    assert each.reason == "mute names no conditions of GAP (`gates`): none could be measured"
    with pytest.raises(ProofError, match="they give none; mute: no `signals` are declared"):
        giving(instant, "GAP")


def test_a_detector_that_only_adds_to_signals_of_others_gives_none_and_nobody_wonders() -> None:
    class Adding(Mute):
        """Says something of signals."""

        name, annotates = "adding", msgspec.Struct

    instant = at_the_second_minute(Adding(Adding.config()), fanduel=-3.5)
    with pytest.raises(ProofError, match=r"they give none$"):
        giving(instant, "GAP")


def test_a_strangers_detector_is_explained_by_its_gates_alone() -> None:
    instant = at_the_second_minute(Gap(Gap.config()), fanduel=-3.5)
    (market,) = instant.tick.markets
    each = Asking(instant, instant.pipeline.detectors[0], "GAP", market).explained()
    assert [(check.option, check.value, check.threshold, check.passed) for check in each.checks] == [
        ("gap.wait", "1m", "2m", False),
        ("gap.least", 3.5, 5.0, False),
    ]
    assert [flip.options for flip in each.flips] == [{"gap.wait": "1m", "gap.least": 3.5}]


@given(threshold=st.floats(0.1, 50.0), there=st.floats(0.05, 60.0))
def test_measuring_finds_what_there_was(threshold: float, there: float) -> None:
    """By asking only whether a threshold is met."""
    value = measured(threshold, 1e-6, lambda least: 0 < least <= there)
    assert abs(value - there) <= 0.011 * max(threshold, there)
    assert value <= there


@given(needed=st.integers(2, 30), there=st.integers(2, 40))
def test_measuring_counts(needed: int, there: int) -> None:
    assert measured(needed, 2, lambda least: least <= there) == there


@given(allowed=st.integers(1, 7200), age=st.integers(1, 7200))
def test_measuring_lengths_of_time(allowed: int, age: int) -> None:
    value = measured(timedelta(seconds=allowed), timedelta(hours=6), lambda most: most >= timedelta(seconds=age))
    assert value == timedelta(seconds=age)


def test_the_command(config: Path, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["why-not", "steam", events()[0][:10], "--at", "2026-01-10T12:47:30Z", "-c", str(config)]
    assert stratumd(*words, "--json") == 0
    rows: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["market"] for row in rows} <= {"h2h", "spreads", "totals"}
    assert rows[0]["at"] == "2026-01-10T12:47:00Z"
    assert stratumd(*words) == 0
    said = capsys.readouterr().out
    assert "steam.operators" in said
    assert ("blocked first by" in said) or ("the signal was given" in said)
    assert stratumd("why-not", "stream", *words[2:]) == 1
    said = capsys.readouterr().err
    assert "no detector of the pipeline says that it gives 'STREAM'; did you mean 'STEAM'?" in said
    assert stratumd("why-not", "fog", *words[2:]) == 1
    said = capsys.readouterr().err
    assert "it gives 'FOG'; they give ARBITRAGE, " in said
    assert "consensus" not in said, "that is no signal"
    assert "`signals`" not in said, "each detector here says what it gives"
    assert stratumd(*words[:3], "-c", str(config), "--json") == 0, "without a time it is about now"
    newest = iso(max(each.received_at for each in polled()))
    assert {json.loads(line)["at"] for line in capsys.readouterr().out.splitlines()} == {newest}


def test_a_pipeline_that_never_ran_is_no_choice(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file of `init` has two, one of which waits for a key."""
    other = "  idle: {sources: [demo], detectors: [consensus]}\n"
    (tmp_path / "two.yaml").write_text(config.read_text() + other)
    given = ["-c", str(tmp_path / "two.yaml")]
    assert stratumd("why-not", "steam", events()[0], "--at", "2026-01-11", *given) == 0
    out = ["--out", str(tmp_path / "p.yaml"), "--jobs", "1"]
    assert stratumd("whatif", "--set", "steam.operators=3", *out, *given) == 0
    assert stratumd("backtest", "follow", *given) == 0
    capsys.readouterr()
    empty = ["--database", f"sqlite:///{tmp_path / 'empty.db'}"]
    assert stratumd("db", "upgrade", *empty, *given) == 0
    assert stratumd("backtest", "follow", *empty, *given) == 2
    assert "name one by --pipeline; there are main, idle" in capsys.readouterr().err


def test_an_event_that_was_not_observed_by_then(past: Past) -> None:
    with pytest.raises(ProofError, match="did not observe"):
        why_not(past, "STEAM", events()[0], OPENED - MINUTE)
