"""Seventeen days of recorded games: closing lines with their quality, and what signals were worth at the close."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from stratumd import recording
from stratumd.config import load_config
from stratumd.plugin import parse_iso
from stratumd.registry import load
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.garbage import resting
from stratumd.runtime.jobs import assigned
from stratumd.runtime.replaying import replay
from stratumd.store import StoreLedger, open_ledger, open_store, plugin_migrations
from tests.support import ROOT, shared

WNBA = "recordings/wnba-2026-07-14--07-31.jsonl.xz"
CONFIG = load_config(ROOT / "config" / "examples" / "clv.yaml")
REGISTRY = load(["clv"])
END = parse_iso("2026-08-01T00:00:00Z")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreLedger]:
    """The recording, replayed into a store and closed."""
    observations = recording.read(shared(WNBA))
    url = f"sqlite:///{tmp_path_factory.mktemp('clv') / 'stratum.db'}"
    folders = plugin_migrations((each.plugin, each.component) for _, each in REGISTRY.components())
    (spec,) = CONFIG.pipelines.values()
    store = open_store(url, plugins=folders)
    try:
        with resting():
            for _ in replay(observations, [build_pipeline(spec, CONFIG.registry)], store):
                pass
    finally:
        store.close()
    with open_ledger(url, spec.name, folders) as opened:
        job = assigned(REGISTRY.jobs["clv"], spec.jobs[0].options, spec, "clv")
        job.run(END, opened)
        yield opened


def answer(ledger: StoreLedger, report: str, **question: Any) -> list[dict[str, Any]]:
    (spec,) = CONFIG.pipelines.values()
    registered = REGISTRY.reports[report]
    found = assigned(registered, registered.component.config.model_validate(question), spec, report)
    return [*found.answer(ledger)]


def test_every_event_that_started_has_closing_lines_with_a_quality(ledger: StoreLedger) -> None:
    started = {known.event.id for known in ledger.events(until=END)}
    closes = answer(ledger, "clv.closes", convention="last_before_actual")
    assert len(started) == 39
    assert {(row["event"], row["market"]) for row in closes} == {
        (event, market) for event in started for market in ("h2h", "spreads", "totals")
    }
    qualities = Counter(row["quality"] for row in closes)
    assert qualities.keys() <= {"good", "low", "none"}
    assert qualities["good"] > 0.7 * len(closes)
    assert all(row["operators"] >= 5 and row["oldest_seconds"] <= 900 for row in closes if row["quality"] == "good")
    assert all(row["closed_at"] is None or row["closed_at"] < row["cutoff_at"] for row in closes)


def test_stale_prices_are_worth_more_at_the_close_than_those_of_the_movers(ledger: StoreLedger) -> None:
    cells = {
        row["reference"]: row
        for row in answer(ledger, "clv.scorecards", by=["type", "reference"])
        if row["type"] == "STEAM"
    }
    named, stale = cells["named"], cells["stale"]
    assert named["events"] >= 30
    assert named["interval_percent"][0] < named["mean_percent"] < named["interval_percent"][1]
    assert stale["mean_percent"] > named["mean_percent"]
    assert stale["mean_points"] > named["mean_points"]


def test_scorecards_show_every_cell_with_what_it_bears(ledger: StoreLedger) -> None:
    cells = answer(ledger, "clv.scorecards")
    assert len(cells) > 40
    for cell in cells:
        has_interval = cell.get("interval_percent") is not None
        assert (cell["maturity"] == "ready") is has_interval
        assert has_interval is ("discovery" in cell)
        assert cell["score_source"] == "composite"


def test_books_are_ranked_and_nothing_more(ledger: StoreLedger) -> None:
    rows = answer(ledger, "clv.sharpness")
    assert rows
    assert all(
        row.keys() == {"market", "book", "rank", "rank_interval", "records", "events", "maturity"} for row in rows
    )


def test_a_second_run_changes_nothing(ledger: StoreLedger) -> None:
    (spec,) = CONFIG.pipelines.values()
    before = answer(ledger, "clv.summary")
    job = assigned(REGISTRY.jobs["clv"], spec.jobs[0].options, spec, "clv")
    assert job.run(END, ledger).startswith("0 of 39 events closed")
    assert answer(ledger, "clv.summary") == before
