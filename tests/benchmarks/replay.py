"""`make bench`: quotes a second through all four detectors, with and without a store, beside yardsticks.

Every row is a process of its own, so that its peak memory is its own, and the rows of one recording run one after the
other on the same machine: compare ratios, not seconds. Two yardsticks read the same file and do nothing with it:
`json` is the standard library's parser, `msgspec` decodes every quote into a typed object.
A third, `plain`, finds the signals by the written rules, in plain Python: `tests/support/plain.py`.
"""

from __future__ import annotations

import argparse
import lzma
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support import ROOT, SHARED

RECORDINGS = ("wnba-2026-07-14--07-31.jsonl.xz", "mlb-2026-08-04--08-06.jsonl.xz")
CONFIG = ROOT / "config" / "examples" / "replay.yaml"
TARGETS = {"no store": 600_000, "SQLite": 250_000, "PostgreSQL": 150_000}


class Run(NamedTuple):
    """One measured process."""

    quotes: int
    seconds: float
    megabytes: float
    signals: int


def main() -> None:
    """Print one table per recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each row; the fastest counts")
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder, _postgres() as postgres:
        for name in RECORDINGS:
            path = SHARED / "recordings" / name
            if not path.exists():
                sys.exit(f"needs {name}, which is not part of the project (set STRATUMD_SHARED to its folder)")
            _table(_uncompressed(path, Path(folder)), Path(folder), postgres, runs)


def _table(recording: Path, folder: Path, postgres: Callable[[], str], runs: int) -> None:
    print(f"\n{recording.name}: {recording.stat().st_size / 1e6:.1f} MB uncompressed, best of {runs}")
    print(f"{'':12} {'quotes/s':>12} {'seconds':>9} {'peak MB':>9} {'signals':>9} {'target':>10}")
    rows: dict[str, Callable[[], str | None]] = {
        "no store": lambda: None,
        "SQLite": lambda: f"sqlite:///{tempfile.mkdtemp(dir=folder)}/bench.db",
        "PostgreSQL": postgres,
    }
    quotes = 0
    for label, database in rows.items():
        best = min((_measure(_replay, str(recording), database()) for _ in range(runs)), key=lambda run: run.seconds)
        quotes = best.quotes
        _print(label, best, f"{TARGETS[label]:,}")
    for label, parse in (("json", _parse_json), ("msgspec", _parse_msgspec), ("plain", _plain)):
        best = min((_measure(parse, str(recording), None) for _ in range(runs)), key=lambda run: run.seconds)
        _print(label, best._replace(quotes=quotes), "yardstick")


def _print(label: str, run: Run, target: str) -> None:
    rate = run.quotes / run.seconds
    print(f"{label:12} {rate:12,.0f} {run.seconds:9.2f} {run.megabytes:9.0f} {run.signals:9,} {target:>10}")


def _measure(work: Callable[[str, str | None], tuple[int, int]], path: str, database: str | None) -> Run:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(work, path, database, send))
    process.start()
    run: Run = receive.recv()
    process.join()
    return run


def _report(work: Callable[[str, str | None], tuple[int, int]], path: str, database: str | None, send) -> None:  # type: ignore[no-untyped-def]  # multiprocessing's connection has no public type
    started = time.perf_counter()
    quotes, signals, *spent = work(path, database)
    seconds = spent[0] if spent else time.perf_counter() - started
    send.send(Run(quotes, seconds, _peak_megabytes(), signals))


def _peak_megabytes() -> float:
    """Return the most memory this process has held. Not ru_maxrss: that begins with the parent's on Linux."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _replay(path: str, database: str | None) -> tuple[int, int, float]:
    import stratumd.runtime.replaying  # noqa: F401  # the command reads it when it needs it: that is no replaying
    from stratumd.cli.replay import _pipelines, _run
    from stratumd.recording import read
    from stratumd.runtime.garbage import BATCH, settle
    from stratumd.store import open_store

    pipelines = _pipelines(CONFIG)
    store = open_store(database) if database is not None else None
    settle(BATCH)
    started = time.perf_counter()
    summary = _run(read(path), pipelines, store)
    seconds = time.perf_counter() - started
    if store is not None:
        store.close()
    return summary.quotes, len(summary.signals), seconds


def _parse_json(path: str, database: str | None) -> tuple[int, int, float]:
    import json

    started = time.perf_counter()
    with open(path, "rb") as lines:
        for line in lines:
            json.loads(line)
    return 0, 0, time.perf_counter() - started


def _parse_msgspec(path: str, database: str | None) -> tuple[int, int, float]:
    import msgspec

    from tests.benchmarks.wire import Line

    decoder = msgspec.json.Decoder(Line)
    started = time.perf_counter()
    with open(path, "rb") as lines:
        for line in lines:
            decoder.decode(line)
    return 0, 0, time.perf_counter() - started


def _plain(path: str, database: str | None) -> tuple[int, int, float]:
    from tests.support import plain

    started = time.perf_counter()
    with open(path, "rb") as lines:
        found = plain.signals(lines)
    return 0, len(found), time.perf_counter() - started


def _uncompressed(path: Path, folder: Path) -> Path:
    target = folder / path.stem
    with lzma.open(path) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    return target


@contextmanager
def _postgres() -> Iterator[Callable[[], str]]:
    from tests.support.postgres import running

    with running(durable=True) as server:
        yield lambda: server.url(server.create())


if __name__ == "__main__":
    main()
