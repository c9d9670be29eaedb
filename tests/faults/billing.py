"""Kill a daemon under load, again and again, and compare what was served with what Stripe was told.

`python -m tests.faults.billing --kills 1000` serves keyed requests with the plugins `accounts`, `partner-api` and
`stripe-billing`, kills the process at random moments, and loses answers of Stripe on the way. After each kill it
compares the requests that a client has answers to with the rows of usage, and at the end these with what Stripe holds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sqlite3
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import httpx
from anyio import to_thread

from stratumd.testing.stripe import FakeStripe
from tests.faults.billing_life import FastClock, live

FLUSH = 1.0
"""Seconds between two flushes: as much may be lost."""
WRITING = 0.5
"""Seconds that a flush itself may take here."""
CLIENTS = 4
SECRET = "whsec_of_no_worth"
SUM = "SELECT coalesce(sum(requests), 0) FROM partner_api_hours"


@dataclass
class Figures:
    """What was found."""

    kills: int = 0
    answered: int = 0
    """Requests that the client has an answer to."""
    unanswered: int = 0
    """Requests that were under way when the daemon was killed."""
    counted: int = 0
    """Requests in the rows of usage."""
    billed: int = 0
    """Requests that Stripe holds."""
    events: int = 0
    longest_loss: float = 0.0
    """The most that one kill cost, in seconds of load."""
    lost_answers: int = 0
    """Answers of Stripe that never came, to usage that it took."""
    wrong: list[str] = field(default_factory=list)

    def report(self) -> str:
        """Return it in lines."""
        lines = [f"{name:<13} {value}" for name, value in vars(self).items() if name != "wrong"]
        return "\n".join([*lines, *self.wrong, "as it has to be" if not self.wrong else "WRONG"])


class Load:
    """Clients that ask as fast as they are answered, and remember when."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._times: deque[float] = deque(maxlen=20_000)
        self.url = ""
        self.key = ""

    async def run(self) -> None:
        """Ask, until cancelled."""
        async with anyio.create_task_group() as tasks:
            for _ in range(CLIENTS):
                tasks.start_soon(self._client)

    async def _client(self) -> None:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            while True:
                if not self.url:
                    await anyio.sleep(0.01)
                    continue
                await self._ask(client)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        try:
            headers = {"authorization": f"Bearer {self.key}"}
            answer = await client.get(f"{self.url}/api/v1/intel/signals", headers=headers)
        except httpx.ConnectError:
            await anyio.sleep(0.01)
        except httpx.HTTPError:
            self._figures.unanswered += 1
        else:
            assert answer.status_code == 200, answer.text
            self._figures.answered += 1
            self._times.append(time.monotonic())

    def since(self, moment: float) -> int:
        """Return how many were answered since."""
        return sum(each >= moment for each in self._times)

    def oldest_of(self, newest: int) -> float:
        """Return when the first of so many newest answers was given."""
        return self._times[-newest] if newest else time.monotonic()


class Daemon:
    """A daemon in a process of its own, forked from one that has everything imported."""

    def __init__(self, database: str, routes: dict[str, Any], begun: float) -> None:
        self._given = (database, routes, begun)
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(
            ["tests.faults.billing_life", "stratumd_accounts", "stratumd_partner_api"]
        )
        self._pipe: Connection
        self._process: Any

    async def start(self) -> str:
        """Let it live, and return where it serves."""
        self._pipe, theirs = self._processes.Pipe()
        self._process = self._processes.Process(target=live, args=(*self._given, theirs), daemon=True)
        self._process.start()
        theirs.close()
        return str(await to_thread.run_sync(self._pipe.recv))

    async def do(self, name: str, /, **arguments: Any) -> Any:
        """Let it run an operation."""
        self._pipe.send((name, arguments))
        return await to_thread.run_sync(self._pipe.recv)

    def kill(self) -> None:
        """End it as the machine would."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        self._pipe.close()


@asynccontextmanager
async def stripe(begun: float) -> AsyncIterator[FakeStripe]:
    """Serve a Stripe whose time goes by as fast as the daemon's."""
    async with FakeStripe(FastClock(begun)) as fake:
        yield fake


def routes(fake: FakeStripe) -> dict[str, Any]:
    """Return the routes of the daemon: plans whose limits are out of the way."""
    much = {"per_minute": 1_000_000}
    plan = {"kind": "api", "title": "API", "scopes": ["intel:read"], "included": 1_000, "overage": True, **much}
    free = {"kind": "web", "title": "Free"}
    offer = {"cents": 9_900, "overage_cents": "5"}
    return {
        "accounts": {
            "secret": "s" * 40,
            "public_url": "http://127.0.0.1",
            "plans": {"free": free, "api_monthly": plan},
        },
        "partner-api": {"per_address": 1_000_000, "secret": "s" * 40},
        "stripe-billing": {
            "secret_key": fake.key,
            "webhook_secrets": [SECRET],
            "offers": {"api_monthly": offer},
            "success_url": "https://example.org/",
            "cancel_url": "https://example.org/",
            "base_url": fake.url,
        },
    }


async def endure(folder: Path, kills: int, seed: int) -> Figures:
    """Kill it so often, and return what was found."""
    figures, chance, begun = Figures(), random.Random(seed), time.time()
    path = folder / "billing.db"
    async with stripe(begun) as fake, anyio.create_task_group() as tasks:
        daemon = Daemon(f"sqlite:///{path}", routes(fake), begun)
        load = Load(figures)
        await _open(daemon, fake, load)
        tasks.start_soon(load.run)
        lost = 0
        for _ in range(kills):
            _break(fake, chance, figures)
            await anyio.sleep(chance.uniform(0.1, 2.2))
            lost = await _kill(daemon, load, path, figures, lost)
            load.url = await daemon.start()
        await _one_flush(path)
        load.url = ""
        await anyio.sleep(FLUSH + WRITING)
        await _settle(daemon, fake, path, figures)
        daemon.kill()
        tasks.cancel_scope.cancel()
    return figures


async def _open(daemon: Daemon, fake: FakeStripe, load: Load) -> None:
    load_url = await daemon.start()
    fake.listen(f"{load_url}/api/v1/billing/webhook", SECRET)
    await daemon.do("stripe-billing.setup")
    [account] = await daemon.do("accounts.create", email="ann@example.org")
    fake.buy(await daemon.do("checkout", account=account["id"], plan="api_monthly"))
    await _tell(fake)
    fake.webhooks.url = ""
    [key] = await daemon.do("accounts.keys.issue", account=account["id"], name="load")
    load.key, load.url = key["key"], load_url


async def _tell(fake: FakeStripe) -> None:
    """Deliver webhooks until each is taken, signed anew each time, as Stripe does: five minutes, after which a
    signature is too old, are a sixth of a second here, and a busy machine takes longer now and then."""
    with anyio.fail_after(30):
        while fake.webhooks.pending:
            await fake.webhooks.deliver()


def _break(fake: FakeStripe, chance: random.Random, figures: Figures) -> None:
    """Let some of Stripe's answers be lost, or say that it cannot."""
    for _ in range(chance.choice([0, 0, 1, 2])):
        does = chance.random() < 0.6
        figures.lost_answers += does
        manner = chance.choice(["reset", "whole"])
        fake.fail_next(500, manner=manner, does=does, path="/v1/billing/meter_events")


async def _kill(daemon: Daemon, load: Load, path: Path, figures: Figures, lost: int) -> int:
    """Kill it, and return how many requests were lost so far."""
    daemon.kill()
    killed = time.monotonic()
    load.url = ""
    await anyio.sleep(0.05)  # the clients hear of it
    figures.kills += 1
    counted = _counted(path)
    now_lost = figures.answered - counted
    # What was under way may be counted and not answered: it was served all the same.
    if counted > figures.answered + figures.unanswered:
        figures.wrong.append(f"kill {figures.kills}: {counted} counted, {figures.answered} answered")
    if now_lost - lost > load.since(killed - FLUSH - WRITING) + CLIENTS:
        figures.wrong.append(f"kill {figures.kills}: {now_lost - lost} lost, more than one flush")
    if now_lost > lost:
        figures.longest_loss = max(figures.longest_loss, round(killed - load.oldest_of(now_lost - lost), 3))
    return now_lost


async def _one_flush(path: Path) -> None:
    """Let the last life count something: on a busy machine the others may all have been too short."""
    before = _counted(path)
    with anyio.fail_after(60):
        while _counted(path) == before:  # noqa: ASYNC110  # another process's
            await anyio.sleep(0.05)


def _counted(path: Path) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        found: int = connection.execute(SUM).fetchone()[0]
        return found


async def _settle(daemon: Daemon, fake: FakeStripe, path: Path, figures: Figures) -> None:
    """Let the last hours close and everything be sent, and compare."""
    fake._faults.clear()
    figures.counted = _counted(path)
    deadline = time.monotonic() + 60
    while figures.billed != figures.counted and time.monotonic() < deadline:
        await daemon.do("tick")
        figures.billed = sum(int(each["payload"]["value"]) for each in fake.meters.received)
        await anyio.sleep(0.5)
    figures.events = len(fake.meters.received)
    if figures.billed != figures.counted:
        figures.wrong.append(f"{figures.billed} billed, {figures.counted} counted")


def main() -> None:
    """Do it as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = anyio.run(partial(endure, Path(folder), asked.kills, asked.seed))
    print(figures.report())
    raise SystemExit(bool(figures.wrong))


if __name__ == "__main__":
    main()
