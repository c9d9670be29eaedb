"""`stratumd check --probe`: everything that is needed is asked, and nothing is changed, sent or paid."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.store import open_store
from stratumd.testing.discord import TOKEN, FakeDiscord
from stratumd.testing.provider import FakeOddsApi
from tests.support.cli import stratumd
from tests.support.provider import KEY, OneGame

pytestmark = pytest.mark.anyio

FILE = """
database: sqlite:///{folder}/stratumd.db
http: off
sources:
  nba: {{use: odds-api, api_key: "{key}", base_url: "{provider}", sports: [basketball_nba], regions: [us],
         schedule: {{every: 60s}}}}
  past: {{use: replay, files: ["{folder}/past.jsonl"]}}
pipelines:
  nba:
    sources: [nba, past]
    detectors: [consensus, move]
    sinks:
      - log
      - file: {{path: "{folder}/out/signals.jsonl"}}
      - discord: {{webhook: "{webhook}", allow_loopback: true}}
      - file: {{name: off, path: /proc/no.jsonl, enabled: false}}
"""


async def probe(folder: Path, provider: str, webhook: str, capsys: Any, key: str = KEY) -> tuple[int, dict[str, Any]]:
    """Run the command in a thread: it brings its own event loop, and the fakes need this one."""
    file = folder / "stratumd.yaml"
    file.write_text(FILE.format(folder=folder, provider=provider, webhook=webhook, key=key))
    status = await anyio.to_thread.run_sync(lambda: stratumd("check", str(file), "--probe", "--json"))
    captured = capsys.readouterr()
    assert TOKEN not in captured.out + captured.err
    return status, {row["name"]: (row["up"], row["found"]) for row in map(json.loads, captured.out.splitlines())}


async def test_everything_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then there is one exchange with the provider, none of them paid, and nothing new on the disk or in Discord."""
    (tmp_path / "past.jsonl").touch()
    async with FakeOddsApi(OneGame(), key=KEY, credits=100) as provider, FakeDiscord() as discord:
        status, found = await probe(tmp_path, provider.url, discord.webhook, capsys)
    assert status == 0
    assert found == {
        f"sqlite:///{tmp_path}/stratumd.db": (True, "not there yet; the first run creates it"),
        "nba": (True, "the key is accepted; 100 credits left"),
        "past": (True, "recordings found: 1"),
        "nba.log": (None, "nothing to probe"),
        "nba.file": (True, f"{tmp_path}/out/signals.jsonl can be written"),
        "nba.discord": (True, "the webhook 'signals' is there"),
    }
    assert (len(provider.served), discord.messages) == (1, [])
    assert sorted(os.listdir(tmp_path)) == ["past.jsonl", "stratumd.yaml"]


async def test_what_is_down_is_named_and_the_exit_code_is_75(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_store(f"sqlite:///{tmp_path}/stratumd.db").close()
    (tmp_path / "out").write_text("no folder")
    async with FakeOddsApi(OneGame(), key=KEY) as provider, FakeDiscord() as discord:
        known = discord.webhook
        discord.delete_webhook()
        status, found = await probe(tmp_path, provider.url, known, capsys, key="wrong")
    assert status == 75
    assert found[f"sqlite:///{tmp_path}/stratumd.db"] == (True, "there")
    down = {name: told for name, (up, told) in found.items() if up is False}
    assert list(down) == ["nba", "past", "nba.file", "nba.discord"]
    assert "check api_key" in down["nba"]
    assert "there is no recording" in down["past"]
    assert "cannot write" in down["nba.file"]
    assert "does not know this webhook any more" in down["nba.discord"]


async def test_without_probe_nothing_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeOddsApi(OneGame(), key=KEY) as provider:
        await probe(tmp_path, provider.url, "http://127.0.0.1:9/api/webhooks/1/t", capsys)
        before = len(provider.served)
        file = str(tmp_path / "stratumd.yaml")
        assert await anyio.to_thread.run_sync(lambda: stratumd("check", file)) == 0
    assert len(provider.served) == before == 1
    assert "all right" in capsys.readouterr().out


async def test_a_table_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeDiscord() as discord:
        await probe(tmp_path, "http://127.0.0.1:9", discord.webhook, capsys)
        file = str(tmp_path / "stratumd.yaml")
        assert await anyio.to_thread.run_sync(lambda: stratumd("check", file, "--probe")) == 75
    _, heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["KIND", "NAME", "UP", "FOUND"]
    assert [row.split()[1:3] for row in rows][1:4] == [["nba", "no"], ["past", "no"], ["nba.log", "-"]]
