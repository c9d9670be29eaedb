"""A cadence and a budget in a daemon of its own: what it asks, what it shows, and what a kill makes it forget."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.plugin import HOUR, MINUTE, iso
from stratumd.runtime.clock import SystemTimer
from stratumd.testing.provider import FakeOddsApi
from tests.support.daemon import PATIENCE, Daemon
from tests.support.odds_api import EVENT, Row
from tests.support.provider import OneGame

pytestmark = pytest.mark.anyio

CONFIG = """
database: {database}
http: {{listen: "127.0.0.1:0"}}
sources:
  nba:
    use: odds-api
    api_key: fake-key
    base_url: {url}
    sports: [basketball_nba]
    regions: [us]
    schedule: {schedule}
    budget: {{daily_credits: {daily}, warn_percent: 50}}
pipelines:
  main:
    sources: [nba]
    detectors: [consensus, {{steam: {{window: 3m}}}}]
    sinks: [log]
"""


class Soon(OneGame):
    """Two games: one that starts in ten minutes, and one in a fortnight."""

    def __init__(self) -> None:
        super().__init__()
        now = SystemTimer().now()
        (game,) = self.games
        start, later = iso(now + 10 * MINUTE), iso(now + 14 * 24 * HOUR)
        self.games = [{**game, "commence_time": start}, {**game, "id": "0" * 32, "commence_time": later}]

    def _games(self, sport: str) -> list[Row]:
        return [{**game, "sport_key": sport} for game in self.games]


@asynccontextmanager
async def daemons(folder: Path, database: str, **more: Any) -> AsyncIterator[tuple[FakeOddsApi, Any]]:
    running: list[Daemon] = []
    async with FakeOddsApi(Soon()) as provider:
        path = folder / "run.yaml"
        path.write_text(CONFIG.format(database=database, url=provider.url, **more))

        def start() -> Daemon:
            running.append(Daemon(path))
            return running[-1]

        try:
            yield provider, start
        finally:
            for daemon in running:
                daemon.kill()


async def source(daemon: Daemon, credits: int) -> dict[str, Any]:
    """Return what `/status` says of the source once so many credits were spent this day."""
    with anyio.fail_after(PATIENCE):
        while True:
            found: dict[str, Any] = (await daemon.ask("/status")).json()["sources"]["nba"]
            if found["credits_today"] >= credits:
                return found
            await anyio.sleep(0.05)


CLOSE = '[{every: 24h}, {within: 1h, every: 24h, name: "last"}]'


async def test_a_kill_forgets_neither_what_was_polled_nor_what_it_cost(tmp_path: Path, database_url: str) -> None:
    """Both games are asked for at first sight, in one request, and after a kill neither once more."""
    async with daemons(tmp_path, database_url, schedule=f"{{cadence: {CLOSE}}}", daily=5) as (provider, start):
        first = start()
        assert (await source(first, 3))["credits_saved"] == 2
        asked = [each for each in provider.served if each.cost]
        assert [each.params["eventIds"] for each in asked] == [",".join(sorted([EVENT, "0" * 32]))]
        await first.wait_for("most of a budget is spent")
        first.kill()
        second = start()
        shown = await source(second, 3)
        assert (shown["credits_today"], shown["credits_month"], shown["credits_saved"]) == (3, 3, 2)
        assert provider.used == 3


async def test_the_plan_is_in_the_log_and_in_the_status(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/run.db"
    async with daemons(tmp_path, database, schedule="{every: 60s}", daily=12) as (_, start):
        daemon = start()
        (line, *_) = await daemon.wait_for("as configured")
        assert "steam: STEAM: window 3m, one poll in 6h (nba): cannot fire" in line["plan"]
        shown = (await daemon.ask("/status")).json()
        assert line["plan"] in shown["warnings"]
        assert [each["kind"] for each in shown["plan"]] == ["source", "signal"]
