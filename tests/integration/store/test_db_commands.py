"""`stratumd db` on both engines."""

from __future__ import annotations

import json

import pytest

from stratumd.store import open_store
from stratumd.store.files import core_migrations
from tests.support import steps
from tests.support.cli import stratumd

NEWEST = max(path.name for path in (core_migrations() / "versions").glob("*.py"))[:4]


@pytest.fixture(autouse=True)
def _no_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_upgrade_makes_the_schema_and_says_so(empty_database_url, capsys):
    assert stratumd("db", "upgrade", "--database", empty_database_url) == 0
    assert capsys.readouterr().out == f"stratumd: revision {NEWEST}, up to date\n"
    assert stratumd("db", "upgrade", "--json", "--database", empty_database_url) == 0
    assert json.loads(capsys.readouterr().out) == {"owner": "stratumd", "current": NEWEST}


def test_status_shows_the_revisions(database_url, capsys):
    open_store(database_url).close()
    assert stratumd("db", "status", "--json", "--database", database_url) == 0
    shown = {"owner": "stratumd", "current": NEWEST, "head": NEWEST, "fresh": True}
    assert json.loads(capsys.readouterr().out) == shown


def test_status_of_a_database_without_a_schema_exits_with_75(postgres_server, capsys):
    name = postgres_server.create()
    assert stratumd("db", "status", "--database", postgres_server.url(name)) == 75
    assert capsys.readouterr().out.splitlines()[1].split() == ["stratumd", "-", NEWEST, "no"]
    postgres_server.drop(name)


def test_a_missing_file_says_what_to_do(tmp_path, capsys):
    assert stratumd("db", "status", "--database", f"sqlite:///{tmp_path / 'x.db'}") == 75
    assert "create it with `stratumd db upgrade`" in capsys.readouterr().err


def test_stats_counts_rows_and_bytes(database_url, capsys):
    store = open_store(database_url)
    steps.keep(store, steps.step(steps.observation(), signals=2))
    store.close()
    assert stratumd("db", "stats", "--json", "--database", database_url) == 0
    rows = {row["table"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["signals"]["rows"] == 2
    assert rows["observations"]["bytes"] > 0
    assert stratumd("db", "stats", "--database", database_url) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["table", "rows", "bytes"]


def test_upgrade_is_refused_while_a_daemon_writes(tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 'stratum.db'}"
    store = open_store(url)
    assert stratumd("db", "upgrade", "--database", url) == 75
    assert "stop that stratumd first" in capsys.readouterr().err
    store.close()


FILE = """
database: sqlite:///{folder}/clean.db
{section}
sources: {{demo: {{use: demo, schedule: {{every: 2s}}}}}}
pipelines: {{nba: {{sources: [demo], detectors: [consensus], sinks: [log], jobs: [clv]}}}}
"""


def test_clean_goes_by_the_file_or_by_one_length(tmp_path, capsys):
    def clean(*words: str, section: str = "") -> dict[str, int]:
        (tmp_path / "c.yaml").write_text(FILE.format(folder=tmp_path, section=section))
        assert stratumd("db", "clean", "--json", "--config", str(tmp_path / "c.yaml"), *words) == 0
        return {row["table"]: row["rows"] for row in map(json.loads, capsys.readouterr().out.splitlines())}

    store = open_store(f"sqlite:///{tmp_path / 'clean.db'}")
    steps.keep(store, steps.step(steps.observation(), signals=2), sinks=("gone",))
    steps.keep(store, steps.step(steps.observation(steps.START + 1), event_number=1), sinks=("nba.log",))
    store.close()
    assert clean(section="retention: {signals: 30000d, issues: 30000d, deliveries: 30000d}") == {}
    assert clean("--older-than", "30d", "--only", "issues", "--only", "jobs") == {"issues": 2}
    # Two signals waited for a sink that is gone, a third one waits still; quotes and answers are not named.
    assert clean("--older-than", "30d") == {"deliveries": 2, "signals": 2}
    assert clean("--older-than", "40d", "--only", "changes", "--only", "polls")["changes"] == 6
    for words, said in (
        (("--older-than", "3d"), "must be 8 days or longer"),
        (("--older-than", "x"), "30s"),
        (("--only", "bets"), "there are: observations, polls"),
    ):
        assert stratumd("db", "clean", "--config", str(tmp_path / "c.yaml"), *words) == 2
        assert said in capsys.readouterr().err
    assert stratumd("db", "clean", "--config", str(tmp_path / "c.yaml")) == 78
    assert "has no 'retention'" in capsys.readouterr().err
