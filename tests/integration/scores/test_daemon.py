"""Odds and scores together: a daemon follows an event to its end, and asks no more about it then."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from stratumd.plugin import MINUTE, parse_iso
from stratumd.store import open_reader
from stratumd.testing.nba import FakeNba, nba_game
from stratumd.testing.provider import FakeOddsApi
from tests.support.cli import stratumd
from tests.support.daemon import PATIENCE, Daemon
from tests.support.odds_api import EVENT
from tests.support.provider import KEY, OneGame

pytestmark = pytest.mark.anyio

TIP = parse_iso("2026-01-10T20:00:00Z")
CONFIG = """
database: sqlite:///{folder}/run.db
http: off
sources:
  nba:
    use: odds-api
    api_key: {key}
    base_url: {odds}
    sports: [basketball_nba]
    regions: [us]
    event_markets: [player_points]
    retries: 0
    schedule: {{every: 100ms}}
  scores:
    use: nba-scores
    base_url: {nba}
    stats_url: {nba}
    past_days: 0
    schedule: {{every: 100ms}}
pipelines:
  main:
    sources: [nba, scores]
    detectors: [consensus]
    sinks: [log]
"""


async def wait_until(database: str, phase: str) -> None:
    reader = open_reader(database, wait=PATIENCE)
    try:
        with anyio.fail_after(PATIENCE):
            while True:
                found = await anyio.to_thread.run_sync(reader.events)
                if found and found[0].phase == phase:
                    return
                await anyio.sleep(0.05)
    finally:
        reader.close()


def asked(odds: FakeOddsApi) -> int:
    return sum(each.path.endswith(f"{EVENT}/odds") for each in odds.served)


async def test_a_final_event_is_polled_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = f"sqlite:///{tmp_path}/run.db"
    live = nba_game("UTA", "BOS", TIP + 12 * MINUTE, id="1", status=2, score=(50, 48))
    stranger = nba_game("DEN", "MIA", TIP, id="2", status=2, score=(1, 0))
    async with FakeOddsApi(OneGame(), key=KEY) as odds, FakeNba([live, stranger]) as nba:
        config = tmp_path / "run.yaml"
        config.write_text(CONFIG.format(folder=tmp_path, key=KEY, odds=odds.url, nba=nba.url))
        daemon = Daemon(config)
        try:
            await wait_until(database, "live")
            assert asked(odds) > 0
            nba.today = [nba_game("UTA", "BOS", TIP + 12 * MINUTE, id="1", status=3, score=(101, 99)), stranger]
            await wait_until(database, "final")
            before, polls = asked(odds), len(nba.served)
            with anyio.fail_after(PATIENCE):
                while len(nba.served) < polls + 10:  # noqa: ASYNC110  # another process asks
                    await anyio.sleep(0.05)
            assert asked(odds) <= before + 1, "one question may have been on its way"
            code, _ = await daemon.stop()
        finally:
            daemon.kill()
    assert code == 0, daemon.said
    capsys.readouterr()
    assert stratumd("events", "--database", database) == 0
    shown = capsys.readouterr().out
    assert "final" in shown
    assert "99-101" in shown
    assert stratumd("events", "match", "--database", database) == 0
    (left,) = [line for line in capsys.readouterr().out.splitlines() if "no_event" in line]
    assert "Denver Nuggets" in left
