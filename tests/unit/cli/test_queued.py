"""The queue of backfills at the console: each within its own limits, and out of the queue only when it ended well."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from stratumd.cli import backfill, queued
from stratumd.errors import TransientError
from stratumd.plugin import SECOND, parse_iso
from stratumd_admin.backfills import command
from stratumd_admin.rows import Backfill
from tests.support.cli import stratumd

START, END = parse_iso("2026-01-01T00:00:00Z"), parse_iso("2026-01-03T12:00:00Z")


def row(number: int, **more: Any) -> Backfill:
    facts = {
        "id": f"b{number}", "source": f"s{number}", "sport": "basketball_nba", "markets": "h2h,totals", "start": START,
        "end": END, "step": 6 * 3600 * SECOND, "most_requests": 40, "most_events": None, "min_remaining": 500,
        "state": "queued", "asked_by": "account:a", "asked_at": number, "closed_at": None, "outcome": "",
    }  # fmt: skip
    return Backfill(**facts | more)


@pytest.fixture
def operated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Mapping[str, Any]]]:
    """What was asked of the plugin, whose queue has three backfills, the newest first."""
    asked: list[tuple[str, Mapping[str, Any]]] = []

    def operate(config: Path, database: str | None, name: str, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        asked.append((name, arguments))
        listed = [{"id": each.id, "command": command(each)} for each in (row(3), row(2), row(1))]
        return listed if name.endswith("runs.backfills") else []

    monkeypatch.setattr(queued, "_operate", operate)
    return asked


def test_what_fails_stays_and_the_others_go_on_oldest_first(
    operated: list[tuple[str, Mapping[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(words: Sequence[str]) -> tuple[int, str]:
        if "s1" in words:
            raise TransientError("the provider is away")
        if "s2" in words:
            raise typer.BadParameter("no enabled source 's2' knows the past")
        return 0, "9 requests"

    assert queued.drain(Path("x.yaml"), None, run, as_json=True) == 1
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["id"], each["state"]) for each in shown] == [("b1", "queued"), ("b2", "queued"), ("b3", "done")]
    assert [arguments for name, arguments in operated if name.endswith("close-backfill")] == [
        {"backfill": "b3", "outcome": "9 requests"}
    ]
    assert queued.drain(Path("x.yaml"), None, lambda words: (0, ""), as_json=True) == 0


def test_the_command_of_a_row_is_read_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(backfill, "_fill", lambda *given: taken.append(given) or (0, None))
    words = command(row(1, most_events=7)).split()[2:]
    assert backfill.filled(words, Path("other.yaml"), "sqlite:///x.db") == (0, "")
    ((asked, *limits, as_json),) = taken
    assert (asked.start, asked.end, asked.step) == (START, END, 6 * 3600 * SECOND)
    assert (asked.source, asked.sport, asked.markets) == ("s1", "basketball_nba", "h2h,totals")
    assert (asked.config, asked.database, asked.probe) == (Path("other.yaml"), "sqlite:///x.db", False)
    assert (limits, as_json) == ([7, 40, 500], False)


@pytest.mark.parametrize(
    ("words", "said"), [(["--queued", "--sport", "x"], "--queued stands alone"), ([], "--from and --to, or --queued")]
)
def test_it_stands_alone_or_says_from_when_to_when(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd("backfill", *words) == 2
    assert said in capsys.readouterr().err
