"""Every signal that counts as delivered is a whole line of the file."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stratumd.errors import DeliveryError, StartupError
from stratumd.plugin import Delivery, Notice, Signal
from stratumd.testing.samples import signal
from stratumd_file.rows import HEADER, row
from stratumd_file.sink import FileSink, Options

pytestmark = pytest.mark.anyio


def deliveries(*ids: str) -> list[Delivery]:
    return [Delivery(f"d-{id}", make_signal(id)) for id in ids]


def make_signal(id: str) -> Signal:
    return signal(id=id, home="Montréal", metadata={"note": "two\nlines"})


def file_sink(path: Path, **options: Any) -> FileSink:
    context: Any = None
    return FileSink(Options(path=path, **options), context)


def ids(path: Path) -> list[str]:
    return [json.loads(text)["id"] for text in path.read_text("utf-8").splitlines()]


async def test_appends_the_public_json_of_each_signal(tmp_path: Path) -> None:
    sink = file_sink(path := tmp_path / "signals.jsonl")
    await sink.open()
    await sink.deliver(deliveries("s1", "s2"))
    await sink.deliver(deliveries("s3"))
    await sink.close()
    assert ids(path) == ["s1", "s2", "s3"]
    assert path.read_bytes().splitlines()[0] == make_signal("s1").to_json()


async def test_creates_the_folder(tmp_path: Path) -> None:
    sink = file_sink(path := tmp_path / "deep" / "er" / "signals.jsonl")
    await sink.open()
    assert path.read_bytes() == b""
    await sink.close()


async def test_goes_on_after_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "signals.jsonl"
    for id in ("s1", "s2"):
        sink = file_sink(path)
        await sink.deliver(deliveries(id))
        await sink.close()
    assert ids(path) == ["s1", "s2"]


@pytest.mark.parametrize("before", [b"", make_signal("s1").to_json() + b"\n"])
@pytest.mark.parametrize("torn", [b"{", b'{"id":"s2","ty', b'{"id":"' + b"s" * 200_000])
async def test_a_line_torn_by_a_crash_or_a_full_disk_is_taken_out(tmp_path: Path, before: bytes, torn: bytes) -> None:
    """It counted as nothing, and is delivered again: whoever reads the file finds whole lines only."""
    path = tmp_path / "signals.jsonl"
    path.write_bytes(before + torn)
    sink = file_sink(path)
    await sink.deliver(deliveries("s2"))
    await sink.close()
    assert ids(path) == (["s1", "s2"] if before else ["s2"])


async def test_follows_a_rotation_by_rename(tmp_path: Path) -> None:
    sink = file_sink(path := tmp_path / "signals.jsonl")
    await sink.deliver(deliveries("s1"))
    path.rename(old := tmp_path / "signals.jsonl.1")
    await sink.deliver(deliveries("s2"))
    path.rename(tmp_path / "signals.jsonl.2")
    path.touch()
    await sink.deliver(deliveries("s3"))
    await sink.close()
    assert (ids(old), ids(path)) == (["s1"], ["s3"])


async def test_follows_a_rotation_by_truncation(tmp_path: Path) -> None:
    sink = file_sink(path := tmp_path / "signals.jsonl")
    await sink.deliver(deliveries("s1"))
    os.truncate(path, 0)
    await sink.deliver(deliveries("s2"))
    await sink.close()
    assert ids(path) == ["s2"]


@pytest.mark.parametrize(("options", "synced"), [({}, 2), ({"fsync": False}, 0)])
async def test_lines_are_on_the_disk_before_they_count_as_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool], synced: int
) -> None:
    """One sync for the new name in the folder, and one for each batch."""
    calls: list[int] = []
    monkeypatch.setattr("os.fsync", calls.append)
    sink = file_sink(tmp_path / "signals.jsonl", **options)
    await sink.deliver(deliveries("s1", "s2"))
    await sink.close()
    assert len(calls) == synced


async def test_a_full_disk_is_a_failure_that_passes_and_tears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the batch was written; no reader finds half a line, and the next attempt writes all of it."""
    write = os.write

    def half(descriptor: int, content: bytes) -> int:
        write(descriptor, bytes(content[: len(content) // 2]))
        raise OSError(28, "No space left on device")

    sink = file_sink(path := tmp_path / "signals.jsonl")
    monkeypatch.setattr("os.write", half)
    with pytest.raises(DeliveryError, match=r"cannot write to .*signals\.jsonl: No space left") as failure:
        await sink.deliver(deliveries("s1"))
    assert not failure.value.permanent
    assert path.read_bytes() == b""
    monkeypatch.setattr("os.write", write)
    await sink.deliver(deliveries("s1"))
    await sink.close()
    assert ids(path) == ["s1"]


async def test_a_place_where_nothing_can_be_written_is_found_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a folder")
    with pytest.raises(StartupError, match="cannot open"):
        await file_sink(tmp_path / "occupied" / "signals.jsonl").open()


def test_the_path_is_required() -> None:
    with pytest.raises(ValidationError, match="path"):
        Options.model_validate({})


async def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sink = file_sink(Path("~/signals.jsonl"))
    await sink.open()
    await sink.close()
    assert (tmp_path / "signals.jsonl").exists()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


async def test_csv_has_one_header_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "signals.csv"
    for id in ("s1", "s2"):
        sink = file_sink(path, format="csv")
        await sink.open()
        await sink.deliver(deliveries(id))
        await sink.close()
    assert path.read_bytes() == HEADER + row(make_signal("s1").public()) + row(make_signal("s2").public())
    first, second = rows(path)
    assert (first["id"], second["id"], first["home"], first["player"]) == ("s1", "s2", "Montréal", "")
    assert json.loads(first["books"]) == ["fanduel"]
    assert json.loads(first["metadata"]) == {"note": "two\nlines"}
    assert first["observed_at"] == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize("kept", [1, len(HEADER) - 1, len(HEADER), len(HEADER) + 1, len(HEADER) + 100, -1])
async def test_csv_goes_on_after_a_crash_at_any_byte(tmp_path: Path, kept: int) -> None:
    """What was torn counted as nothing, and is delivered again."""
    path = tmp_path / "signals.csv"
    path.write_bytes((HEADER + row(make_signal("s1").public()))[:kept])
    sink = file_sink(path, format="csv")
    await sink.deliver(deliveries("s1"))
    await sink.close()
    assert path.read_bytes() == HEADER + row(make_signal("s1").public())


async def test_a_torn_row_longer_than_any_block_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "signals.csv"
    path.write_bytes(HEADER + b'"' + b"x" * 200_000)
    sink = file_sink(path, format="csv")
    await sink.open()
    await sink.close()
    assert path.read_bytes() == HEADER


async def test_csv_begins_anew_after_each_kind_of_rotation(tmp_path: Path) -> None:
    sink = file_sink(path := tmp_path / "signals.csv", format="csv")
    await sink.deliver(deliveries("s1"))
    os.truncate(path, 0)
    await sink.deliver(deliveries("s2"))
    path.rename(old := tmp_path / "signals.csv.1")
    await sink.deliver(deliveries("s3"))
    await sink.close()
    assert [[each["id"] for each in rows(one)] for one in (old, path)] == [["s2"], ["s3"]]


async def test_csv_touches_no_file_of_another_shape(tmp_path: Path) -> None:
    (path := tmp_path / "signals.jsonl").write_bytes(b'{"id":"s1"}\n{"id":')
    sink = file_sink(path, format="csv")
    with pytest.raises(StartupError, match="its first line names other columns: move the file away"):
        await sink.open()
    with pytest.raises(DeliveryError, match="other columns"):
        await sink.deliver(deliveries("s1"))
    assert path.read_bytes() == b'{"id":"s1"}\n{"id":'


async def test_a_text_with_a_line_break_stays_in_its_row(tmp_path: Path) -> None:
    assert row({"home": 'a "b"\r\nc'}).count(b"\n") == 1
    assert b'"a ""b"" c"' in row({"home": 'a "b"\r\nc'})


async def test_a_notice_is_a_row_that_says_so(tmp_path: Path) -> None:
    sink = file_sink(path := tmp_path / "signals.csv", format="csv")
    await sink.notify(Notice("n1", "sink_disabled", "a title", "two\nlines", 1_784_000_000_000_000))
    await sink.close()
    (found,) = rows(path)
    assert (found["id"], found["type"], found["observed_at"]) == ("n1", "stratumd.notice", "2026-07-14T03:33:20Z")
    assert json.loads(found["metadata"])["text"] == "two\nlines"


async def test_what_somebody_else_put_into_the_open_file_is_left_as_it_is(tmp_path: Path) -> None:
    sink = file_sink(path := tmp_path / "signals.csv", format="csv")
    await sink.deliver(deliveries("s1"))
    path.write_bytes(theirs := b"other,columns\nnot ended yet")
    with pytest.raises(DeliveryError, match="other columns"):
        await sink.deliver(deliveries("s2"))
    await sink.close()
    assert path.read_bytes() == theirs
