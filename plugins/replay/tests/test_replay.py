"""The replay source: recordings in the order of time, under the source's own name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from stratumd import recording
from stratumd.errors import StartupError
from stratumd.plugin import SECOND, Observation, Request
from stratumd_replay import Replay
from stratumd_replay.source import Options

pytestmark = pytest.mark.anyio


def answer(at: float) -> Observation:
    return Observation("odds-api", "odds-api", round(at * SECOND), Request("/v4/sports/x/odds"), 200, b"[]")


def source(*files: Path, **options: Any) -> Replay:
    return Replay(Options(files=files, **options), SimpleNamespace(name="recorded"))


async def test_files_are_merged_by_time(tmp_path: Path) -> None:
    recording.write(tmp_path / "a.jsonl", [answer(1), answer(4)])
    recording.write(tmp_path / "b.jsonl", [answer(2), answer(3)])
    polls = [poll async for poll in source(tmp_path / "a.jsonl", tmp_path / "b.jsonl").poll()]
    assert [poll.started_at // SECOND for poll in polls] == [1, 2, 3, 4]


async def test_observations_carry_the_name_of_the_source(tmp_path: Path) -> None:
    """They are found again in the store by it, and are other observations than those of the original source."""
    recording.write(tmp_path / "a.jsonl", [answer(1)])
    (poll,) = [poll async for poll in source(tmp_path / "a.jsonl").poll()]
    assert poll.observation == answer(1).under("recorded")


async def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"there is no recording .*edit 'files' of source 'recorded'"):
        await source(tmp_path / "nowhere.jsonl").open()


async def test_speed_keeps_the_recording_s_pace(tmp_path: Path) -> None:
    recording.write(tmp_path / "a.jsonl", [answer(0), answer(30)])
    started = anyio.current_time()
    polls = [poll async for poll in source(tmp_path / "a.jsonl", speed=200).poll()]
    assert len(polls) == 2
    assert anyio.current_time() - started >= 30 / 200
