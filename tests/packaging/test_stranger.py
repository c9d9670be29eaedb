"""A stranger's detector and sink, from their own folder with their own pyproject: listed, run, made to fail."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.conftest import Environment, copied, run
from tests.support import ROOT
from tests.support.daemon import PATIENCE

STRANGER = ROOT / "tests" / "packaging" / "stranger"

CONFIG = """
database: sqlite:///stranger.db
http: off
sources:
  demo: {use: demo, pace: 600, incidents: 10, schedule: {every: 200ms}}
pipelines:
  demo:
    sources: [demo]
    detectors:
      - consensus
      - move: {window: 2s}
      - stale-line: {window: 2s, movers: 2}
    sinks:
      - ledger: {path: LEDGER}
      - file: {path: signals.jsonl}
"""


@pytest.fixture(scope="module")
def place(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel, and the stranger beside it."""
    return copied(installed, tmp_path_factory.mktemp("venv"), STRANGER)


def ran(place: Environment, folder: Path, *types: str, ledger: str = "ledger.txt") -> list[dict[str, Any]]:
    """Run the daemon in a fast market until it delivered signals of all these types, and return its log."""
    (folder / "stratumd.yaml").write_text(CONFIG.replace("LEDGER", ledger))
    log, delivered = folder / "log", folder / "signals.jsonl"
    patience = time.monotonic() + PATIENCE
    with log.open("wb") as out:
        daemon = place.start("run", cwd=folder, out=out)
        try:
            while not (delivered.exists() and all(f'"{type}"' in delivered.read_text() for type in types)):
                assert daemon.poll() is None, log.read_text()
                assert time.monotonic() < patience, log.read_text()
                time.sleep(0.05)
            daemon.terminate()
            assert daemon.wait(PATIENCE) == 0, log.read_text()
        finally:
            daemon.kill()
            daemon.wait()
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def signals(place: Environment, folder: Path) -> list[dict[str, Any]]:
    """Return the signals that are in the store."""
    return [json.loads(line) for line in place.stratumd("signals", "--json", cwd=folder).stdout.splitlines()]


def test_both_are_listed_with_their_distribution(place: Environment, tmp_path: Path) -> None:
    rows = map(json.loads, place.stratumd("plugins", "--json", cwd=tmp_path).stdout.splitlines())
    theirs = {row["name"]: row for row in rows if row["distribution"] == "stranger"}
    assert {name: (row["version"], row["provides"], row["health"]) for name, row in theirs.items()} == {
        "stale-line": ("1.4.2", ["detector"], "ok"),
        "ledger": ("1.4.2", ["sink"], "ok"),
    }


def test_both_keep_the_contract(place: Environment, tmp_path: Path) -> None:
    place.stratumd("plugins", "verify", "stale-line", cwd=tmp_path)
    place.stratumd("plugins", "verify", "ledger", "--option", "path=ledger.txt", cwd=tmp_path)


def test_its_own_tests_pass(place: Environment, tmp_path: Path) -> None:
    tests = str(STRANGER / "tests")
    without = ["-p", "no:cacheprovider", "-p", "no:schemathesis"]
    run(place.python, "-m", "pytest", "-q", *without, "--rootdir", tests, tests, cwd=tmp_path)


def test_both_run_beside_the_bundled(place: Environment, tmp_path: Path) -> None:
    """The detector's signals are stored and delivered like any other; the sink writes each once."""
    assert not [line for line in ran(place, tmp_path, "MOVE", "STALE_LINE") if line["level"] == "error"]
    found = signals(place, tmp_path)
    assert {"STALE_LINE", "MOVE"} <= {signal["type"] for signal in found}
    ledger = (tmp_path / "ledger.txt").read_text().splitlines()
    assert len(set(ledger)) == len(ledger) > 0
    assert {line.split()[2] for line in ledger} <= {signal["type"] for signal in found}


def broken(place: Environment, folder: Path, module: str, text: str) -> Environment:
    """Return a copy of the environment in which one of the stranger's modules reads otherwise."""
    copy = copied(place, folder)
    (copy.packages / module).write_text(text)
    return copy


def test_a_detector_that_raises_is_named_and_the_rest_goes_on(place: Environment, tmp_path: Path) -> None:
    text = (STRANGER / "stale_line.py").read_text()
    loop = "        for market in tick.markets:\n"
    assert loop in text
    raising = text.replace(loop, f"        raise ZeroDivisionError('made to raise')\n{loop}")
    place = broken(place, tmp_path / "venv", "stale_line.py", raising)
    failures = [line for line in ran(place, tmp_path, "MOVE") if line["event"] == "plugin failed"]
    (named,) = {(each["plugin"], each["version"], each["error"]) for each in failures}
    assert named == ("stale-line", "1.4.2", "ZeroDivisionError: made to raise")
    line = text[: text.index(loop)].count("\n") + 1
    assert failures[0]["where"] == f"stale_line.py:{line}"
    types = {signal["type"] for signal in signals(place, tmp_path)}
    assert "MOVE" in types
    assert "STALE_LINE" not in types


def test_a_sink_that_raises_is_named_and_the_others_deliver(place: Environment, tmp_path: Path) -> None:
    log = ran(place, tmp_path, "MOVE", ledger="no-such-folder/ledger.txt")
    assert any("ledger" in json.dumps(line) and line["level"] in ("warning", "error") for line in log)
    (status,) = map(json.loads, place.stratumd("status", "--json", cwd=tmp_path).stdout.splitlines())
    states = {(row["sink"], row["state"]) for row in status["deliveries"]}
    assert ("demo.ledger", "pending") in states
    assert ("demo.file", "delivered") in states
    assert (tmp_path / "signals.jsonl").read_text().count("\n") > 0


def test_a_plugin_that_cannot_be_imported_is_named(place: Environment, tmp_path: Path) -> None:
    place = broken(place, tmp_path / "venv", "ledger.py", "import a_module_that_is_nowhere\n")
    lines = {line.split()[0]: line for line in place.stratumd("plugins", cwd=tmp_path).stdout.splitlines()}
    assert "a_module_that_is_nowhere" in lines["ledger"]
    assert "stranger 1.4.2" in lines["ledger"]
    assert lines["stale-line"].endswith("ok")
