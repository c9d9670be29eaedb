"""Recordings: what was received comes back byte for byte, and a broken line is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratumd import recording
from stratumd.errors import ConfigError
from stratumd.plugin import Observation, Request

ANSWER = Observation(
    source="nba",
    format="odds-api",
    received_at=1_768_000_000_123_456,
    request=Request("/v4/sports/basketball_nba/odds", {"regions": "us"}),
    status=200,
    body=b'[{"id": "a",  "odds": -4.0}]',
    headers={"x-requests-remaining": "499"},
)


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.xz"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    assert recording.write(tmp_path / name, [ANSWER, ANSWER]) == 2
    assert list(recording.read(tmp_path / name)) == [ANSWER, ANSWER]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(st.binary(), st.text().map(str.encode), st.just(b"[1,\n2]"), st.just(b"")))
def test_an_answer_that_is_no_json_keeps_its_bytes(tmp_path: Path, body: bytes) -> None:
    """Error pages, truncated JSON and plain binary come back as they were, with the same id."""
    odd = Observation("nba", "odds-api", 1, Request("/"), 502, body)
    recording.write(tmp_path / "r.jsonl", [odd])
    assert list(recording.read(tmp_path / "r.jsonl")) == [odd]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    recording.write(path, [ANSWER])
    path.write_bytes(path.read_bytes() + b'{"received_at": "yesterday", "source": "x", "request": {"path": "/"}}\n')
    with pytest.raises(ConfigError, match=r"r\.jsonl:2: "):
        list(recording.read(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.jsonl: cannot read"):
        list(recording.read(tmp_path / "nowhere.jsonl"))


@pytest.mark.parametrize("body", [b"no xz at all", b"", b"cut off"])
def test_a_file_that_is_not_whole_or_not_compressed_is_named(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "r.jsonl.xz"
    recording.write(path, [ANSWER])
    path.write_bytes(path.read_bytes()[:40] if body == b"cut off" else body)
    with pytest.raises(ConfigError, match=r"r\.jsonl\.xz: it is not compressed by xz, damaged, or cut off"):
        list(recording.read(path))


def test_the_id_is_what_was_received() -> None:
    """Any part that differs makes another observation; nothing else does."""
    assert ANSWER.under("nba").id == ANSWER.id
    assert ANSWER.under("mlb").id != ANSWER.id
