"""What the benchmarks fill a store with is what a daemon would have left behind."""

from __future__ import annotations

from stratumd.plugin import MINUTE, Micros, parse_iso
from stratumd.store import open_reader, open_store
from tests.benchmarks import past

NOON: Micros = parse_iso("2026-01-12T12:00:00Z")


def test_a_long_past_can_be_read(database_url: str) -> None:
    store = open_store(database_url)
    try:
        past.fill(store, 10_000, NOON, pipeline="nba", source="nba")
        assert store.pending("nba", ["nba"], 10) == []
    finally:
        store.close()
    reader = open_reader(database_url)
    try:
        quotes = reader.odds(f"old{0:029d}")
        assert len(quotes) == past.SERIES
        assert {each.changed_at for each in quotes} == {NOON - past.EVERY}
        points = reader.consensus(f"old{0:029d}", market="totals", since=NOON - 2 * MINUTE)
        assert [(each.point.operators, each.point.contributors) for each in points] == [(6, ())] * len(points) != []
    finally:
        reader.close()
