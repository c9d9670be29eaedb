"""Which types of signals a file can give: what filters by them is held against that."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratumd.config import Config, load_config
from stratumd.errors import ConfigError
from stratumd_steam.detector import Steam

TEXT = """\
sources:
  demo: {use: demo, schedule: {every: 2s}}
pipelines:
  one: {sources: [demo], detectors: [consensus, regime, steam, DETECTORS], sinks: [log: {when: {types: [TYPES]}}]}
  two: {sources: [demo], detectors: [consensus, move]}
"""


def read(folder: Path, types: str = "", detectors: str = "context") -> Config:
    path = folder / "c.yaml"
    path.write_text(TEXT.replace("TYPES", types).replace("DETECTORS", detectors))
    return load_config(path)


def test_they_are_those_of_all_pipelines(tmp_path: Path) -> None:
    """A detector that records or annotates gives none."""
    found = read(tmp_path)
    assert found.signal_types == ("KEY_CROSS", "MOVE", "MULTIBOOK_SYNC", "STEAM")
    assert found.pipelines["one"].signal_types == ("STEAM",)


def test_a_sinks_filter_is_held_against_its_pipeline(tmp_path: Path) -> None:
    assert read(tmp_path, "STEAM").pipelines["one"].sinks[0].when.types == ("STEAM",)
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, "STEEM")
    (problem,) = raised.value.problems
    assert problem.message == "no detector of pipeline 'one' gives signals of type 'STEEM'"
    assert problem.hint == "did you mean 'STEAM'?"
    assert (problem.line, problem.column) == (4, 103)


def test_where_a_detector_does_not_say_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Steam, "signals", {})
    found = read(tmp_path, "ANYTHING")
    assert (found.signal_types, found.pipelines["two"].signal_types is None) == (None, False)


def test_a_detector_that_is_left_out_may_come_back(tmp_path: Path) -> None:
    found = read(tmp_path, "STEEM", "nowhere: {on_error: disable}")
    assert found.absent
    assert found.signal_types is None
