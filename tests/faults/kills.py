"""Kills a life at every failpoint, thousands of times, and checks what is left.

```
python -m tests.faults.kills --kills 10000
python -m tests.faults.kills --kills 2000 --database postgresql
```

A life is a fork of this process, which is warm and has neither thread nor connection; it dies by SIGKILL at a failpoint
chosen at random, or at the one that was killed at least. Each story begins with an empty database, so migrations are
killed too, and ends with a comparison against a plain replay.
"""

from __future__ import annotations

import argparse
import gc
import mmap
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg

from tests.support import postgres

os.environ.setdefault("STRATUMD_FAILPOINTS", "*@0")
from stratumd import failpoints  # it reads the variable once
from stratumd.observe import logs
from tests.faults import story, warm
from tests.faults.check import Figures, check
from tests.faults.life import Stage, live
from tests.faults.story import Ledger

PATIENCE = 120
"""Seconds that a life may take."""
OBSERVATIONS = 1
"""That a life is to take, unless it dies."""
OPENINGS, ENOUGH = 6, 20
"""Kills of a story while it makes its database, and the observations without which it says too little."""
_NAME = 200


class Killer:
    """Decides where the next life ends, and remembers where they did."""

    def __init__(self, seed: int) -> None:
        self.places: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._opening: list[str] = []
        """Failpoints that only a life passes that makes the database."""
        self._furthest = 60.0
        self._out_of_reach: Counter[str] = Counter()
        self._word = mmap.mmap(-1, _NAME)

    def learn(self, stage: Stage) -> None:
        """Live twice without a kill and note every failpoint that is passed."""
        first, second = self._passed(stage), self._passed(stage)
        self._opening = [name for name in first if name not in second]
        self.places = Counter(dict.fromkeys([*first, *second], 0))

    def _passed(self, stage: Stage) -> dict[str, None]:
        names = Ledger(stage.folder / f"failpoints-{time.monotonic_ns()}")
        child = os.fork()
        if child == 0:
            failpoints.reached = names.write
            self._live(stage, NEVER, 8)
        os.waitpid(child, 0)
        return dict.fromkeys(names.lines())

    def next(self, *, opening: bool) -> str:
        """Return a failpoint, as `STRATUMD_FAILPOINTS` names it: the one that was killed at least, or any."""
        if not opening and self._draw.random() < 0.15:
            return f"{failpoints.ANY}@{self._draw.randint(1, round(self._furthest))}"
        names = self._opening if opening else [name for name in self.places if name not in self._opening]
        rare = min(names, key=lambda name: self.places[name] + 2 * self._out_of_reach[name])
        return f"{rare}@{self._draw.choice((1, 1, 1, 2))}"

    def run(self, stage: Stage, spec: str) -> bool:
        """Live once; return whether it was killed. `RuntimeError` where it ended otherwise than it may."""
        self._word[:] = bytes(_NAME)
        lapse(stage)
        child = os.fork()
        if child == 0:
            self._live(stage, spec)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self.places[self._word[:].rstrip(b"\0").decode()] += 1
            self._furthest *= 1.003
            return True
        if status != 0:
            raise RuntimeError(f"a life ended with {os.waitstatus_to_exitcode(status)}")
        if not spec.startswith(failpoints.ANY):
            self._out_of_reach[spec.partition("@")[0]] += 1
        elif spec != NEVER:
            self._furthest = max(20.0, self._furthest * 0.8)
        return False

    def _live(self, stage: Stage, spec: str, observations: int = OBSERVATIONS) -> None:
        code = 1
        try:
            signal.alarm(PATIENCE)
            failpoints.arm(spec, self._tell)
            live(stage, observations)
            code = 0
        except BaseException:  # a child must not run on in its parent's code
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _tell(self, name: str) -> None:
        word = name.encode()[:_NAME]
        self._word[: len(word)] = word


def lapse(stage: Stage) -> None:
    """On PostgreSQL, let the time pass for which a killed daemon keeps its pipelines and what it had in flight."""
    if stage.url.startswith("sqlite"):
        return
    with psycopg.connect(stage.url, autocommit=True) as connection, suppress(psycopg.errors.UndefinedTable):
        connection.execute("UPDATE deliveries SET lease_until = 0 WHERE state = 'in_flight'")
        connection.execute("UPDATE leases SET until = 0")


NEVER = f"{failpoints.ANY}@0"


def tell(stage: Stage, killer: Killer, most: int) -> tuple[int, Figures]:
    """Tell one whole story with at most so many kills; return how many there were, and what was left."""
    kills = 0
    for _ in range(min(OPENINGS, most)):
        kills += killer.run(stage, killer.next(opening=True))
    while len(set(stage.acknowledged.lines())) < len(story.STORY) and kills < most:
        kills += killer.run(stage, killer.next(opening=False))
    while not killer.run(stage, NEVER) and len(set(stage.acknowledged.lines())) < ENOUGH:
        pass
    killer.run(stage, NEVER)
    return kills, check(stage)


@contextmanager
def stages(engine: str) -> Iterator[Iterator[Stage]]:
    """Yield empty databases, one after the other."""
    known = story.registry()
    if engine == "sqlite":
        yield _on_sqlite(known)
        return
    with postgres.running() as server:
        yield _on_postgres(known, server)


def _on_sqlite(known: story.Registry) -> Iterator[Stage]:
    with _folder() as name:
        folder = Path(name)
        while True:
            yield Stage(f"sqlite:///{folder}/killed.db", folder, known)
            _empty(folder)


def _on_postgres(known: story.Registry, server: postgres.Server) -> Iterator[Stage]:
    with _folder() as name:
        folder = Path(name)
        while True:
            server.execute("CREATE DATABASE killed TEMPLATE template0")
            yield Stage(server.url("killed"), folder, known)
            server.drop("killed")
            _empty(folder)


def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder, in memory where there is such a place: a kill leaves the page cache alone."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="stratumd-kills-", dir=memory if memory.is_dir() else None)


def _empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


@dataclass
class Outcome:
    """What came of many kills."""

    kills: int = 0
    stories: int = 0
    left: Figures = field(default_factory=Figures)
    places: Counter[str] = field(default_factory=Counter)
    """Where lives ended."""

    def add(self, other: Outcome) -> None:
        """Add what came of others."""
        self.kills += other.kills
        self.stories += other.stories
        self.left += other.left
        self.places += other.places


def run(engine: str, kills: int, seed: int, *, tells: bool = False) -> Outcome:
    """Kill so many times."""
    logs.configure("critical")  # its complaints are what is asked for
    warm.keep()
    killer, outcome, began = Killer(seed), Outcome(), time.monotonic()
    with stages(engine) as several:
        stage = next(several)
        live(stage, 3)  # here, once: what it made need not be made by every fork
        for thread in set(threading.enumerate()) - {threading.current_thread()}:
            thread.join()
        gc.freeze()
        killer.learn(next(several))
        for stage in several:
            more, left = tell(stage, killer, kills - outcome.kills)
            outcome.add(Outcome(more, 1, left))
            if tells:
                print(f"{time.monotonic() - began:7.0f} s  story {outcome.stories}: {outcome.kills} kills", flush=True)
            if outcome.kills >= kills:
                break
    outcome.places = killer.places
    return outcome


def run_jobs(engine: str, kills: int, seed: int, jobs: int) -> Outcome:
    """Kill so many times, in several processes side by side: a life waits more than it works."""
    context = multiprocessing.get_context("fork")
    total, pipes, processes = Outcome(), [], []
    for job in range(jobs):
        receiving, sending = context.Pipe(duplex=False)
        work = partial(_report, sending, engine, kills // jobs + (job < kills % jobs), seed * 1_000 + job)
        processes.append(context.Process(target=work))
        pipes.append(receiving)
    for process in processes:
        process.start()
    for process, pipe in zip(processes, pipes, strict=True):
        while process.is_alive() and not pipe.poll(1):
            pass
        if not pipe.poll():
            raise RuntimeError(f"a job ended with {process.exitcode}")
        total.add(pipe.recv())
        process.join()
    return total


def _report(sending: Connection, engine: str, kills: int, seed: int) -> None:
    sending.send(run(engine, kills, seed, tells=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    began = time.monotonic()
    found = run_jobs(asked.database, asked.kills, asked.seed, asked.jobs)
    for place, times in sorted(found.places.items()):
        print(f"{times:6}  {place}")
    seconds = time.monotonic() - began
    print(f"{asked.database}: {found.kills} kills at {len(found.places)} failpoints, ", end="")
    print(f"{found.stories} stories, {seconds:.0f} s")
    print(f"{found.left}; observations, signals and deliveries lost 0, ids doubled 0")


if __name__ == "__main__":
    main()
