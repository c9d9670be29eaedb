"""Several daemons on one PostgreSQL, as an operator runs them, and what befalls them: kills, freezes, restarts."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from stratumd.cli.console import DEPENDENCY_DOWN
from stratumd.plugin import Micros
from stratumd.runtime.clock import SystemTimer
from stratumd.testing.provider import FakeOddsApi
from stratumd.testing.receiver import Receiver
from stratumd_demo.market import Market
from stratumd_demo.wire import SimulatedContent
from tests.support import postgres
from tests.support.daemon import PATIENCE, Daemon

PIPELINES = ("early", "late")
CONFIG = """
database: {{url: "{database}", lease: {lease}s}}
http: {{listen: "127.0.0.1:0"}}
sources:
  odds:
    use: odds-api
    api_key: fake-key
    base_url: {provider}
    sports: [basketball_nba]
    regions: [us]
    retries: 0
    schedule: {{every: {every}s, catch_up: all, misfire_grace: 5m}}
pipelines:
  early:
    sources: [odds]
    detectors:
      - consensus: {{min_books: 3}}
      - move: {{window: 2s, sync_window: 2s, cooldown: 2s}}
    sinks: [webhook: {{url: "{receiver}", secret: "{secret}", allow: [127.0.0.0/8]}}]
  late:
    sources: [odds]
    detectors:
      - consensus: {{min_books: 3}}
      - dislocation: {{cooldown: 2s}}
      - steam: {{window: 2s, min_age: 0s, cooldown: 2s}}
    sinks: [webhook: {{url: "{receiver}", secret: "{secret}", allow: [127.0.0.0/8]}}]
"""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Ordeal:
    """What the daemons go through. Lengths in seconds."""

    daemons: int
    length: float
    lease: float
    every: float
    pause: float
    """From one kill or freeze to the next, on average."""
    restarts: int
    """Of the database, evenly spread; every other one is a crash."""
    seed: int = 11


@dataclass
class Crowd:
    """The daemons that run, and what befell them."""

    config: Path
    server: postgres.Server
    provider: FakeOddsApi
    receiver: Receiver
    chance: random.Random
    running: list[Daemon] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)
    befell: Counter[str] = field(default_factory=Counter)
    calm_at: Micros = 0
    """When the ordeal ended."""

    def start(self, *arguments: str) -> Daemon:
        """Start another daemon."""
        daemon = Daemon(self.config, *arguments)
        self.running.append(daemon)
        self.logs.append(daemon.log)
        return daemon

    def tend(self) -> None:
        """Do what a service manager does: start anew whoever ended by itself. Only for want of a database may it."""
        for daemon in list(self.running):
            code = daemon.process.poll()
            if code is not None:
                self.running.remove(daemon)
                self.note(code)
                self.start()

    def note(self, code: int) -> None:
        """Count a daemon that ended by itself."""
        self.befell["starts without a database" if code == DEPENDENCY_DOWN else f"crashes with {code}"] += 1

    async def stand(self) -> None:
        """Wait until everybody works."""
        with anyio.fail_after(PATIENCE):
            while not all(daemon.lines("started") for daemon in self.running):
                self.tend()
                await anyio.sleep(0.1)

    async def kill(self) -> None:
        """Kill a daemon, and start another one in its place after a while."""
        daemon = self.running.pop(self.chance.randrange(len(self.running)))
        daemon.kill()
        self.befell["kills"] += 1
        await anyio.sleep(self.chance.uniform(0, 2))
        self.start()

    async def freeze(self, lease: float) -> None:
        """Stop a daemon's process for longer than its leases last, then let it go on as if nothing had been."""
        daemon = self.chance.choice(self.running)
        daemon.process.send_signal(signal.SIGSTOP)
        self.befell["freezes"] += 1
        try:
            await anyio.sleep(lease * self.chance.uniform(1.2, 2.2))
        finally:
            daemon.process.send_signal(signal.SIGCONT)

    async def restart_database(self) -> None:
        """Restart the server under everybody; every other time without giving it time to put things in order."""
        self.befell["restarts"] += 1
        mode = "immediate" if self.befell["restarts"] % 2 else "fast"
        await to_thread.run_sync(partial(self.server.restart, mode))


async def torment(crowd: Crowd, ordeal: Ordeal) -> None:
    """Let everything befall the crowd, for as long as the ordeal takes."""
    with anyio.move_on_after(ordeal.length):
        async with anyio.create_task_group() as group:
            group.start_soon(_restart, crowd, ordeal)
            for number in range(10**6):
                await anyio.sleep(ordeal.pause * crowd.chance.uniform(0.5, 1.5))
                crowd.tend()
                await (crowd.freeze(ordeal.lease) if number % 2 else crowd.kill())
    crowd.calm_at = SystemTimer().now()


async def _restart(crowd: Crowd, ordeal: Ordeal) -> None:
    for _ in range(ordeal.restarts):
        await anyio.sleep(ordeal.length / (ordeal.restarts + 1))
        await crowd.restart_database()


@asynccontextmanager
async def gathered(folder: Path, server: postgres.Server, database: str, ordeal: Ordeal) -> AsyncIterator[Crowd]:
    """Start the daemons with a provider and a receiver of webhooks, and wait until all of them work."""
    market = Market(ordeal.seed, SystemTimer().now(), games=4, books=8, pace=600.0)
    async with (
        FakeOddsApi(SimulatedContent(market, SystemTimer()), credits=10**9) as provider,
        Receiver(SECRET) as receiver,
    ):
        config = folder / "crowd.yaml"
        places = {"database": server.url(database), "provider": provider.url, "receiver": receiver.url}
        config.write_text(CONFIG.format(**places, secret=SECRET, lease=ordeal.lease, every=ordeal.every))
        crowd = Crowd(config, server, provider, receiver, random.Random(ordeal.seed))
        try:
            for _ in range(ordeal.daemons):
                crowd.start()
            await crowd.stand()
            yield crowd
        finally:
            for daemon in crowd.running:
                daemon.kill()


async def settle(crowd: Crowd) -> None:
    """Stop everybody as an operator would, then let one daemon finish what is left."""
    await crowd.stand()
    for daemon in crowd.running:
        daemon.process.terminate()
    for daemon in crowd.running:
        if code := await daemon.end():
            crowd.note(code)
    crowd.running.clear()
    last = crowd.start("--once")
    code = await last.end()
    crowd.running.clear()
    assert code == 0, last.said[-3000:]
