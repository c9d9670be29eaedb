"""A season of the past from the fake provider: killed and resumed, within its limits, and replayed.

`STRATUMD_KILLS=20` kills it as often. The season is a recording where there is one, else a short one of our own.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd import recording
from stratumd.plugin import DAY, Observation, iso
from stratumd.store import open_reader
from stratumd.testing.provider import FakeOddsApi, History
from tests.integration.backfill.season import snapshots
from tests.support import SHARED
from tests.support.daemon import COMMAND, PATIENCE

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("STRATUMD_KILLS", "1"))
LONG = KILLS > 1
RECORDING = "recordings/nba-historical-2023-24.jsonl.xz"
CONFIG = """
database: sqlite:///{folder}/past.db
http: off
sources:
  nba:
    use: odds-api
    api_key: fake-key
    base_url: {url}
    sports: [basketball_nba]
    regions: [us]
    schedule: {{every: 60s}}
pipelines:
  nba:
    sources: [nba]
    detectors:
      - consensus: {{min_books: {books}}}
      - move: {{window: 30h, sync_window: 30h}}
    sinks: [log]
"""


def season() -> list[Observation]:
    path = SHARED / RECORDING
    return (
        [*recording.read(path)] if path.exists() and KILLS > 2 else [*snapshots(markets=("h2h", "spreads", "totals"))]
    )


class Filling:
    """A configuration, and the commands that are called with it."""

    def __init__(self, folder: Path, fake: FakeOddsApi, recorded: list[Observation]) -> None:
        folder.mkdir()
        self.folder = folder
        self.config = folder / "past.yaml"
        books = 5 if len(recorded) > 100 else 2
        self.config.write_text(CONFIG.format(folder=folder, url=fake.url, books=books))
        step = recorded[1].received_at - recorded[0].received_at
        self.step = DAY if step > DAY // 2 else step
        self.start = recorded[0].received_at // 60_000_000 * 60_000_000 + 5 * 60_000_000
        self.end = recorded[-1].received_at + DAY // 4

    def arguments(self, *more: str) -> list[str]:
        span = ("--from", iso(self.start), "--to", iso(self.end), "--step", f"{self.step // 3_600_000_000}h")
        return [*COMMAND, "backfill", "--config", str(self.config), *span, "--json", *more]

    async def run(self, *more: str, code: int = 0) -> dict[str, Any]:
        done = await anyio.run_process(self.arguments(*more), check=False, cwd=self.folder)
        assert done.returncode == code, done.stderr.decode()
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    async def kill_after(self, fake: FakeOddsApi, requests: int) -> None:
        asked = historical(fake) + requests
        async with await anyio.open_process(self.arguments(), cwd=self.folder) as process:
            with anyio.fail_after(PATIENCE):
                while historical(fake) < asked and process.returncode is None:  # noqa: ASYNC110  # another process asks
                    await anyio.sleep(0.002)
            if process.returncode is None:
                process.kill()

    def stored(self) -> list[tuple[str, bytes]]:
        """Return what is kept, with its bytes."""
        reader = open_reader(f"sqlite:///{self.folder}/past.db")
        try:
            return sorted((each.id, each.body) for each in reader.observations(reader.past()))
        finally:
            reader.close()


def historical(fake: FakeOddsApi) -> int:
    return sum("/historical/" in each.path for each in fake.served)


async def test_a_season_killed_and_resumed_equals_one_uninterrupted_run_and_can_be_replayed(tmp_path: Path) -> None:
    recorded = season()
    draw = random.Random(11)
    async with FakeOddsApi(History(recorded)) as once, FakeOddsApi(History(recorded)) as often:
        whole, broken = Filling(tmp_path / "whole", once, recorded), Filling(tmp_path / "broken", often, recorded)
        probed = await whole.run("--probe")
        assert not (whole.folder / "past.db").exists(), "a probe writes nothing"
        told = await whole.run()
        for _ in range(KILLS):
            await broken.kill_after(often, draw.randint(1, max(1, told["requests"] // (KILLS + 1))))
        last = await broken.run()
        assert broken.stored() == whole.stored()
        assert last["kept"] + last["there_already"] == told["kept"] == told["requests"]
        assert (last["events"], last["teams"]) == (told["events"], told["teams"])
        assert historical(often) <= historical(once) + KILLS, "a kill costs no more than the request it cut off"
        assert probed["requests"] == told["requests"]
    replayed = await replay(whole, "--from-store")
    assert (replayed["observations"], replayed["failures"]) == (told["kept"], {})
    if LONG:
        recording.write(tmp_path / "season.jsonl", [each for each in recorded if each.received_at < whole.end])
        plain = await replay(whole, str(tmp_path / "season.jsonl"))
        assert (replayed["by_type"], replayed["changes"]) == (plain["by_type"], plain["changes"])


async def replay(filling: Filling, *arguments: str) -> dict[str, Any]:
    done = await anyio.run_process([*COMMAND, "replay", *arguments, "--config", str(filling.config), "--json"])
    found: dict[str, Any] = json.loads(done.stdout)
    return found
