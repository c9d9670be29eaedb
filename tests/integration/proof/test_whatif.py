"""Other options over the stored past: the same as a replay under them, and a proposal, never an edit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stratumd.config import load_config
from stratumd.errors import ConfigError
from stratumd.plugin import MINUTE, Signal, iso
from stratumd.proof.whatif import AS_IT_IS, Outcome, Range, changed, whatif
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.replaying import replay
from tests.support.cli import stratumd
from tests.support.past import CONFIG, OPENED, configured, polled

WINDOW, TOGETHER = "move.window=5m", "steam.window=6m steam.thresholds.spread=0.25"


def asked(config: Path, since: int | None = None, until: int | None = None) -> Range:
    return Range(config, load_config(config).database.connect_url(), "main", since, until)


def replayed(folder: Path, text: str) -> list[Signal]:
    """A plain replay of the same answers under another configuration."""
    loaded = load_config(configured(folder, text))
    steps = replay(polled(), [build_pipeline(loaded.pipelines["main"], loaded.registry)])
    return [signal for step in steps for signal in step.signals]


def test_a_setting_gives_what_a_replay_under_it_gives(config: Path, tmp_path: Path) -> None:
    """Two processes; the very bytes."""
    as_it_is, window, together = whatif(asked(config), [WINDOW, TOGETHER], jobs=2)
    assert as_it_is.signals == replayed(tmp_path, CONFIG)
    assert window.signals == replayed(tmp_path, CONFIG.replace("window: 10m", "window: 5m"))
    options = "{{min_age: 0s, window: 6m, thresholds: {{spread: 0.25}}}}"
    assert together.signals == replayed(tmp_path, CONFIG.replace("{{min_age: 0s}}", options))
    assert [each.metadata for each in together.signals] != [each.metadata for each in as_it_is.signals]


def test_a_range_has_its_whole_history_behind_it(config: Path) -> None:
    since, until = OPENED + 30 * MINUTE, OPENED + 50 * MINUTE
    whole, part = whatif(asked(config), [], 1)[0], whatif(asked(config, since, until), [], 1)[0]
    assert part.signals == [each for each in whole.signals if since <= each.observed_at <= until]
    assert part.signals


def test_the_overlap_does_not_mind_that_ids_depend_on_options(config: Path) -> None:
    as_it_is, same, window = whatif(asked(config), ["move.per_hour=11", WINDOW], 1)
    assert {each.id for each in as_it_is.signals if each.detector == "move"}.isdisjoint(
        each.id for each in same.signals
    )
    assert same.overlap(as_it_is) == 1.0
    overlap = window.overlap(as_it_is)
    assert overlap is not None
    assert 0.0 < overlap < 1.0
    assert Outcome(AS_IT_IS, [], []).overlap(Outcome(AS_IT_IS, [], [])) is None


def test_closing_values_come_with_their_number_of_events(config: Path) -> None:
    """The games have not started: the last consensus there is counts. Four of them make no interval."""
    (as_it_is,) = whatif(asked(config), [], 1)
    clv = as_it_is.clv()
    assert clv is not None
    assert (clv.events, clv.maturity) == (4, "baseline_building")
    assert abs(clv.value) < 0.2


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("steem.window=5m", "expected detector.option=value"),
        ("steam.window", "expected detector.option=value"),
        ("steam.windw=5m", "^--set steam.windw=5m: .*did you mean .window"),
        ("steam.window=5", "expected a duration"),
        ("steam.thresholds.spread.x=1", "there is no option"),
        ("steam.window=[", "no value that YAML knows"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_runs(config: Path, setting: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        changed(load_config(config).pipelines["main"], setting)


def test_a_range_beyond_what_is_stored_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["whatif", "--set", WINDOW, "-c", str(config), "--jobs", "1"]
    assert stratumd(*words, "--from", "1h") == 0
    assert capsys.readouterr().err == (
        f"nothing was observed in that time: what is stored is from {iso(polled()[0].received_at)}"
        f" to {iso(polled()[-1].received_at)}\n"
    )
    assert stratumd(*words, "--to", "2026-01-01") == 0
    assert "nothing was observed in that time" in capsys.readouterr().err


def test_without_a_name_no_proposal_is_written(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stratumd("whatif", "--set", WINDOW, "-c", str(config), "--jobs", "1") == 0
    shown = capsys.readouterr()
    assert "1 setting in " in shown.out
    assert "proposal" not in shown.out
    assert shown.err == ""
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_proposal_and_leaves_the_file(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, out = config.read_text(), tmp_path / "proposal.yaml"
    words = ["whatif", "--set", WINDOW, "--set", TOGETHER, "-c", str(config), "--jobs", "1"]
    assert stratumd(*words, "--out", str(out), "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["setting"] for row in rows] == ["as configured", WINDOW, TOGETHER]
    proposal = YAML(typ="safe").load(out.read_text())
    assert [each["set"] for each in proposal["proposals"]] == [
        {"move.window": "5m"},
        {"steam.window": "6m", "steam.thresholds.spread": 0.25},
    ]
    assert proposal["proposals"][0]["gave"]["signals"] == rows[1]["signals"]
    assert config.read_text() == before
    assert stratumd(*words, "--out", str(config)) == 78
    assert config.read_text() == before
    assert "never changed" in capsys.readouterr().err
