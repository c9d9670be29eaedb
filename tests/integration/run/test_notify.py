"""The daemon under a service manager: a process of its own, and the socket that systemd would read."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from stratumd.runtime.clock import SystemTimer
from stratumd.testing.provider import FakeOddsApi
from stratumd_demo.market import Market
from stratumd_demo.wire import SimulatedContent
from tests.support.daemon import PATIENCE, Daemon

pytestmark = pytest.mark.anyio

WATCHDOG = 0.4
"""Seconds: the daemon gives a sign of life every 0.2."""
CONFIG = """
database: sqlite:///{folder}/run.db
http: off
sources:
  nba:
    use: odds-api
    api_key: {key}
    base_url: {url}
    sports: [basketball_nba]
    regions: [us]
    retries: 0
    schedule: {{every: 200ms}}
pipelines:
  main: {{sources: [nba], detectors: [consensus], sinks: [log]}}
"""


class Manager:
    """Listens as systemd does, and keeps in order what the daemon says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    async def until(self, wanted: Callable[[str], bool], times: int = 1) -> None:
        """Listen until so many datagrams that are `wanted` came, from now on."""
        with anyio.fail_after(PATIENCE):
            while times:
                await anyio.wait_readable(self._socket)
                self.heard.append(self._socket.recv(4096).decode())
                times -= wanted(self.heard[-1])

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


@asynccontextmanager
async def managed(manager: Manager, *, key: str = "right") -> AsyncIterator[Daemon]:
    """Start a daemon that polls a fake provider with `key`."""
    timer, folder = SystemTimer(), manager.path.parent
    async with FakeOddsApi(SimulatedContent(Market(7, timer.now(), pace=600.0), timer), key="right") as provider:
        config = folder / "run.yaml"
        config.write_text(CONFIG.format(folder=folder, key=key, url=provider.url))
        env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(round(WATCHDOG * 1e6))}
        daemon = Daemon(config, env=env)
        try:
            yield daemon
        finally:
            daemon.kill()


async def test_a_whole_life(manager: Manager) -> None:
    """The database is opened with patience, then it is ready, well and alive, and at last it stops."""
    async with managed(manager) as daemon:
        await manager.until("STATUS=OK".__eq__)
        await manager.until("WATCHDOG=1".__eq__, times=5)
        code, _ = await daemon.stop()
        await manager.until("STOPPING=1".__eq__)
    assert code == 0
    order = ["STATUS=opening the database", "EXTEND_TIMEOUT_USEC=30000000", "READY=1", "STATUS=OK", "STOPPING=1"]
    assert sorted(order, key=manager.heard.index) == order
    assert manager.heard.count("READY=1") == 1


async def test_gives_no_sign_of_life_when_its_only_source_failed(manager: Manager) -> None:
    """A wrong key stops the source for good. The start itself was no failure: the status says what to do."""
    async with managed(manager, key="wrong") as daemon:
        await manager.until(lambda said: said.startswith("STATUS=source nba: PermanentError"))
        manager.heard.clear()
        with anyio.move_on_after(2.5 * WATCHDOG):  # five signs of life would come
            await manager.until("WATCHDOG=1".__eq__)
        assert "WATCHDOG=1" not in manager.heard
        assert (await daemon.stop())[0] == 0
