"""The plugin commands: the list, the scaffold, the conformance checks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.cli import stratumd


def test_plugins_names_every_bundled_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("plugins", "--json") == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["steam"]["provides"] == ["detector"]
    assert rows["odds-api"]["provides"] == ["normalizer", "source"]
    assert {row["health"] for row in rows.values() if row["distribution"] == "stratumd"} == {"ok"}


def test_without_a_database_nothing_is_in_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("stratumd.yaml").write_text((ROOT / "stratumd.example.yaml").read_text())
    assert stratumd("plugins") == 0
    assert capsys.readouterr().err == ""


def test_list_is_a_command_as_of_every_other_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("plugins", "list") == 0
    listed = capsys.readouterr().out
    assert stratumd("plugins") == 0
    assert capsys.readouterr().out == listed


def test_verify_prints_each_must_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("plugins", "verify", "steam") == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split() == ["COMPONENT", "KIND", "CHECK", "MUST", "HOLDS", "PROBLEM"]
    assert "The same tick MUST give the same yields" in printed


def test_verify_prints_each_must(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("plugins", "verify", "steam", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"C1", "D1", "D10"} <= {row["number"] for row in rows}
    assert all(row["holds"] for row in rows)


def test_verify_asks_for_missing_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("plugins", "verify", "discord") == 78
    assert "webhook: Field required; give it as --option KEY=VALUE" in capsys.readouterr().err


def test_verify_takes_options(tmp_path: Path) -> None:
    assert stratumd("plugins", "verify", "file", "--option", f"path={tmp_path / 'signals.jsonl'}") == 0


def test_verify_names_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("plugins", "verify", "staem") == 1
    assert "steam" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Late Money", "late_money", "", "-x-"])
def test_a_bad_name_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert stratumd("plugins", "new", "--", name) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stratumd-mine").mkdir()
    assert stratumd("plugins", "new", "mine") == 1
    assert list((tmp_path / "stratumd-mine").iterdir()) == []


@pytest.mark.parametrize("name", ["move", "odds-api"])
def test_the_name_of_a_bundled_plugin_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stratumd("plugins", "new", name) == 1
    assert "is a plugin that stratumd brings along" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "options"), [("detector", ""), ("sink", " --option path=signals.txt"), ("source", "")]
)
def test_what_comes_next_is_said_whole(
    kind: str, options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stratumd("plugins", "new", "mine", "--kind", kind) == 0
    assert capsys.readouterr().out.endswith(f"stratumd plugins verify mine{options}\n")


@pytest.mark.parametrize("kind", ["detector", "sink", "source"])
def test_a_new_plugin_is_green_at_once(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its test passes, its style and types are clean, and so they are without any edit."""
    monkeypatch.chdir(tmp_path)
    assert stratumd("plugins", "new", "late-money", "--kind", kind) == 0
    folder = tmp_path / "stratumd-late-money"
    for command in (
        ["pytest", "-q", "-p", "no:cacheprovider", "."],
        ["ruff", "check", "--isolated", "--no-cache", "."],
        ["ruff", "format", "--isolated", "--no-cache", "--line-length", "120", "--check", "."],
        ["mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), "stratumd_late_money", "tests"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            env={"PYTHONPATH": str(folder), "MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def test_the_templates_leave_no_word_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stratumd("plugins", "new", "late-money")
    texts = [path.read_text() for path in tmp_path.rglob("*.*") if path.is_file()]
    assert len(texts) == 5
    assert not any("@name@" in text or "@module@" in text for text in texts)
