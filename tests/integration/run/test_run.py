"""`stratumd run` in a process of its own, against the fake provider."""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from stratumd.config import load_config
from stratumd.plugin import iso
from stratumd.runtime.clock import SystemTimer
from stratumd.store import open_reader
from stratumd.testing.provider import FakeOddsApi
from stratumd_demo.market import Market
from stratumd_demo.wire import SimulatedContent
from tests.integration.run.raising import install
from tests.support.daemon import PATIENCE, Daemon

pytestmark = pytest.mark.anyio

KEY = "canary-3d51"
CONFIG = """
database: sqlite:///{folder}/run.db
http: {{listen: "127.0.0.1:{port}"}}
sources:
  nba:
    use: odds-api
    api_key: ${{env:ODDS_KEY}}
    base_url: {url}
    sports: [basketball_nba]
    regions: [us]
    retries: 0
    schedule: {{every: 200ms}}
pipelines:
  main:
    sources: [nba]
    detectors: [{detectors}]
    sinks:
      - file: {{path: {folder}/signals.jsonl}}
"""
BUSY = "consensus: {min_books: 3}; move: {window: 2s, sync_window: 2s, cooldown: 1s}"


class Bench:
    """A fake provider, a configuration that polls it, and the daemons that were started with it."""

    def __init__(self, folder: Path, provider: FakeOddsApi) -> None:
        self.provider = provider
        self.config = folder / "run.yaml"
        self.folder = folder
        self.daemons: list[Daemon] = []
        self.write()

    def write(self, *, port: int = 0, detectors: str = BUSY) -> None:
        listed = ", ".join(f"{{{each}}}" if ":" in each else each for each in detectors.split("; "))
        text = CONFIG.format(folder=self.folder, port=port, url=self.provider.url, detectors=listed)
        self.config.write_text(text)

    def start(self, *arguments: str, **env: str) -> Daemon:
        daemon = Daemon(self.config, *arguments, env={"ODDS_KEY": KEY, **env})
        self.daemons.append(daemon)
        return daemon


@asynccontextmanager
async def benched(folder: Path) -> AsyncIterator[Bench]:
    timer = SystemTimer()
    market = Market(7, timer.now(), pace=600.0)
    async with FakeOddsApi(SimulatedContent(market, timer), key=KEY) as provider:
        bench = Bench(folder, provider)
        try:
            yield bench
        finally:
            for daemon in bench.daemons:
                daemon.kill()


async def test_odds_in_signals_out(tmp_path: Path) -> None:
    """Consensus appears, everything is shown over HTTP, SIGTERM ends it with exit code 0, and no key is anywhere."""
    async with benched(tmp_path) as bench:
        daemon = bench.start()
        await daemon.wait_for("cycle", 4)
        await daemon.wait_for("day closed")  # the one before its first start, in which there was nothing
        ready, status, metrics = [await daemon.ask(path) for path in ("/readyz", "/status", "/metrics")]
        code, seconds = await daemon.stop()
    assert code == 0, daemon.said
    assert seconds < 30
    assert ready.status_code == 200
    shown = status.json()
    assert shown["pipelines"]["main"]["consensus_points"] > 0
    assert {each["state"] for each in shown["components"]} == {"OK"}
    assert shown["sources"]["nba"]["credits_remaining"] < 1_000_000
    assert 'stratumd_quotes_total{pipeline="main"}' in metrics.text
    assert KEY not in daemon.said + status.text + metrics.text
    assert KEY.encode() not in (tmp_path / "run.db").read_bytes()


async def test_ctrl_c_ends_within_five_seconds(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        daemon = bench.start()
        await daemon.wait_for("cycle")
        code, seconds = await daemon.stop(signal.SIGINT)
    assert code == 0, daemon.said
    assert seconds < 5


async def test_an_answer_on_its_way_is_kept_when_the_daemon_stops(tmp_path: Path) -> None:
    """It is paid for: what the provider served is stored."""
    async with benched(tmp_path) as bench:
        daemon = bench.start()
        await daemon.wait_for("cycle", 3)
        await daemon.stop()
        served = len(bench.provider.served)
    reader = open_reader(f"sqlite:///{tmp_path}/run.db")
    try:
        assert len(reader.polls()) == served
    finally:
        reader.close()


async def test_once_polls_each_source_once_and_delivers(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        daemon = bench.start("--once")
        assert await daemon.end() == 0, daemon.said
        assert len(bench.provider.served) == 1
    assert len(daemon.lines("cycle")) == 1
    (started,) = daemon.lines("started")
    assert started["listening"] == "no"


async def test_once_says_that_something_failed(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        bench.provider.fail_next("500", 5)
        daemon = bench.start("--once")
        assert await daemon.end() == 1, daemon.said
    assert daemon.lines("poll failed")


async def test_a_dry_run_prints_and_sends_nothing(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        daemon = bench.start("--dry-run")
        with anyio.fail_after(PATIENCE):
            while "would send to main.file: " not in daemon.said:  # noqa: ASYNC110  # another process does it
                await anyio.sleep(0.05)
        assert (await daemon.stop())[0] == 0
    assert not (tmp_path / "signals.jsonl").exists()


@pytest.mark.parametrize("length", ["500ms", "0s"])
async def test_for_ends_by_itself(length: str, tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        daemon = bench.start("--for", length)
        assert await daemon.end() == 0, daemon.said


async def test_a_detector_that_raises_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        bench.write(detectors=f"raising; {BUSY}")
        daemon = bench.start(PYTHONPATH=str(install(tmp_path / "site")))
        (failed, *_) = await daemon.wait_for("plugin failed")
        await daemon.wait_for("cycle", 3)
        shown = (await daemon.ask("/status")).json()
        metrics = (await daemon.ask("/metrics")).text
        assert (await daemon.stop())[0] == 0
    named = {"plugin": "raising", "version": "4.2", "component": "raising", "error": "ValueError: no such line"}
    assert named.items() <= failed.items()
    assert failed["where"] == "stratumd_raising.py:13"
    assert shown["pipelines"]["main"]["consensus_points"] > 0
    assert [fault["plugin"] for fault in shown["failures"]] == ["raising"]
    assert 'stratumd_plugin_failures_total{component="raising",plugin="raising"}' in metrics


async def test_an_unauthorized_source_stays_off_and_the_daemon_says_so(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        daemon = bench.start(ODDS_KEY="another-key")
        (failed, *_) = await daemon.wait_for("failed; it stays off until the cause is removed and stratumd reloaded")
        ready = await daemon.ask("/readyz")
        assert (await daemon.stop())[0] == 0
        assert len(bench.provider.served) == 1
    assert (failed["kind"], failed["name"]) == ("source", "nba")
    assert ready.status_code == 503
    assert ready.headers["content-type"] == "application/problem+json"
    assert any("source nba: PermanentError" in reason for reason in ready.json()["reasons"])
    assert "another-key" not in daemon.said


async def test_a_provider_that_is_down_for_a_while(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        bench.provider.fail_next("503", 2)
        daemon = bench.start()
        await daemon.wait_for("poll failed", 2)
        await daemon.wait_for("cycle")
        assert (await daemon.ask("/readyz")).status_code == 200
        assert (await daemon.stop())[0] == 0


async def test_a_port_in_use_says_what_to_do(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bench.write(port=taken.getsockname()[1])
            daemon = bench.start()
            assert await daemon.end() == 75
    assert "the port is in use; stop what listens there, or choose another port at http.listen" in daemon.said
    assert len(daemon.said.splitlines()) == 1


async def test_a_second_daemon_on_the_same_file_is_refused(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        first = bench.start()
        await first.wait_for("cycle")
        second = bench.start()
        assert await second.end() == 75
        assert (await first.stop())[0] == 0
    assert str(first.process.pid) in second.said


async def test_a_wrong_configuration(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        bench.config.write_text(bench.config.read_text().replace("regions:", "regoins:"))
        daemon = bench.start()
        assert await daemon.end() == 78
    assert "did you mean 'regions'?" in daemon.said


async def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """No signal fires again for a condition that held before, and every observation is processed once."""
    async with benched(tmp_path) as bench:
        for _ in range(2):
            daemon = bench.start()
            await daemon.wait_for("cycle", 3)
            assert (await daemon.stop())[0] == 0
    reader = open_reader(load_config(bench.config, env={"ODDS_KEY": KEY}).database.connect_url())
    try:
        assert reader.status(SystemTimer().now()) is not None
        assert len(reader.polls()) == len(bench.provider.served), iso(SystemTimer().now())
    finally:
        reader.close()
