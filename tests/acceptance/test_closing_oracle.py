"""The closing lines of stratumd, and what prices were worth there, against a second reading: `plain_close.py`.

STRATUMD_ORACLE=full takes the recordings whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from math import isclose
from pathlib import Path
from typing import Any

import pytest

from stratumd import recording
from stratumd.plugin import to_datetime
from tests.support import ROOT, plain, plain_close, shared
from tests.support.cli import stratumd

FULL = os.environ.get("STRATUMD_ORACLE") == "full"


@pytest.mark.parametrize(
    ("name", "polls"),
    [("recordings/wnba-2026-07-14--07-31.jsonl.xz", 70), ("recordings/mlb-2026-08-04--08-06.jsonl.xz", 32)],
    ids=["wnba", "mlb"],
)
def test_closes_and_values_are_read_alike(name: str, polls: int, tmp_path: Path) -> None:
    path = tmp_path / "past.jsonl"
    recording.write(path, islice(recording.read(shared(name)), None if FULL else polls))
    with path.open("rb") as lines:
        past = plain_close.Past(lines)
    with path.open("rb") as lines:
        signals = {signal[:7]: signal for signal in plain.signals(lines)}
    until = past.polls[-1] + timedelta(days=2)
    config = tmp_path / "stratumd.yaml"
    job = "    jobs:\n      - clv: {lookback_days: 60, offsets: [0s, 60s, 15m]}\n    sinks:\n"
    config.write_text((ROOT / "config" / "examples" / "replay.yaml").read_text().replace("    sinks:\n", job))
    words = ["--config", str(config), "--database", f"sqlite:///{tmp_path}/past.db"]
    assert stratumd("replay", str(path), *words) == 0
    assert stratumd("clv", "--run", "--at", until.isoformat().replace("+00:00", "Z"), *words) == 0

    closes = {(row["event"], row["market"], row["convention"]): row for row in rows(tmp_path, "clv_markets")}
    assert len({event for event, *_ in closes}) > 5
    for place, row in closes.items():
        assert shown(row) == expected(past.close(*place)), place

    ids = {row["id"]: signals[key_of(row)] for row in rows(tmp_path, "signals")}
    records = {(row["signal"], row["reference"], row["after_seconds"]): row for row in rows(tmp_path, "clv_values")}
    assert {row["status"] for row in records.values()} >= {"valued", "gone"}
    for id_ in {signal for signal, *_ in records}:
        for ours in past.records(ids[id_]):
            theirs = records.pop((id_, ours["reference"], ours["after_seconds"]))
            assert [(name, theirs[name], value) for name, value in ours.items() if not same(theirs[name], value)] == []
    assert not records


def rows(folder: Path, table: str) -> Iterator[sqlite3.Row]:
    with closing(sqlite3.connect(folder / "past.db")) as database:
        database.row_factory = sqlite3.Row
        yield from database.execute(f"SELECT * FROM {table}")


def key_of(row: sqlite3.Row) -> tuple[str | datetime | None, ...]:
    fields = ("type", "event", "market", "outcome", "direction", "operator")
    return (*[row[field] for field in fields], to_datetime(row["observed_at"]))


def shown(row: sqlite3.Row) -> Mapping[str, Any]:
    chances = dict(zip(row["outcomes"].split(), map(float, row["probabilities"].split()), strict=True))
    figures = {name: row[name] for name in ("quality", "operators", "line", "fair_line")}
    return figures | {f"chance of {side}": pytest.approx(chance, abs=1e-9) for side, chance in chances.items()}


def expected(close: plain_close.Close | None) -> Mapping[str, Any]:
    if close is None:
        return {"quality": "none", "operators": 0, "line": None, "fair_line": None}
    figures = {"quality": close.quality, "operators": close.operators, "line": close.line}
    fair_line = None if close.fair_line is None else pytest.approx(close.fair_line, abs=1e-9)
    return figures | {"fair_line": fair_line} | {f"chance of {side}": each for side, each in close.chances.items()}


def same(theirs: Any, ours: Any) -> bool:
    if isinstance(ours, float) and theirs is not None:
        return isclose(theirs, ours, rel_tol=1e-9, abs_tol=1e-9)
    return bool(theirs == ours)
