"""`make retention`: how long a cycle waits while old quotes are deleted.

A database is filled with changes of events of long ago. A cycle (15 events, 990 quotes, a tenth of them changed) is
committed ten times a second, first alone, then while the old events are deleted as a running daemon does it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from stratumd.plugin import DAY, MINUTE, SECOND
from stratumd.runtime.forgetting import REST
from stratumd.store import Keep, Store, open_store, writes
from stratumd.store.writes import Bulk, Row
from tests.support import postgres
from tests.support.steps import START, commit, feed, poll

AN_EVENT = 20_000  # changes of one
TOGETHER = 50_000  # rows written at once
LONG_AGO = START - 100 * DAY


def main() -> None:
    """Fill, measure alone, measure beside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    with _database(options.database) as url:
        store = open_store(url)
        try:
            _measure(store, options.rows, options.database)
        finally:
            store.close()


def _measure(store: Store, rows: int, database: str) -> None:
    print(f"{database}: filling with {rows:,} changes of {max(1, rows // AN_EVENT)} events", flush=True)
    started = time.monotonic()
    _fill(store, rows)
    print(f"filled in {time.monotonic() - started:.0f} s", flush=True)
    cycles = _Cycles(store)
    _show("alone", cycles.run(lambda: time.sleep(20)))
    deleted = [0]
    began = time.monotonic()
    _show("while old quotes are deleted", cycles.run(lambda: deleted.__setitem__(0, _delete(store))))
    taken = time.monotonic() - began
    print(f"{deleted[0]:,} rows deleted in {taken:.0f} s ({deleted[0] / taken:,.0f} rows/s)")
    assert deleted[0] >= rows


class _Cycles:
    """Commits cycles in a thread of its own, as long as something else lasts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._steps = feed(1_000_000)

    def run(self, beside: Callable[[], object]) -> list[float]:
        """Return how long each commit took, in seconds."""
        over, taken = threading.Event(), list[float]()

        def cycles() -> None:
            for step in self._steps:
                self._store.observe([(step.observation.source, poll(step.observation))])
                began = time.monotonic()
                self._store.commit([commit(step)])
                taken.append(time.monotonic() - began)
                if over.wait(0.1):
                    return

        thread = threading.Thread(target=cycles)
        thread.start()
        try:
            beside()
        finally:
            over.set()
            thread.join()
        return taken


def _delete(store: Store) -> int:
    rows = 0
    for done in store.clean(Keep(changes=30 * DAY), START):
        rows += done.rows
        time.sleep(REST / SECOND)
    return rows


def _fill(store: Store, rows: int) -> None:
    for start in range(0, rows, TOGETHER):
        changes = [_change(n) for n in range(start, min(rows, start + TOGETHER))]
        old = sorted({row[0] for row in changes})
        events = [(n, f"old{n}", "basketball_nba", "Home", "Away", LONG_AGO, LONG_AGO, LONG_AGO) for n in old]

        def write(connection: Connection, bulk: Bulk, changes: list[Row] = changes, events: list[Row] = events) -> None:
            bulk(writes.EVENTS, events)
            bulk(writes.CHANGES, changes)

        store._write("fill", write)


def _change(n: int) -> Row:
    return (n // AN_EVENT, LONG_AGO + n % AN_EVENT // 40 * MINUTE, n % 40, -2.5, 1.91, LONG_AGO)


def _show(label: str, taken: list[float]) -> None:
    half, most = statistics.median(taken) * 1000, max(taken) * 1000
    print(f"{label}: {len(taken)} cycles, commit median {half:.1f} ms, longest {most:.1f} ms", flush=True)


@contextmanager
def _database(engine: str) -> Iterator[str]:
    if engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'retention.db'}"
        return
    with postgres.running() as server:
        yield server.url(server.create())


if __name__ == "__main__":
    main()
