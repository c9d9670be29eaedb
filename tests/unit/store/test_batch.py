"""From steps to rows, without a database."""

from __future__ import annotations

import msgspec
import pytest

from stratumd.plugin import MarketKey, Record
from stratumd.store import batch as batches
from stratumd.store.batch import Batch, Known
from tests.support import steps
from tests.support.steps import START


class Regime(Record, frozen=True):
    kind = "regime"
    label: str = "stable"


@pytest.fixture
def known():
    return Known()


def made(known: Known, *many) -> Batch:
    batch = Batch(known)
    for position, step in enumerate(many, start=1):
        batch.add(step, position)
    return batch


def test_a_series_is_written_until_it_is_known_to_be_there(known):
    first = made(known, steps.step(steps.observation()))
    assert len(first.series) == 3
    assert len(made(known, steps.step(steps.observation())).series) == 3  # the first one was never committed
    known.learn(first)
    assert made(known, steps.step(steps.observation(START + 1))).series == {}
    assert len(made(known, steps.step(steps.observation(), pipeline="other")).series) == 3


def test_a_book_is_first_seen_once(known):
    batch = made(known, steps.step(steps.observation()), steps.step(steps.observation(START + 1)))
    assert batch.books == {"pinnacle": ("pinnacle", START), "betmgm": ("betmgm", START)}
    known.learn(batch)
    assert made(known, steps.step(steps.observation(START + 2), event_number=5)).books == {}


def test_what_is_known_stays_bounded(known, monkeypatch):
    monkeypatch.setattr(batches, "_MOST_SERIES", 5)
    for number in range(4):
        known.learn(made(known, steps.step(steps.observation(START + number), event_number=number)))
        assert sum(map(len, known.series.values())) <= 5 + 3


def test_rows_have_a_value_for_every_column(known):
    batch = made(known, steps.step(steps.observation(), signals=2))
    batch.deliver("id", steps.signal(steps.observation()), "log")
    for statement, rows in batch.tables():
        for row in rows:
            columns = list(statement.table.primary_key) if not hasattr(statement, "columns") else statement.columns
            assert len(row) == len(columns), statement.table.name


def test_coverage_keeps_the_first_and_the_last_of_a_group(known):
    batch = made(known, *(steps.step(steps.observation(START + n)) for n in range(3)))
    assert {row[4:] for row in batch.coverage.values()} == {(START, START + 2)}


def test_records_of_any_kind_are_kept_as_json(known):
    step = steps.step(steps.observation())
    step = msgspec.structs.replace(step, records=((steps.event().id, Regime(MarketKey("totals"), "shaky")),))
    (row,) = made(known, step).records.values()
    assert row[3:] == ("regime", "totals", "", '{"key":["totals",null],"label":"shaky"}')


def test_texts_that_postgresql_cannot_keep_are_replaced_for_both_databases(known):
    step = steps.step(steps.observation())
    issue = msgspec.structs.replace(step.issues[0], detail="a\0b")
    failure = msgspec.structs.replace(step.failures[0], error="ValueError: \udcff")
    batch = made(known, msgspec.structs.replace(step, issues=(issue,), failures=(failure,)))
    assert "a\ufffdb" in next(iter(batch.issues.values()))
    assert "ValueError: \ufffd" in next(iter(batch.failures.values()))
