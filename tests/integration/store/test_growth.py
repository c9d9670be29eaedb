"""A long past makes a cycle no dearer. `make growth` measures it; here SQLite counts its steps, whatever the load."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stratumd.plugin import MINUTE
from stratumd.store import Store, open_reader, open_store
from tests.benchmarks import past
from tests.support import steps

POLLS = 300


class Counted:
    """Counts the instructions of SQLite's machine, a hundred at a time."""

    def __init__(self, store: Store) -> None:
        self.hundreds = 0
        for engine in (store._engine, store._readers):
            raw = engine.raw_connection()
            driver = raw.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.set_progress_handler(self._count, 100)
            raw.close()

    def _count(self) -> None:
        self.hundreds += 1


def effort(path: Path, changes: int) -> int:
    """Return what ten cycles take on a store with so many changes."""
    store = open_store(f"sqlite:///{path}")
    try:
        past.fill(store, changes, steps.START - MINUTE, pipeline="nba", source="nba")
        counted = Counted(store)
        for number in range(10):
            seen = steps.observation(steps.START + number * MINUTE)
            store.observe([("nba", steps.poll(seen))])
            assert [each.id for each in store.pending("nba", ["nba"], 10)] == [seen.id]
            store.commit([steps.commit(steps.step(seen))])
        return counted.hundreds
    finally:
        store.close()


def test_a_cycle_does_the_same_however_much_is_stored(tmp_path: Path) -> None:
    short, long = effort(tmp_path / "short.db", 100), effort(tmp_path / "long.db", POLLS * 100)
    assert 0 < long <= 1.2 * short


def test_the_past_is_as_large_as_it_says(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'past.db'}"
    store = open_store(url)
    past.fill(store, POLLS * 100, steps.START - MINUTE, pipeline="nba", source="nba")
    assert store.pending("nba", ["nba"], 10) == []
    assert len(store.seen("nba")) == past.GAMES
    store.close()
    reader = open_reader(url)
    rows = {each.table: each.rows for each in reader.stats()}
    reader.close()
    assert (rows["changes"], rows["observations"], rows["processed"]) == (POLLS * 100, POLLS, POLLS)
    assert (rows["signals"], rows["feed"], rows["deliveries"]) == (POLLS // 10,) * 3
