"""`stratumd backtest` over a stored past: the same engine, decisions that know no future, figures that add up."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, cast

import pytest

from stratumd.config import load_config
from stratumd.plugin import HOUR, MINUTE, iso
from stratumd.plugin.views import EventRow, PhaseRow
from stratumd.proof.backtest import Backtest
from stratumd.proof.bankroll import Bankroll, Placed
from stratumd.proof.settling import Score, stored_scores
from stratumd.runtime.build import build_pipeline
from stratumd.store import Reader
from stratumd_strategies import Follow
from tests.support.cli import stratumd
from tests.support.past import OPENED, polled


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {"event": event, "home_score": 100 + n, "away_score": 103 - n, "final_at": iso(OPENED + (9 + n) * HOUR)}
        for n, event in enumerate(events())
    ]
    path = tmp_path_factory.mktemp("scores") / "scores.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def events() -> list[str]:
    return [game["id"] for game in json.loads(polled()[0].body)]


def run(config: Path, scores: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    given = ["-c", str(config), "--scores", str(scores), "--json"]
    assert stratumd("backtest", "follow", *given, *words) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_figures_add_up(config: Path, scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "curve.svg"
    found = run(config, scores, capsys, "--set", "types=[STEAM, MOVE]", "--commission", "0.05", "--plot", str(plot))
    settled = found["settled"]
    assert found["bets"] == len(settled) > 5
    assert found["staked"] == pytest.approx(sum(each["stake"] for each in settled))
    assert found["profit"] == pytest.approx(sum(each["profit"] for each in settled), abs=1e-4)
    assert found["bankroll_end"] == pytest.approx(100 + found["profit"], abs=1e-4)
    assert found["curve"][-1]["bankroll"] == found["bankroll_end"]
    for each in settled:
        most = each["stake"] * (each["price"] - 1) * 0.95
        assert each["profit"] == pytest.approx(most, abs=1e-5) or each["profit"] in (0.0, -each["stake"])
        assert each["placed_at"] < each["settled_at"]
    assert (found["roi_low"], found["roi_state"], found["sharpe"]) == (None, "baseline_building", None)
    assert ET.fromstring(plot.read_text()).tag.endswith("svg")


def test_a_part_of_the_past_and_what_is_readable(
    config: Path, scores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run(config, scores, capsys)
    since = iso(OPENED + 30 * MINUTE)
    part = run(config, scores, capsys, "--from", since)
    assert all(each["placed_at"] >= since for each in part["settled"])
    assert part["bets"] <= whole["bets"]
    assert stratumd("backtest", "follow", "-c", str(config)) == 0
    said = capsys.readouterr().out
    assert "no bet was settled; final scores are known of 0 events" in said
    assert "no score" in said


def decided(config: Path, minutes: int) -> list[Placed]:
    loaded = load_config(config)
    scores = {event: Score(101, 99, 2**60) for event in events()}
    backtest = Backtest(Follow(Follow.config(types=("STEAM", "MOVE"))), scores, Bankroll(1000.0, 0.0))
    backtest.run(polled()[:minutes], build_pipeline(loaded.pipelines["main"], loaded.registry))
    return [each.placed for each in backtest.bankroll.settled]


def test_no_decision_depends_on_what_came_later(config: Path) -> None:
    whole = decided(config, 60)
    assert len(whole) > 5
    for minutes in (20, 40):
        assert decided(config, minutes) == [each for each in whole if each.at < OPENED + minutes * MINUTE]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such"], "no strategy 'no-such' is installed; there are strategies."),
        (["folow"], "error: no strategy 'folow' is installed; did you mean 'follow'?"),
        (["strategies.folow"], "no strategy 'strategies.folow' is installed; did you mean 'follow'?"),
        (["follow", "--set", "typs=[STEAM]"], "unknown option; did you mean 'types'?"),
        (["follow", "--set", "staking.method=all"], "expected one of flat"),
        (["follow", "--set", "types"], "expected option=value"),
    ],
)
def test_what_is_wrong_is_named(config: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert stratumd("backtest", *words, "-c", str(config)) == 78
    assert said in capsys.readouterr().err


def test_final_scores_come_from_the_store() -> None:
    def row(id: str, phase: str, home: int | None) -> EventRow:
        phases = (PhaseRow(5, "live", "scores", None, None), PhaseRow(9, phase, "scores", home, 99))
        return EventRow(
            id, "basketball_nba", "H", "A", 4, 1, 9, phase=phase, home_score=home, away_score=99, phases=phases
        )

    class Rows:
        def events(self) -> list[EventRow]:
            return [row("over", "final", 101), row("playing", "live", 50), row("unknown", "final", None)]

    assert stored_scores(cast(Reader, Rows())) == {"over": Score(101, 99, 9)}
