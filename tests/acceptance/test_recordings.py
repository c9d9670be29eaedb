"""Replays of what a provider really answered: no crash, the signals that are there, and none that are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest

from stratumd import recording
from stratumd.config import load_config
from stratumd.engine import Step
from stratumd.plugin import ConsensusPoint, Signal, parse_iso
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.garbage import resting
from stratumd.runtime.replaying import replay
from stratumd.store import open_reader, open_store
from tests.support import ROOT, shared

WNBA = "recordings/wnba-2026-07-14--07-31.jsonl.xz"
MLB = "recordings/mlb-2026-08-04--08-06.jsonl.xz"
STEAM_EVENT = "dd23179c"
OTHERS = [
    "recordings/nba-2026-01-10.jsonl",
    "recordings/nba-2022-11-23-in-play-and-lay.jsonl",
    "recordings/nba-historical-2023-24.jsonl.xz",
    "recordings/nba-props-2025-10-25.jsonl.xz",
    "recordings/worldcup-three-way.jsonl",
    "recordings/nba-scores-2026-04-16.jsonl",
    "recordings/errors.jsonl",
]
CONFIG = ROOT / "config" / "examples" / "replay.yaml"


def steps_of(name: str, config: Path = CONFIG, database: str | None = None) -> list[Step]:
    observations = recording.read(shared(name))
    loaded = load_config(config)
    pipelines = [build_pipeline(spec, loaded.registry) for spec in loaded.pipelines.values()]
    with ExitStack() as stack:
        stack.enter_context(resting())  # the steps of a whole recording stay: there is nothing to collect
        store = None if database is None else stack.enter_context(closing(open_store(database)))
        return list(replay(observations, pipelines, store))


def signals_of(steps: Sequence[Step]) -> list[Signal]:
    return sorted((s for step in steps for s in step.signals), key=lambda signal: (signal.observed_at, signal.id))


def lines_of(signals: Sequence[Signal]) -> bytes:
    return b"\n".join(signal.to_json() for signal in signals)


@pytest.fixture(scope="module")
def wnba() -> list[Step]:
    return steps_of(WNBA)


@pytest.fixture(scope="module")
def mlb() -> list[Step]:
    return steps_of(MLB)


def test_no_plugin_fails(wnba: list[Step], mlb: list[Step]) -> None:
    assert not [failure for step in (*wnba, *mlb) for failure in step.failures]


def test_a_second_replay_and_the_store_give_the_same_bytes(wnba: list[Step], database_url: str) -> None:
    """On SQLite and on PostgreSQL."""
    again, first = steps_of(WNBA, database=database_url), lines_of(signals_of(wnba))
    assert lines_of(signals_of(again)) == first
    reader = open_reader(database_url)
    try:
        assert lines_of(reader.signals()) == first
    finally:
        reader.close()


def test_the_first_steam_leaves_two_operators_behind(wnba: list[Step]) -> None:
    (signal,) = steams(wnba, "2026-07-14T21:30:50Z")
    assert len(signal.metadata["movers"]) >= 5
    assert {"betmgm", "betrivers"} <= {stale["operator"] for stale in signal.metadata["stale"]}


def test_the_second_steam_leaves_nobody_behind(wnba: list[Step]) -> None:
    (signal,) = steams(wnba, "2026-07-15T15:45:30Z")
    assert len(signal.metadata["movers"]) == 10
    assert signal.metadata["stale"] == []
    assert (signal.outcome, signal.direction) == ("away", "up")


def steams(steps: Sequence[Step], at: str) -> list[Signal]:
    second = parse_iso(at)
    return [
        signal
        for signal in signals_of(steps)
        if signal.type == "STEAM"
        and signal.market == "spreads"
        and signal.event.startswith(STEAM_EVENT)
        and second <= signal.observed_at < second + 1_000_000
    ]


def test_a_window_shorter_than_the_polls_says_nothing(tmp_path: Path) -> None:
    """Polls every 15 minutes and a window of 3: no steam, and that is right."""
    narrow = tmp_path / "narrow.yaml"
    narrow.write_text(CONFIG.read_text().replace("window: 30m", "window: 3m"))
    assert not [signal for signal in signals_of(steps_of(WNBA, narrow)) if signal.type == "STEAM"]


def test_a_run_line_never_moves_by_points(mlb: list[Step]) -> None:
    """Baseball has no margin model: its spreads are compared by probability at equal lines."""
    spreads = [signal for signal in signals_of(mlb) if signal.market == "spreads"]
    assert spreads
    assert all(signal.magnitude < 1 and signal.metadata["unit"] == "probability" for signal in spreads)


@pytest.mark.parametrize("name", OTHERS, ids=lambda name: Path(name).name)
def test_every_other_recording_is_read_without_a_failure(name: str) -> None:
    steps = steps_of(name)
    assert steps
    assert not [failure for step in steps for failure in step.failures]


def test_no_signal_comes_from_a_lay_market() -> None:
    steps = steps_of("recordings/nba-2022-11-23-in-play-and-lay.jsonl")
    assert "h2h_lay" in {change.market for step in steps for change in step.changes}
    points = [record for step in steps for _, record in step.records if isinstance(record, ConsensusPoint)]
    assert points
    assert not [point for point in points if point.key.market.endswith("_lay")]
    assert not signals_of(steps)


def test_one_sided_props_and_ladders_give_no_signal() -> None:
    steps = steps_of("recordings/nba-props-2025-10-25.jsonl.xz")
    changes = [change for step in steps for change in step.changes]
    assert any(change.rung is not None for change in changes)
    assert any(change.player is not None for change in changes)
    assert not signals_of(steps)


def test_three_way_prices_make_a_three_way_consensus() -> None:
    steps = steps_of("recordings/worldcup-three-way.jsonl")
    points = [record for step in steps for _, record in step.records if isinstance(record, ConsensusPoint)]
    draws = [point for point in points if point.key.market == "h2h" and point.reason is None]
    assert draws
    assert all(point.outcomes == ("home", "draw", "away") for point in draws)


def test_an_empty_answer_withdraws_everything() -> None:
    """`[]` is an answer: what was offered in its scope is gone."""
    first, last = list(recording.read(shared("recordings/worldcup-three-way.jsonl")))
    same = msgspec.structs.replace(last, request=first.request, id="")
    loaded = load_config(CONFIG)
    (pipeline,) = [build_pipeline(spec, loaded.registry) for spec in loaded.pipelines.values()]
    shown, withdrawn = pipeline.step(first), pipeline.step(same)
    assert len(withdrawn.changes) == len(shown.changes)
    assert all(change.price is None for change in withdrawn.changes)


def test_the_kinds_of_signals_are_plausible(wnba: list[Step]) -> None:
    """In 17 days of 65 games all four detectors have something to say."""
    counts = Counter(signal.type for signal in signals_of(wnba))
    assert set(counts) == {"MOVE", "MULTIBOOK_SYNC", "DISLOCATION", "STEAM"}
