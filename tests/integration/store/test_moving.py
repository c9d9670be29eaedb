"""Whole tables into files and back, on both databases and in both forms."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from stratumd.plugin import MINUTE, iso, to_datetime
from stratumd.store import FORMS, open_reader, open_store
from stratumd.store.columns import Field, Kind, field_of
from stratumd.store.tables import metadata
from tests.support.cli import stratumd
from tests.support.steps import START, event, keep, observation, step


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('moving') / 'stratum.db'}"
    store = open_store(url)
    for n in range(3):
        keep(store, step(observation(START + n * MINUTE, body=bytes(range(256))), price=1.9 + n / 10, event_number=n))
    store.close()
    return url


def everything(url: str, folder: Path) -> dict[str, str]:
    """Return all of a database by table, as text, whatever database it is."""
    reader = open_reader(url)
    try:
        for _ in reader.export_tables(folder, "csv", (), part_of()):
            pass
    finally:
        reader.close()
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def part_of() -> Any:
    from stratumd.store import Part

    return Part()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_brought_back_is_equal(
    form: str, filled: str, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert stratumd("db", "export", "--database", filled, "--format", form, "--out", str(out)) == 0
    assert stratumd("db", "import", str(out), "--database", database_url) == 0
    shown = capsys.readouterr().out.split()
    assert shown[shown.index("changes") + 1] == "9"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before, after = everything(filled, tmp_path / "a"), everything(database_url, tmp_path / "b")
    assert before == after
    assert before["changes.csv"].count("\n") == 10
    assert stratumd("db", "import", str(out), "--database", database_url) == 78
    assert "has rows already: import into a database that is new" in capsys.readouterr().err


def test_parquet_has_proper_types(filled: str, tmp_path: Path) -> None:
    assert stratumd("db", "export", "--database", filled, "--format", "parquet", "--out", str(tmp_path)) == 0
    found = parquet.read_table(tmp_path / "changes.parquet")
    assert {name: str(found.schema.field(name).type) for name in found.column_names} == {
        "event_id": "int64", "observed_at": "timestamp[us, tz=UTC]", "series_id": "int64", "line": "double",
        "price": "double", "last_update": "timestamp[us, tz=UTC]",
    }  # fmt: skip
    assert found.column("observed_at")[0].as_py() in {to_datetime(START + n * MINUTE) for n in range(3)}
    assert str(parquet.read_schema(tmp_path / "observations.parquet").field("body").type) == "binary"


def test_an_export_of_signals_and_consensus_has_lists_and_timestamps(
    filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("signals", "consensus", "changes"):
        out = tmp_path / f"{kind}.parquet"
        assert stratumd("export", kind, "--database", filled, "--format", "parquet", "--out", str(out)) == 0
    signals = parquet.read_table(tmp_path / "signals.parquet").to_pylist()
    assert signals[0]["books"] == ["pinnacle", "betmgm"]
    assert signals[0]["observed_at"] == datetime.fromtimestamp(START // 1_000_000, UTC)
    assert json.loads(signals[0]["metadata"])["quote"] == 'a "b" \\ c\n'
    (point, *_) = parquet.read_table(tmp_path / "consensus.parquet").to_pylist()
    assert (point["books"], point["probabilities"], point["player"]) == (7, [0.1 + 0.2, 0.7], None)
    capsys.readouterr()
    assert stratumd("export", "signals", "--database", filled, "--format", "parquet") == 2
    assert "name it with --out" in capsys.readouterr().err


def test_an_event_a_market_and_a_time(filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def rows(folder: str, *words: str) -> dict[str, int]:
        out = tmp_path / folder
        assert stratumd("db", "export", "--database", filled, "--out", str(out), "--json", *words) == 0
        return {row["table"]: row["rows"] for row in map(json.loads, capsys.readouterr().out.splitlines())}

    mine = rows("event", "--event", event(1).id)
    assert (mine["changes"], mine["signals"], mine["consensus"], mine["series"]) == (3, 1, 1, 3)
    assert not {"observations", "counters", "polls"} & mine.keys()
    assert rows("market", "--market", "spreads", "--table", "changes", "--table", "latest") == {
        "changes": 6, "latest": 6,
    }  # fmt: skip
    late = ("--from", iso(START + MINUTE), "--to", iso(START + MINUTE), "--table", "changes", "--table", "processed")
    assert rows("time", *late) == {"changes": 3, "processed": 1}
    assert stratumd("db", "export", "--database", filled, "--out", str(tmp_path), "--table", "nothing") == 78
    assert "there is no table 'nothing'" in capsys.readouterr().err
    wrong = ("--table", "counters", "--event", event(1).id)
    assert stratumd("db", "export", "--database", filled, "--out", str(tmp_path), *wrong) == 78
    assert "counters is about no event" in capsys.readouterr().err


def test_without_pyarrow_the_error_names_the_extra(
    filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from stratumd.store import parquet_form

    parquet_form._arrow.cache_clear()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert stratumd("db", "export", "--database", filled, "--format", "parquet", "--out", str(tmp_path)) == 75
    assert "pip install 'stratumd[parquet]'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_a_failure_as_with_export(
    filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no mistake of the configuration: exit code 78 would say that a file of it is to be edited."""
    (tmp_path / "taken").write_text("")
    for words in (["db", "export"], ["export", "signals"]):
        assert stratumd(*words, "--database", filled, "--out", str(tmp_path / "taken" / "out")) == 1
        assert "cannot write" in capsys.readouterr().err


def test_nothing_where_something_packed_belongs_is_refused_as_in_any_column(
    filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert stratumd("db", "export", "--database", filled, "--out", str(out), "--table", "consensus") == 0
    file = out / "consensus.csv"
    heading, row, *_ = csv.reader(file.read_text().splitlines())
    row[heading.index("contributors")] = "\\N"
    with file.open("w", newline="") as torn:
        csv.writer(torn).writerows([heading, row])
    assert stratumd("db", "import", str(out), "--database", f"sqlite:///{tmp_path / 'new.db'}") == 1
    assert "NOT NULL constraint failed: consensus.contributors" in capsys.readouterr().err


@pytest.mark.parametrize("text", [b"event_id\n1\n", b"name,value\nx,one\n", b'name,value\n"x', b"name,value\nx\n"])
def test_a_damaged_file_is_named_and_nothing_is_imported(
    text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "counters.csv").write_bytes(text)
    (tmp_path / "books.csv").write_text("key,first_seen\na,2026-01-01T00:00:00Z\n")
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert stratumd("db", "import", str(tmp_path), "--database", url) == 78
    assert "counters.csv" in capsys.readouterr().err
    reader = open_reader(url)
    assert {row.rows for row in reader.stats() if row.table == "books"} == {0}
    reader.close()


def test_every_column_of_whole_numbers_is_known_to_be_a_time_or_none() -> None:
    whole = {
        str(column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if field_of(column).kind is Kind.WHOLE
    }
    assert not {name for name in whole if name.startswith(("since", "until", "last_u", "due", "ended"))}
    assert whole >= {"event_id", "series_id", "position", "strength", "elapsed", "latency"}


VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    Kind.WHOLE: st.integers(-(2**63), 2**63 - 1),
    Kind.REAL: st.floats(allow_nan=False, allow_infinity=False),
    Kind.TIME: st.integers(-(10**15), 4 * 10**15),
    Kind.BYTES: st.binary(max_size=50),
    Kind.TEXTS: st.lists(st.text(st.characters(codec="utf-8")), max_size=3),
    Kind.REALS: st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
}


@pytest.mark.parametrize("form", FORMS)
@example(
    rows=[
        ("\r", 1, 1.0, 1, b"", [], []),
        ("\n\\N", None, None, None, None, None, None),
        ("", 0, -0.0, 0, b"", [""], [0.0]),
    ]
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(*[st.none() | each for each in VALUES.values()]), max_size=9))
def test_any_values_come_back_as_they_were(form: str, rows: list[tuple[Any, ...]], tmp_path: Path) -> None:
    fields = [Field(str(kind), kind) for kind in VALUES]
    path = tmp_path / "any"
    writer = FORMS[form].writer(path, fields)
    writer.write(rows[:4])
    writer.write(rows[4:])
    writer.close()
    assert [tuple(row) for some in FORMS[form].read(path, fields, 2) for row in some] == rows
