"""`stratumd sinks test`: one marked signal to each enabled sink, and what became of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.testing.discord import TOKEN, FakeDiscord
from tests.support.cli import stratumd

pytestmark = pytest.mark.anyio

PIPELINE = """
database: sqlite:///{folder}/stratumd.db
http: off
sources:
  demo: {{use: demo, schedule: {{every: 2s}}}}
pipelines:
  nba:
    sources: [demo]
    detectors: [consensus, move]
    sinks:
      - log
      - file: {{path: "{folder}/signals.jsonl", when: {{types: [MOVE], min_strength: 90}}}}
      - discord: {{webhook: "{webhook}", allow_loopback: true, watchlist: [nobody]}}
      - file: {{name: off, path: "{folder}/off.jsonl", enabled: false}}
"""


async def run(folder: Path, discord: FakeDiscord, *arguments: str, webhook: str | None = None) -> int:
    """Run the command in a thread: it brings its own event loop, and the fake needs this one."""
    file = folder / "stratumd.yaml"
    file.write_text(PIPELINE.format(folder=folder, webhook=webhook or discord.webhook))
    command = ("sinks", "test", *arguments, "--config", str(file))
    return await anyio.to_thread.run_sync(lambda: stratumd(*command))


def rows(captured: Any) -> dict[str, dict[str, Any]]:
    return {row["sink"]: row for row in map(json.loads, captured.out.splitlines())}


async def test_every_enabled_sink_gets_a_marked_signal_past_its_filters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeDiscord() as discord:
        assert await run(tmp_path, discord, "--json") == 0
    captured = capsys.readouterr()
    found = rows(captured)
    assert {name: row["result"] for name, row in found.items()} == {
        "nba.log": "delivered",
        "nba.file": "delivered",
        "nba.discord": "delivered",
    }
    written = json.loads((tmp_path / "signals.jsonl").read_text())
    assert (written["type"], written["metadata"]["test"]) == ("TEST", True)
    assert discord.messages[0].embeds[0]["title"] == "TEST · h2h · Test Home ▲ 5.0% · test · strength 100"
    assert "Only a test: nothing happened" in str(discord.messages[0].embeds[0]["fields"])
    assert "TEST  h2h  Test Home" in captured.err


@pytest.mark.parametrize("name", ["discord", "nba.discord"])
async def test_one_sink_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    async with FakeDiscord() as discord:
        assert await run(tmp_path, discord, name, "--json") == 0
    assert list(rows(capsys.readouterr())) == ["nba.discord"]
    assert not (tmp_path / "signals.jsonl").exists()


async def test_a_sink_that_fails_is_named_and_the_others_are_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeDiscord() as discord:
        known = discord.webhook
        discord.delete_webhook()
        status = await run(tmp_path, discord, "--json", webhook=known)
    found = rows(captured := capsys.readouterr())
    assert status == 1
    assert "does not know this webhook any more" in found["nba.discord"]["error"]
    assert found["nba.file"]["result"] == "delivered"
    assert TOKEN not in captured.out + captured.err


async def test_without_json_it_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeDiscord() as discord:
        assert await run(tmp_path, discord, "discord") == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["SINK", "PLUGIN", "RESULT", "SECONDS", "ERROR"]
    assert row.split()[:3] == ["nba.discord", "discord", "delivered"]


async def test_a_sink_that_is_not_there_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeDiscord() as discord:
        assert await run(tmp_path, discord, "discrod") == 2
    assert "there are nba.log, nba.file, nba.discord" in capsys.readouterr().err
