"""check, config show, schema, init and secrets check, as they are typed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stratumd.cli import main
from stratumd.cli.config import example
from tests.support import ROOT

EXAMPLES = [ROOT / "stratumd.example.yaml", *sorted((ROOT / "config" / "examples").glob("*.yaml"))]
Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; return its exit code, and what it printed on both streams."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ODDS_API_KEY", raising=False)

    def invoke(*words: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as exit:
            main(words)
        captured = capsys.readouterr()
        return exit.value.code, captured.out, captured.err

    return invoke


def test_init_writes_an_example_that_is_right(run: Run) -> None:
    code, out, _ = run("init")
    assert code == 0
    assert "stratumd run stratumd.yaml" in out
    text = Path("stratumd.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=stratumd.schema.json\n")
    assert text.splitlines()[1:] == example().splitlines()[1:]
    code, out, err = run("check")
    assert (code, err) == (0, "")
    assert out.startswith("stratumd.yaml: all right. Sources: demo. Pipelines: demo. Plugins: demo")


def test_init_leaves_a_file_alone(run: Run) -> None:
    Path("c.yaml").write_text("mine")
    code, _, err = run("init", "c.yaml")
    assert (code, err) == (1, "error: c.yaml is already there; name another file, or move it away\n")
    assert Path("c.yaml").read_text() == "mine"


def test_init_where_nothing_can_be_written(run: Run) -> None:
    assert run("init", "no/such/folder.yaml")[::2] == (
        1,
        "error: no/such/folder.yaml cannot be written: No such file or directory\n",
    )


def test_check_without_a_file(run: Run) -> None:
    code, _, err = run("check")
    told = "error: stratumd.yaml: there is no such file; name another (-c FILE), or let 'stratumd init' write one\n"
    assert (code, err) == (78, told)


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_file_is_taken_as_every_command_does(run: Run, command: str) -> None:
    Path("c.yaml").write_text(example())
    (code, out, _), (again, *_) = run(command, "-c", "c.yaml"), run(command, "c.yaml")
    assert (code, again) == (0, 0)
    assert "demo" in out


def test_init_takes_a_file_as_every_command_does(run: Run) -> None:
    assert run("init", "-c", "c.yaml")[0] == 0
    assert Path("c.yaml").read_text().startswith("# yaml-language-server")


def test_check_prints_every_mistake_on_standard_error(run: Run) -> None:
    Path("c.yaml").write_text("sources:\npipelines:\n")
    code, out, err = run("check", "c.yaml")
    assert (code, out) == (78, "")
    assert err.count("error:") == 2


def test_check_prints_warnings_of_a_right_file(run: Run) -> None:
    text = (
        example().replace("sources: [nba]", "sources: [demo]").replace("enabled: if-env ODDS_API_KEY", "enabled: true")
    )
    Path("c.yaml").write_text(text.replace("${env:ODDS_API_KEY}", "${env:ODDS_API_KEY:-none}"))
    code, out, err = run("check", "c.yaml")
    assert code == 0
    assert re.search(r"c\.yaml:\d+:3: warning: no pipeline reads source 'nba'", err)
    assert "all right" in out


def test_show_prints_yaml_with_origins(run: Run) -> None:
    Path("stratumd.yaml").write_text(example())
    written = next(n for n, line in enumerate(example().splitlines(), 1) if "steam: {window: 10s" in line)
    code, out, _ = run("config", "show")
    assert code == 0
    assert any(line.split() == ["min_books:", "5", "#", "default"] for line in out.splitlines())
    assert any(
        line.split()[:2] == ["window:", "10s"] and line.endswith(f"stratumd.yaml:{written}")
        for line in out.splitlines()
    )


def test_show_prints_json_lines(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODDS_API_KEY", "k-123456")
    Path("c.yaml").write_text(example())
    code, out, _ = run("config", "show", "-c", "c.yaml", "--json")
    rows = {row["path"]: row for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert rows["sources.nba.api_key"] == {"path": "sources.nba.api_key", "value": "***", "origin": "env:ODDS_API_KEY"}
    assert rows["pipelines.demo.detectors.3.steam.window"]["value"] == "10s"
    assert "k-123456" not in out


def test_secrets_check_fails_only_for_what_is_enabled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("stratumd.yaml").write_text(example())
    code, out, _ = run("secrets", "check")
    assert code == 0
    assert "environment variable ODDS_API_KEY is not set" in out
    Path("c.yaml").write_text((ROOT / "config" / "examples" / "minimal.yaml").read_text())
    assert run("secrets", "check", "-c", "c.yaml")[0] == 78
    monkeypatch.setenv("ODDS_API_KEY", "k-123456")
    code, out, _ = run("secrets", "check", "-c", "c.yaml", "--json")
    assert code == 0
    assert json.loads(out) == {
        "path": "sources.nba.api_key",
        "line": 7,
        "reference": "${env:ODDS_API_KEY}",
        "enabled": True,
        "state": "resolves",
    }


def test_secrets_check_of_a_file_without_any(run: Run) -> None:
    Path("c.yaml").write_text("sources: {}\n")
    assert run("secrets", "check", "-c", "c.yaml")[:2] == (0, "c.yaml has no references\n")


def test_schema_is_json(run: Run) -> None:
    code, out, err = run("schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["title"] == "stratumd configuration"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_right(path: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything they ask for at hand."""
    webhook = "https://discord.com/api/webhooks/123/abc-def"
    monkeypatch.setenv("ODDS_API_KEY", "none")
    monkeypatch.setenv("DISCORD_STEAM_WEBHOOK", webhook)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for name in ("db", "odds-api", "discord-webhook"):
        Path(name).write_text(webhook)
    Path("c.yaml").write_text(path.read_text())
    code, out, err = run("check", "c.yaml")
    assert (code, err) == (0, "")
    assert "all right" in out


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_point_editors_to_the_schema(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    target = path.parent / first.removeprefix("# yaml-language-server: $schema=")
    assert target.resolve() == ROOT / "config" / "stratumd.schema.json"


def test_a_key_in_the_environment_changes_what_the_example_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("c.yaml").write_text(example())
    monkeypatch.setenv("ODDS_API_KEY", "k-123456")
    assert "Sources: nba. Pipelines: nba." in run("check", "c.yaml")[1]


def test_check_takes_little_more_than_its_libraries_and_no_network() -> None:
    """Measured as processor time of whole processes, so that a busy machine does not matter."""
    refusing = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('a connection')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from stratumd.cli import main\n"
        f"main(['check', {str(EXAMPLES[0])!r}])\n"
    )
    assert _seconds(refusing) < 4 * _seconds(
        "import httpx, msgspec, pydantic, rich.table, ruamel.yaml, sqlalchemy, typer"
    )


def _seconds(program: str) -> float:
    """Return the processor time that `program` takes in a process of its own."""
    before = os.times()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    after = os.times()
    assert (done.returncode, done.stderr) == (0, "")
    return (after.children_user + after.children_system) - (before.children_user + before.children_system)


def test_check_says_which_signals_cannot_come_to_be(run: Run) -> None:
    source, pipeline = "slow: {use: demo, schedule: {every: 5m}}", "p: {sources: [slow], detectors: [consensus, steam]}"
    Path("c.yaml").write_text(f"sources:\n  {source}\npipelines:\n  {pipeline}\n")
    code, out, err = run("check", "c.yaml")
    assert (code, out[:17]) == (0, "c.yaml: all right")
    assert err == (
        "steam: STEAM: window 3m, one poll in 5m (slow): cannot fire; with schedule every: 1m30s, or steam window: 10m"
        " it can\n`stratumd plan` shows the rhythm of the polls and what it costs\n"
    )
