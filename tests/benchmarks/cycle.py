"""`make bench-cycle`: one poll from the body's bytes to committed signals, beside the straightforward way to do it.

The baseline (`bench/` of the shared folder) parses with the standard library, asks Redis for every quote, adds an ORM
object for each changed one and queries each event. Both get the same polls, one after the other in turn, and both
commit durably: PostgreSQL with fsync on both sides, SQLite with `synchronous=FULL`. Ours does more: the answer itself,
disappearances, de-vigged consensus, evidence, gate state and deliveries. Compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.baseline import Baseline, Missing
from tests.benchmarks.daemon import Daemon
from tests.support.postgres import running

PRELOAD = 7
"""Polls before the first that counts, so that every window has a baseline."""
HISTORY = 21
"""Polls of ten minutes."""
SIZES = {"nba": (2_700, 20), "all": (192_000, 50)}
"""Quotes a poll, and how many times the baseline's speed is asked for."""


def main() -> None:
    """Print one table: a row per size and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--polls", type=int, default=5, help="polls that count; the median is printed")
    arguments = parser.parse_args()
    try:
        baseline = Baseline()
    except Missing as missing:
        sys.exit(f"bench-cycle: {missing}")
    print(f"{'quotes a poll':>13}  {'':10} {'ms':>9} {'baseline':>9} {'ratio':>7} {'asked':>6}   stages, ms")
    with running(durable=True) as server:
        for size in arguments.sizes:
            _compare(baseline, size, arguments.polls, lambda: server.url(server.create()))
    print(f"board of 192,000 quotes with ten minutes of history: {_peak()} MiB at most (600 are allowed)")


def _peak() -> int:
    """Return the most memory of a process of its own, in MiB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_held)


def _held() -> int:
    with tempfile.TemporaryDirectory() as folder, Baseline().feed(HISTORY) as bodies:
        daemon = Daemon(f"sqlite:///{folder}/cycle.db")
        for number, body in enumerate(bodies):
            daemon.cycle(number, body)
        daemon.close()
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


def _compare(baseline: Baseline, size: str, polls: int, postgres: Callable[[], str]) -> None:
    with tempfile.TemporaryDirectory() as folder, _daemons(Path(folder), postgres) as daemons:
        bodies = baseline.bodies(size)
        for daemon in daemons.values():
            for number, body in enumerate(bodies[:PRELOAD]):
                daemon.cycle(number, body)
        with baseline.cycles(size) as slow:
            theirs: list[float] = []
            for number, body in list(enumerate(bodies))[PRELOAD : PRELOAD + polls]:
                theirs.append(slow(number))
                for daemon in daemons.values():
                    daemon.timed(number, body)
        for label, daemon in daemons.items():
            _print(size, label, daemon, theirs)


def _print(size: str, label: str, daemon: Daemon, theirs: list[float]) -> None:
    ours = daemon.seconds
    quotes, asked = SIZES[size]
    ratio = statistics.median([slow / quick for slow, quick in zip(theirs, ours, strict=True)])
    stages = "  ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in daemon.stages().items())
    ms, baseline = 1000 * statistics.median(ours), 1000 * statistics.median(theirs)
    print(f"{quotes:13,}  {label:10} {ms:9,.1f} {baseline:9,.0f} {ratio:6.0f}x {asked:5}x   {stages}", flush=True)


@contextmanager
def _daemons(folder: Path, postgres: Callable[[], str]) -> Iterator[dict[str, Daemon]]:
    daemons = {"SQLite": Daemon(f"sqlite:///{folder}/cycle.db"), "PostgreSQL": Daemon(postgres())}
    try:
        yield daemons
    finally:
        for daemon in daemons.values():
            daemon.close()


if __name__ == "__main__":
    main()
