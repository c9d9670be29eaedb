"""`digest` at a sink: its signals of a day or a week in one message."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from stratumd.config import load_config
from stratumd.config.digests import SignalDigest
from stratumd.errors import ConfigError, Problem
from tests.support.cli import stratumd

FILE = """
sources: {{nba: {{use: demo, schedule: {{every: 2s}}}}}}
pipelines: {{main: {{sources: [nba], sinks: [{sink}]}}}}
"""


def digest(folder: Path, sink: str) -> SignalDigest | None:
    path = folder / "stratumd.yaml"
    path.write_text(FILE.format(sink=sink))
    (found,) = load_config(path, env={}).pipelines["main"].sinks
    return found.digest


def refused(folder: Path, sink: str) -> Problem:
    with pytest.raises(ConfigError) as error:
        digest(folder, sink)
    (problem,) = error.value.problems
    return problem


def test_there_is_none_unless_the_file_says_so(tmp_path: Path) -> None:
    assert digest(tmp_path, "log") is None


def test_it_comes_daily_at_one_beside_the_signals_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    found = digest(tmp_path, "log: {digest: }")
    assert found is not None
    assert (found.every, found.time, found.day, found.top, found.only) == ("daily", time(13), None, 10, False)
    written = '{every: weekly, weekday: 5, at: "06:30", top: 3, only: true}'
    found = digest(tmp_path, f"log: {{digest: {written}}}")
    assert found is not None
    assert (found.every, found.time, found.day, found.top, found.only) == ("weekly", time(6, 30), 5, 3, True)


def test_a_weekly_one_comes_on_mondays(tmp_path: Path) -> None:
    found = digest(tmp_path, "log: {digest: {every: weekly}}")
    assert found is not None
    assert found.day == 1


def test_what_is_in_effect_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest(tmp_path, 'log: {digest: {every: daily, at: "06:00"}}')
    path = tmp_path / "stratumd.yaml"
    assert stratumd("config", "show", "-c", str(path)) == 0
    path.write_text(capsys.readouterr().out)
    (found,) = load_config(path, env={}).pipelines["main"].sinks
    assert found.digest == SignalDigest(at="06:00")
    assert "at: 06:00" in path.read_text().replace("'", "").replace('"', "")


def test_a_sink_that_takes_no_notices_cannot_have_one(tmp_path: Path) -> None:
    problem = refused(tmp_path, 'heartbeat: {url: "https://hc-ping.com/1", digest: {every: daily}}')
    assert problem.message == "sink 'heartbeat' cannot take a digest"
    assert problem.source[problem.column - 1 :].startswith("digest: ")


@pytest.mark.parametrize(("written", "message", "hint"), [
    ("{weekday: 1}", "a daily digest has no 'weekday'", "remove it, or write every: weekly"),
    ("{every: weekly, weekday: 8}", "at most 7", ""),
    ("{at: noon}", "expected a time of day, in hours and minutes", 'write "13:00", for example'),
    ("{evry: weekly}", "unknown option 'evry' in 'digest' of sink 'log'", "did you mean 'every'?"),
    ("weekly", "'digest' of sink 'log': expected a mapping", "write its keys below it"),
])  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(tmp_path: Path, written: str, message: str, hint: str) -> None:
    problem = refused(tmp_path, f"log: {{digest: {written}}}")
    assert message in problem.message
    assert hint in str(problem.hint)
