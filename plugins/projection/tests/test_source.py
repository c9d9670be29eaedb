"""The file as a source: told of where it changed, again after a while, and what is said where it is not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stratumd.errors import SourceError, TransientError
from stratumd.plugin import MINUTE, Observation, Poll, parse_iso
from stratumd.testing.lent import SourceContext
from stratumd_projection import ProjectionFile
from stratumd_projection import source as module

pytestmark = pytest.mark.anyio
NOON = parse_iso("2026-01-10T17:00:00Z")
TEXT = "event,player,market,mean\nabc,Stephen Curry,player_threes,4.5\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "projections.csv"
    write(found, TEXT, NOON - 5 * MINUTE)
    return found


def write(path: Path, text: str, at: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(at * 1000, at * 1000))


def reading(path: Path, **options: Any) -> tuple[ProjectionFile, SourceContext]:
    context = SourceContext("mine", NOON)
    given = {"path": path, "sports": ["basketball_nba"], **options}
    return ProjectionFile(ProjectionFile.config.model_validate(given), context), context


async def polled(source: ProjectionFile) -> list[Poll]:
    return [poll async for poll in source.poll()]


async def told(source: ProjectionFile) -> Observation | None:
    polls = await polled(source)
    assert all(poll.error is None for poll in polls)
    return polls[0].observation if polls else None


async def test_the_file_is_kept_as_it_is_with_when_it_was_written(path: Path) -> None:
    source, _ = reading(path, timezone="America/New_York")
    found = await told(source)
    assert found is not None
    assert (found.source, found.format, found.received_at, found.body) == ("mine", "projection", NOON, TEXT.encode())
    assert found.headers == {"last-modified": "2026-01-10T16:55:00Z"}
    assert found.request.params == {"sports": "basketball_nba", "timezone": "America/New_York"}


async def test_it_is_told_of_when_it_changed_and_again_after_a_while(path: Path) -> None:
    source, context = reading(path)
    steps = []
    for minute in range(20):
        context.virtual.advance(MINUTE)
        if minute == 2:
            write(path, TEXT.replace("4.5", "4.6"), NOON + 2 * MINUTE)
        if minute == 4:  # the same, confirmed
            write(path, TEXT.replace("4.5", "4.6"), NOON + 4 * MINUTE)
        if await told(source) is not None:
            steps.append(minute)
    assert steps == [0, 2, 4, 19]


async def test_a_file_that_is_not_there_is_named_and_read_once_it_is(path: Path) -> None:
    os.unlink(path)
    source, _ = reading(path)
    await source.open()
    (poll,) = await polled(source)
    assert poll.observation is None
    assert isinstance(poll.error, TransientError)
    assert (poll.error.code, str(poll.error)) == ("no_file", f"there is no projection file {path}")
    write(path, TEXT, NOON)
    assert await told(source) is not None


async def test_what_is_no_file_is_named(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = [(await polled(reading(each)[0]))[0].error for each in (tmp_path, pipe)]
    monkeypatch.setattr(module, "LARGEST", 8)
    said += [(await polled(reading(path)[0]))[0].error]
    assert [isinstance(each, TransientError) for each in said] == [True] * 3
    assert "regular file" in str(said[1])
    assert "longer than" in str(said[2])


async def test_a_folder_keeps_nothing_open(tmp_path: Path) -> None:
    source, _ = reading(tmp_path)
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        (poll,) = await polled(source)
        assert "regular file" in str(poll.error)
    assert len(os.listdir("/dev/fd")) == before


async def test_a_probe_says_how_much_of_it_counts(path: Path) -> None:
    assert await reading(path)[0].probe() == "1 projections"
    write(path, TEXT + "abc,Al,player_points,20\n", NOON)
    assert (await reading(path)[0].probe()).startswith("1 projections, 1 rows left out, first line 3, column sd: it is")
    write(path, "", NOON)
    with pytest.raises(SourceError, match="the file is empty"):
        await reading(path)[0].probe()
    os.unlink(path)
    with pytest.raises(TransientError, match="there is no projection file"):
        await reading(path)[0].probe()


@pytest.mark.parametrize("wrong", [{"sports": []}, {"timezone": "Mars/Olympus"}, {"again": "0s"}, {"every": "1m"}])
def test_options_that_cannot_be(path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        reading(path, **wrong)
