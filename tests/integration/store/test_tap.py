"""`tap`: what came before is not shown, what comes is shown once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stratumd.cli.read import now
from stratumd.store import Store
from tests.support.cli import stratumd
from tests.support.steps import keep, observation, step

CONFIG = """
sources:
  nba: {use: demo, schedule: {every: 2s}}
  nfl: {use: demo, schedule: {every: 2s}}
pipelines:
  nba: {sources: [nba, nfl], detectors: [consensus, move, steam]}
"""


@pytest.fixture
def tapped(store: Store, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Run `tap` with words, while two steps are kept between its first looks; return its exit code and its lines."""
    (tmp_path / "stratumd.yaml").write_text(CONFIG)
    keep(store, step(observation(now() - 9, body=b"[0]")))

    def run(*words: str) -> tuple[int, list[str]]:
        looks = iter(range(4))

        def pause(seconds: float) -> None:
            look = next(looks, None)
            if look is None:
                raise KeyboardInterrupt
            if look < 2:
                keep(store, step(observation(now(), body=b"[%d]" % (look + 1)), event_number=look))

        monkeypatch.setattr("time.sleep", pause)
        given = ["-c", str(tmp_path / "stratumd.yaml"), "--database", database_url]
        return stratumd("tap", *words, *given), capsys.readouterr().out.splitlines()

    return run


def test_polls_and_signals_come_once_as_they_come(tapped: Any) -> None:
    code, lines = tapped()
    assert code == 130
    assert ["STEAM" in line for line in lines] == [False, True, False, True]
    assert "  nba  200  /odds  " in lines[0]
    assert lines[0].endswith("  3 bytes  3 credits")


@pytest.mark.parametrize(
    ("name", "lines"), [("nba", ["nba", "nba"]), ("nfl", []), ("steam", ["STEAM", "STEAM"]), ("move", [])]
)
def test_one_source_or_detector(name: str, lines: list[str], tapped: Any) -> None:
    code, shown = tapped(name, "--json")
    rows = [json.loads(line) for line in shown]
    assert [row.get("type", row.get("source")) for row in rows] == lines
    assert len({row["id"] for row in rows}) == len(rows)
    assert code == 130


def test_it_ends_after_a_length(tapped: Any) -> None:
    assert tapped("--for", "0s") == (0, [])


def test_what_is_not_there_is_wrong_usage(tapped: Any) -> None:
    assert tapped("stam") == (2, [])
