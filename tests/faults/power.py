"""Cuts the power of a SQLite store, again and again, and looks for what was acknowledged.

```
python -m tests.faults.power --cuts 200
```

The database lies on an ext4 behind a loop device; what the device has of it is a file. At a cut the writer is stopped,
the file is copied, and the copy is the disk that the next start finds: whatever was in the page cache of the ext4 alone
is lost, as it is when the power fails. `--synchronous normal` shows that it is: there, acknowledged commits are lost.

The log is copied into the file after every commit, so that cuts fall into that too.

A cut falls between two system calls of the writer, never inside of one, and the device has no cache of its own that
reorders what it was given.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import event, text

from stratumd.plugin import MINUTE
from stratumd.store import Store, checkpoints, open_store
from tests.faults import disks
from tests.faults.story import Ledger
from tests.support import steps
from tests.support.steps import START

MEGABYTES = 48
LONGEST, SHORTEST = 0.25, 0.01
"""Seconds from the first acknowledgement of a run to its cut."""
PATIENCE = 20.0
FULL = 6_000
"""Acknowledgements after which the disk is exchanged for an empty one."""


@dataclass
class Found:
    """What was counted."""

    cuts: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    damaged: int = 0
    cut_in_recovery: int = 0
    """Cuts that fell before the first acknowledgement after a restart."""


def write(database: Path, acknowledged: Ledger, first: int, synchronous: str) -> None:
    """Store observations and what follows from them, deliver, and acknowledge each transaction that returned."""
    checkpoints.ROWS, checkpoints.PAUSE = 1, 0.0
    store = open_store(f"sqlite:///{database}")
    if synchronous != "full":
        _weaken(store, synchronous)
    store.release()
    number = first
    while True:
        number += 1
        step = steps.step(steps.observation(START + number, path=f"/{number}"), event_number=number % 5)
        store.observe([("nba", steps.poll(step.observation))])
        acknowledged.write(f"observations {step.observation.id}")
        store.commit([steps.commit(step)])
        acknowledged.write(f"processed {step.observation.id}")
        for delivery in store.claim("log", 4, START + MINUTE):
            store.delivered([delivery.id], START + MINUTE)
            acknowledged.write(f"deliveries {delivery.id}")


def _weaken(store: Store, synchronous: str) -> None:
    """Give up the promise, to see it broken."""
    event.listen(
        store._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA synchronous = {synchronous}")
    )
    store._engine.dispose()


def lost(database: Path, acknowledged: list[str]) -> list[str]:
    """Return what was acknowledged and is not there. `sqlite3.DatabaseError` where the file is damaged."""
    store = open_store(f"sqlite:///{database}")
    try:
        with store._readers.begin() as connection:
            (whole,) = connection.execute(text("PRAGMA integrity_check")).one()
            if whole != "ok":
                raise sqlite3.DatabaseError(whole)
            there = {f"observations {id}" for id in connection.scalars(text("SELECT id FROM observations"))}
            there |= {f"processed {id}" for id in connection.scalars(text("SELECT observation FROM processed"))}
            done = text("SELECT id FROM deliveries WHERE state = 'delivered'")
            there |= {f"deliveries {id}" for id in connection.scalars(done)}
    finally:
        store.close()
    return [line for line in acknowledged if line not in there]


def run(cuts: int, seed: int, synchronous: str = "full") -> Found:
    """Cut the power so many times."""
    found, draw = Found(), random.Random(seed)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="stratumd-power-", dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        place = folder / "disk"
        place.mkdir()
        while found.cuts < cuts:
            _one_disk(folder, place, cuts, draw, synchronous, found)
    return found


def _one_disk(folder: Path, place: Path, cuts: int, draw: random.Random, synchronous: str, found: Found) -> None:
    disk, copy, database = folder / "ext4", folder / "copy", place / "cut.db"
    disks.make_disk(disk, MEGABYTES)
    ledger = Ledger(folder / "acknowledged")
    ledger.path.write_text("")
    missing: list[str] = []
    while found.cuts < cuts and len(ledger.lines()) < FULL and not missing:
        before = len(ledger.lines())
        with disks.mounted(disk, place), _writer(database, ledger, synchronous) as writer:
            _run_a_while(ledger, before, draw)
            _stop(writer)
            shutil.copyfile(disk, copy)
        copy.replace(disk)
        found.cuts += 1
        found.cut_in_recovery += len(ledger.lines()) == before
        with disks.mounted(disk, place):
            try:
                missing = lost(database, ledger.lines())
            except sqlite3.DatabaseError:
                found.damaged += 1
        found.lost += missing
    found.acknowledged += len(ledger.lines())


@contextmanager
def _writer(database: Path, ledger: Ledger, synchronous: str) -> Iterator[int]:
    first = sum(line.startswith("observations") for line in ledger.lines())
    child = os.fork()
    if child == 0:
        try:
            write(database, ledger, first, synchronous)
        finally:
            os._exit(1)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _run_a_while(ledger: Ledger, before: int, draw: random.Random) -> None:
    """Let it write: mostly until some time after its first acknowledgement, now and then only while it recovers."""
    if draw.random() < 0.1:
        time.sleep(draw.uniform(0, 0.1))
        return
    end = time.monotonic() + PATIENCE
    while len(ledger.lines()) == before:
        if time.monotonic() > end:
            raise RuntimeError("the writer does not write")
        time.sleep(0.005)
    time.sleep(draw.uniform(SHORTEST, LONGEST))


def _stop(child: int) -> None:
    """Stop the process where it is, and wait until none of its threads is inside of the kernel any more."""
    os.kill(child, signal.SIGSTOP)
    end = time.monotonic() + PATIENCE
    while any(_state(task) not in "TZ" for task in Path(f"/proc/{child}/task").iterdir()):
        if time.monotonic() > end:
            raise RuntimeError("the writer does not stop")
        time.sleep(0.001)


def _state(task: Path) -> str:
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", choices=("full", "normal", "off"), default="full")
    asked = parser.parse_args()
    reason = disks.why_not()
    if reason is not None:
        print(f"no power cuts here: it {reason}")
        return
    disks.enter_own_mounts()
    began = time.monotonic()
    found = run(asked.cuts, asked.seed, asked.synchronous)
    print(
        f"synchronous={asked.synchronous}: {found.cuts} power cuts ({found.cut_in_recovery} while it recovered), "
        f"{found.acknowledged} acknowledged transactions, {len(found.lost)} of them lost, {found.damaged} damaged "
        f"files, {time.monotonic() - began:.0f} s"
    )
    raise SystemExit(1 if found.lost or found.damaged else 0)


if __name__ == "__main__":
    main()
