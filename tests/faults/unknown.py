"""Commits of unknown outcome: the connection to PostgreSQL is cut between COMMIT and its answer.

```
python -m tests.faults.unknown --commits 1000
```

The whole story is told through a relay that cuts off a share of all commits of writing transactions, migrations
included; what is left is compared with a plain replay.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import anyio
import anyio.from_thread

from stratumd.observe import logs
from stratumd.plugin import SECOND, Micros
from stratumd.runtime.clock import SystemTimer
from stratumd.store import open_store
from tests.faults import story
from tests.faults.check import Figures, check
from tests.faults.life import Stage, see_through
from tests.faults.relay import Relay
from tests.support import postgres

SHARE = 0.2
PATIENCE = 60.0
HURRY = 50
"""How much faster than the daemon's its pauses are."""


class Hurried(SystemTimer):
    """The machine's clocks, with shorter pauses."""

    async def sleep(self, length: Micros) -> None:
        """Wait a part of it."""
        await anyio.sleep(max(0, length) / SECOND / HURRY)


def tell(stage: Stage, server: postgres.Server, name: str, most: int, seed: int) -> tuple[Counter[str], Figures]:
    """Tell one story with at most so many cuts; return them by their way, and what was left."""
    with Relay(server.socket / f".s.PGSQL.{5432}", SHARE, seed) as relay:
        url = f"postgresql://stratumd@127.0.0.1:{relay.port}/{name}?sslmode=disable&gssencmode=disable"
        store = open_store(url, wait=PATIENCE)
        try:
            with anyio.from_thread.start_blocking_portal() as portal:
                telling = portal.start_task_soon(see_through, stage, store, len(story.STORY), Hurried())
                while not telling.done():
                    if relay.cut.total() >= most:
                        relay.share = 0.0
                    time.sleep(0.002)
                telling.result()
        finally:
            relay.share = 0.0
            store.close()
    return relay.cut, check(stage)


def run(commits: int, seed: int, *, tells: bool = False) -> tuple[Counter[str], int, Figures]:
    """Cut off so many commits; return them by their way, the stories, and what was left."""
    logs.configure("critical")  # its complaints are what is asked for
    cut, stories, left, began = Counter[str](), 0, Figures(), time.monotonic()
    known = story.registry()
    with postgres.running() as server:
        while cut.total() < commits:
            name = server.create()
            with tempfile.TemporaryDirectory(prefix="stratumd-unknown-") as folder:
                stage = Stage(server.url(name), Path(folder), known)
                more, figures = tell(stage, server, name, commits - cut.total(), seed + stories)
            server.drop(name)
            cut, stories, left = cut + more, stories + 1, left + figures
            if tells:
                print(f"{time.monotonic() - began:7.0f} s  story {stories}: {cut.total()} commits cut off", flush=True)
    return cut, stories, left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commits", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    cut, stories, left = run(asked.commits, asked.seed, tells=True)
    ways = ", ".join(f"{number} {way}" for way, number in sorted(cut.items()))
    print(f"postgresql: {cut.total()} commits of unknown outcome ({ways}), {stories} stories, ", end="")
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{left}; observations, signals and deliveries lost 0, ids doubled 0")


if __name__ == "__main__":
    main()
