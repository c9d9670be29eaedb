"""The regime: online as the mathematics says, stored, and added to signals without changing anything else."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from stratumd.errors import ConfigError
from stratumd.odds import RegimeState, regime_start, regime_update
from stratumd.plugin import HOUR, MINUTE, Finding, MarketKey, PluginConfig, Tick
from stratumd.plugin import Detector as Base
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread
from stratumd_regime.parameters import load

AT = 1_784_000_000_000_000
BOOKS = ("a", "b", "c", "d", "e", "f")
GAME = game(starts=AT + 8 * HOUR, sport="basketball_wnba")
PARAMETERS = load(None)["basketball_wnba", "spreads"]


class Fires(Base):
    name = "fires"

    def detect(self, tick: Tick) -> Iterable[Finding]:
        for market in tick.markets:
            size = 1.0 + (tick.at - AT) / MINUTE
            yield Finding("FIRED", market.key, "home", "up", size, 0.5, ("a",), 50, {"unit": "points"})


def pipeline(*, regime: bool = True) -> Harness:
    detectors = [detector("consensus"), *([detector("regime")] if regime else []), Fires(PluginConfig())]
    return Harness(detectors)


def polls(lines: list[float], minutes: int = 5) -> list[object]:
    return [
        observation(AT + n * minutes * MINUTE, {GAME: {book: [spread(line, 1.91, 1.91)] for book in BOOKS}})
        for n, line in enumerate(lines)
    ]


def readings(harness: Harness, observations: list[object]) -> list[dict[str, object]]:
    found = [harness.feed(each).signals for each in observations]
    return [signal.metadata.get("regime") for signals in found for signal in signals]


def test_it_is_the_filter_of_the_mathematics() -> None:
    lines = [-3.0, -3.0, -3.5, -4.5, -4.5, -3.0]
    state: RegimeState = regime_start(PARAMETERS)
    expected = [round(state.unstable, 6)]
    for before, now in itertools.pairwise(lines):
        state = regime_update(PARAMETERS, state, 5 / 60, now - before)
        expected.append(round(state.unstable, 6))
    assert [each["regime_probability"] for each in readings(pipeline(), polls(lines))] == pytest.approx(expected)


def test_the_annotation_has_five_fields_and_nothing_else_of_a_signal_changes() -> None:
    observations = polls([-3.0, -4.0, -5.0])
    with_it, without = pipeline(), pipeline(regime=False)
    for each in observations:
        (noted,), (plain,) = with_it.feed(each).signals, without.feed(each).signals
        regime = noted.metadata.pop("regime")
        assert regime.keys() == {
            "regime_label", "regime_probability", "transition_risk", "stability_score", "model_version",
        }  # fmt: skip
        assert noted == plain
        assert regime["model_version"] == PARAMETERS.version
        assert regime["stability_score"] == pytest.approx(1 - regime["transition_risk"])


def test_a_market_that_jumps_turns_unstable_and_calms_down_with_hysteresis() -> None:
    jumps = [-3.0 - n % 2 for n in range(20)]
    calm = [-3.0] * 120
    labels = [each["regime_label"] for each in readings(pipeline(), polls([*calm, *jumps, *calm[:40]], minutes=1))]
    assert labels[len(calm) - 1] == "stable"
    assert labels[len(calm) + len(jumps) - 1] == "unstable"
    changes = [(a, b) for a, b in itertools.pairwise(labels) if a != b]
    assert len(changes) <= 2, "a label that flickers"


def test_snapshots_are_kept_where_they_say_something_new() -> None:
    harness = pipeline()
    found = [
        [record for _, record in harness.feed(each).records if record.kind == "regime"]
        for each in polls([-3.0] * 200, minutes=1)
    ]
    kept = sum(map(len, found))
    assert len(found[0]) == 1
    assert 1 < kept < 60


def test_a_restart_goes_on_where_it_was() -> None:
    observations = polls([-3.0, -3.5, -3.5, -4.0, -3.0, -3.0])
    whole = readings(pipeline(), observations)
    first, second = pipeline(), pipeline()
    states = [state for each in observations[:3] for state in first.feed(each).states]
    second.pipeline.load(states)
    again = [second.feed(each) for each in observations[3:]]
    assert [signal.metadata["regime"] for step in again for signal in step.signals] == whole[3:]


def test_in_play_it_is_silent() -> None:
    late = observation(GAME.commence_at + MINUTE, {GAME: {book: [spread(-3, 1.91, 1.91)] for book in BOOKS}})
    harness = pipeline()
    for each in (*polls([-3.0, -3.5]), late):
        signals = harness.feed(each).signals
    assert all("regime" not in signal.metadata for signal in signals)


def test_a_sport_without_a_model_gets_no_regime() -> None:
    other = game(starts=AT + 8 * HOUR, sport="soccer_epl")
    seen = observation(AT, {other: {book: [moneyline(2.0, 3.6, 3.4)] for book in BOOKS}})
    (signal,) = pipeline().feed(seen).signals
    assert signal.metadata == {"unit": "points"}


def test_without_a_consensus_time_goes_by_and_nothing_else() -> None:
    """Where too few books are there, the market is somewhere between its last state and rest."""
    few = observation(AT + HOUR, {GAME: {"a": [spread(-9.0, 1.91, 1.91)]}})
    found = readings(pipeline(), [*polls([-3.0, -4.0]), few])
    assert found[2]["regime_probability"] < found[1]["regime_probability"]


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    model = {
        "a": 1.0, "b": 1.0, "rates": [1.0, 2.0], "scales": [0.1, 0.2], "unit": "points",
        "events": 1, "steps": 1, "changes": 1,
    }  # fmt: skip
    written = {"version": "x", "made_from": "y", "models": {"tennis": {"h2h": model}}}
    path = tmp_path / "models.json"
    path.write_bytes(msgspec.json.encode(written))
    assert load(path).keys() == {("tennis", "h2h")}
    path.write_bytes(msgspec.json.encode(written | {"models": {"tennis": {"h2h": model | {"a": -1.0}}}}))
    with pytest.raises(ConfigError, match=r"regime: .*models\.json: rates and scales"):
        load(path)


def test_the_file_that_ships_says_what_it_was_made_from() -> None:
    shipped = Path(__file__).parent.parent / "stratumd_regime" / "parameters.json"
    told = msgspec.json.decode(shipped.read_bytes())
    assert "WNBA" in told["made_from"]
    assert all(model["events"] >= 20 for markets in told["models"].values() for model in markets.values())


def test_the_steps_of_the_fit_are_those_of_the_filter() -> None:
    from stratumd.plugin import ConsensusPoint, EventPast
    from stratumd_regime.fit import steps

    key = MarketKey("spreads")
    times = [AT + n * 5 * MINUTE for n in range(5)]
    history = [(times[0], ConsensusPoint(key, fair_line=-3.0)), (times[2], ConsensusPoint(key, fair_line=-4.0))]
    found = steps(EventPast(GAME, [], [*times, GAME.commence_at + 1], []), history)
    assert [step.change for step in found] == [0.0, -1.0, 0.0, 0.0]
    assert {round(step.hours, 9) for step in found} == {round(5 / 60, 9)}
