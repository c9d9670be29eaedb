"""A source or a job that a person paused: for all daemons and over restarts, shown, and over when it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stratumd.plugin import HOUR
from stratumd.plugin.views import PauseRow
from stratumd.store import open_reader, open_store, pause_schedule, resume_schedule
from tests.support.cli import stratumd
from tests.support.steps import START

NBA = PauseRow("nba", "the provider is down", START, None)
FILE = """
database: {url}
sources:
  nba: {{use: demo, schedule: {{every: 2s}}}}
  old: {{use: replay, files: [x.jsonl]}}
pipelines:
  nba: {{sources: [nba, old], detectors: [consensus], sinks: [log]}}
"""
JOBS = """
database: {url}
sources:
  demo: {{use: demo, schedule: {{every: 2s}}}}
pipelines:
  nba: {{sources: [demo], detectors: [consensus], jobs: [clv], sinks: [log]}}
  nfl: {{sources: [demo], detectors: [consensus], jobs: [{job}], sinks: [log]}}
"""


def test_it_is_remembered_until_it_is_resumed(database_url: str) -> None:
    store = open_store(database_url)
    pause_schedule(database_url, PauseRow("nba", "no\0pe", START, START))
    pause_schedule(database_url, NBA)
    assert store.paused(START) == [NBA]
    store.close()
    store = open_store(database_url)
    assert store.paused(START) == [NBA]
    reader = open_reader(database_url)
    assert reader.status(START).paused == (NBA,)
    reader.close()
    assert (resume_schedule(database_url, "nba"), resume_schedule(database_url, "nba")) == (True, False)
    assert store.paused(START) == []
    store.close()


def test_it_ends_by_itself(database_url: str) -> None:
    store = open_store(database_url)
    pause_schedule(database_url, PauseRow("nba", "", START, START + HOUR))
    assert [len(store.paused(START + at)) for at in (0, HOUR - 1, HOUR)] == [1, 1, 0]
    store.close()


def test_the_commands_and_what_status_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    open_store(url).close()
    file = tmp_path / "stratumd.yaml"
    file.write_text(FILE.format(url=url))
    where = ("-c", str(file))

    def said(*words: str) -> tuple[int, str]:
        code = stratumd(*words, *where)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    code, text = said("pause", "nba", "--for", "2h", "--reason", "maintenance")
    assert code == 0
    assert text.startswith("nba is paused since 2")
    assert "maintenance; `stratumd resume nba` goes on" in text
    assert "maintenance" in said("status")[1]
    (row,) = json.loads(said("status", "--json")[1])["paused"]
    assert (row["source"], row["reason"], row["until_at"] > row["since_at"]) == ("nba", "maintenance", True)
    assert said("resume", "nba") == (0, "nba is polled again from its next instant on\n")
    assert said("resume", "nba") == (1, "nba is not paused: there is nothing to resume\n")
    assert "PAUSED" not in said("status")[1]
    unknown = "error: Invalid value: no source or job is called 'nbaa'; did you mean 'nba'?"
    assert said("pause", "nbaa")[1].startswith(unknown)
    assert "has no schedule" in said("pause", "old")[1]
    assert said("pause", "nba", "--for", "0s")[0] == 2


def test_a_job_is_paused_by_its_name_or_by_its_plugins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The latter where one pipeline only has it. What is paused can be resumed when the file has it no more."""
    url = f"sqlite:///{tmp_path / 's.db'}"
    open_store(url).close()
    file = tmp_path / "stratumd.yaml"

    def said(*words: str) -> tuple[int, str]:
        code = stratumd(*words, "-c", str(file))
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    file.write_text(JOBS.format(url=url, job="clv: {enabled: false}"))
    code, text = said("pause", "clv", "--reason", "no scores")
    assert (code, "nba.clv is paused since 2" in text, "`stratumd resume nba.clv` goes on" in text) == (0, True, True)
    (row,) = json.loads(said("status", "--json")[1])["paused"]
    assert (row["source"], row["kind"], row["reason"]) == ("nba.clv", "job", "no scores")
    assert "nba.clv" in said("status")[1]
    assert said("resume", "clv") == (0, "nba.clv is run again from its next instant on\n")
    assert said("resume", "clv") == (1, "nba.clv is not paused: there is nothing to resume\n")
    assert said("pause", "demo")[0] == 0
    assert [row["kind"] for row in json.loads(said("status", "--json")[1])["paused"]] == ["source"]

    file.write_text(JOBS.format(url=url, job="clv"))
    assert said("pause", "clv")[1].startswith("error: Invalid value: 'clv' is nba.clv or nfl.clv; say which")
    assert said("pause", "nfl.clv")[0] == 0
    assert "no source or job is called 'nfl.clw'; did you mean 'nfl.clv'?" in said("pause", "nfl.clw")[1]
    file.write_text(JOBS.format(url=url, job="clv: {enabled: false}"))
    assert said("resume", "nfl.clv") == (0, "nfl.clv is run again from its next instant on\n")


def test_a_single_round_leaves_a_paused_source_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    file = tmp_path / "stratumd.yaml"
    file.write_text(FILE.format(url=url).replace("  old: {use: replay, files: [x.jsonl]}\n", "").replace(", old]", "]"))
    open_store(url).close()
    assert stratumd("pause", "nba", "-c", str(file)) == 0
    assert stratumd("run", "--once", str(file)) == 0
    reader = open_reader(url)
    assert reader.polls(limit=9) == []
    reader.close()
