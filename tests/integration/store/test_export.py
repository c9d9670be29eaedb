"""Rows for other programs: whole, in the order of time, in both forms."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stratumd import recording
from stratumd.plugin import MINUTE, iso
from stratumd.store import open_reader, open_store
from tests.support.cli import stratumd
from tests.support.steps import START, keep, observation, step


@pytest.fixture
def filled(database_url: str) -> str:
    store = open_store(database_url)
    for n in range(3):
        keep(store, step(observation(START + n * MINUTE), price=1.9 + n / 10, event_number=n))
    store.close()
    return database_url


@pytest.mark.parametrize(("kind", "rows"), [("signals", 3), ("changes", 9), ("consensus", 3)])
def test_each_kind_comes_whole_and_in_order(kind: str, rows: int, filled: str, capsys: Any) -> None:
    found = exported(capsys, kind, "--database", filled)
    assert len(found) == rows
    assert [row["observed_at"] for row in found] == sorted(row["observed_at"] for row in found)
    assert {row["event"] for row in found} == {f"event{n:027d}" for n in range(3)}


def test_signals_are_the_bytes_of_the_reading_command(filled: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert stratumd("signals", "--database", filled, "--json") == 0
    shown = capsysbinary.readouterr().out
    assert stratumd("export", "signals", "--database", filled) == 0
    assert capsysbinary.readouterr().out == shown != b""


def test_a_range_of_time_and_a_pipeline(filled: str, capsys: Any) -> None:
    ends = ("--from", iso(START + MINUTE), "--to", iso(START + MINUTE))
    (row,) = [each for each in exported(capsys, "changes", "--database", filled, *ends) if each["outcome"] == "home"]
    assert (row["book"], row["market"], row["player"], row["line"], row["price"]) == (
        "pinnacle", "spreads", None, -2.5, 2.0
    )  # fmt: skip
    assert exported(capsys, "changes", "--database", filled, "--pipeline", "other") == []


def test_csv_says_the_same(filled: str, capsys: Any) -> None:
    lines = exported(capsys, "consensus", "--database", filled)
    assert stratumd("export", "consensus", "--database", filled, "--format", "csv") == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["event"] for row in table] == [row["event"] for row in lines]
    assert [json.loads(row["contributors"]) for row in table] == [row["contributors"] for row in lines]
    assert [float(row["fair_line"]) for row in table] == [row["fair_line"] for row in lines]


@pytest.mark.parametrize(("kind", "lists"), [("signals", ["books", "metadata"]), ("consensus", ["contributors"])])
def test_lists_and_mappings_are_json_in_csv(kind: str, lists: list[str], filled: str, capsys: Any) -> None:
    lines = exported(capsys, kind, "--database", filled)
    assert stratumd("export", kind, "--database", filled, "--format", "csv") == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [[json.loads(row[name]) for name in lists] for row in table] == [
        [row[name] for name in lists] for row in lines
    ]


def test_few_rows_are_held_at_once(filled: str) -> None:
    reader = open_reader(filled)
    try:
        with closing(reader.export("changes")) as rows:
            first = next(rows)
    finally:
        reader.close()
    assert first["observed_at"] == iso(START)


def exported(capsys: Any, *words: str) -> list[dict[str, Any]]:
    assert stratumd("export", *words) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.xz"])
def test_observations_become_a_recording(filled: str, tmp_path: Path, name: str, capsys: Any) -> None:
    out = tmp_path / name
    assert stratumd("export", "observations", "--database", filled, "--out", str(out)) == 0
    assert capsys.readouterr().out == f"3 observations in {out}\n"
    assert [*recording.read(out)] == [observation(START + n * MINUTE) for n in range(3)]


def test_a_recording_of_one_source_and_time(filled: str, tmp_path: Path) -> None:
    out = tmp_path / "some.jsonl"
    since = ("--from", iso(START + MINUTE))
    assert stratumd("export", "observations", "--database", filled, "--out", str(out), *since) == 0
    assert [each.received_at for each in recording.read(out)] == [START + MINUTE, START + 2 * MINUTE]
    assert stratumd("export", "observations", "--database", filled, "--out", str(out), "--source", "other") == 0
    assert out.read_bytes() == b""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("observations",), "a recording goes into a file"),
        (("observations", "--out", "week.csv"), "a recording goes into a file"),
        (("observations", "--event", "e", "--out", "week.jsonl"), "an observation is a whole answer"),
        (("signals", "--source", "nba"), "--source is for observations"),
    ],
)
def test_what_makes_no_recording_is_said(
    filled: str, options: tuple[str, ...], said: str, capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stratumd("export", *options, "--database", filled) == 2
    assert said in capsys.readouterr().err
    assert not [*tmp_path.glob("week*")]
