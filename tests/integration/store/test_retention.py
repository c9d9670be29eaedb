"""What is old goes, a little at a time; what a restart, a reader or a delivery needs stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stratumd.plugin import DAY, MINUTE, Micros
from stratumd.store import Keep, Kpi, Reader, Store, cycles, open_reader, open_store
from tests.support.steps import START, keep, observation, poll, step

NOW = START + 40 * DAY
ALL = Keep(changes=30 * DAY, consensus=14 * DAY, signals=30 * DAY, issues=30 * DAY)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store with an event of forty days ago, one of now, and one that went on all the time."""
    opened = open_store(database_url)
    keep(opened, *[step(observation(at), event_number=0, price=1.9 + n / 10) for n, at in enumerate(minutes(START))])
    for n, at in enumerate((START + DAY, START + 20 * DAY, NOW - DAY)):
        keep(opened, step(observation(at), event_number=1, price=1.9 + n / 10))
    yield opened
    opened.close()


@pytest.fixture
def reader(database_url: str, store: Store) -> Iterator[Reader]:
    opened = open_reader(database_url)
    yield opened
    opened.close()


def minutes(start: Micros) -> list[Micros]:
    return [start + n * MINUTE for n in range(5)]


def settle(store: Store) -> None:
    while claimed := store.claim("log", 100, NOW):
        store.delivered([each.id for each in claimed], NOW)


def cleaned(store: Store, what: Keep = ALL) -> dict[str, int]:
    found: dict[str, int] = {}
    for done in store.clean(what, NOW):
        found[done.table] = found.get(done.table, 0) + done.rows
    return found


def rows(reader: Reader) -> dict[str, int]:
    return {row.table: row.rows for row in reader.stats()}


def test_quotes_go_with_their_event_and_only_then(store: Store, reader: Reader) -> None:
    before = rows(reader)
    assert cleaned(store, Keep(changes=30 * DAY))["changes"] == 3 + 4 * 3
    old, going = (f"event{n:027d}" for n in (0, 1))
    assert reader.movement(old) == []
    assert reader.odds(old) == []
    assert len(reader.movement(going)) == 3 * 3  # its oldest change is forty days old
    assert reader.odds(going)
    kept = ("observations", "processed", "series", "signals", "states", "polls", "events")
    assert {name: before[name] for name in kept} == {name: rows(reader)[name] for name in kept}


def test_the_newest_consensus_of_a_market_stays(store: Store, reader: Reader) -> None:
    point = step(observation(), price=1.9)
    keep(store, point)
    records = store.records("nba")
    cleaned(store, Keep(consensus=14 * DAY))
    assert store.records("nba") == records
    assert all(len(reader.consensus(f"event{n:027d}")) == 1 for n in (0, 1))


def test_a_signal_that_waits_stays_and_settled_ones_go_with_their_deliveries(store: Store, reader: Reader) -> None:
    everything = len(reader.signals())
    assert "signals" not in cleaned(store, Keep(signals=30 * DAY))
    assert len(reader.signals()) == everything
    settle(store)
    assert cleaned(store, Keep(signals=30 * DAY))["signals"] == 6
    assert len(reader.signals()) == everything - 6 == rows(reader)["deliveries"]


def test_a_restart_needs_nothing_of_what_is_gone(store: Store) -> None:
    def remembered() -> tuple[object, ...]:
        rebuilt = [(each.id, at) for each, at in store.rebuild("nba", ["nba"], DAY)]
        return rebuilt, store.states("nba"), store.records("nba"), store.pending("nba", ["nba"], 10)

    before = remembered()
    settle(store)
    assert sum(cleaned(store).values()) > 20
    assert remembered() == before


def test_an_event_that_comes_back_is_kept_again(store: Store, reader: Reader) -> None:
    cleaned(store)
    keep(store, step(observation(NOW), event_number=0, price=2.5))
    assert {row.price for row in reader.odds(f"event{0:027d}")} == {2.5, 2.6}


def test_no_transaction_is_long_and_a_second_run_finds_nothing(store: Store) -> None:
    settle(store)
    batches = [done.rows for done in store.clean(ALL, NOW, rows=2)]
    assert max(batches) <= 2
    assert len(batches) > 10
    assert cleaned(store) == {}


def test_signals_that_a_job_has_yet_to_value_stay(store: Store, reader: Reader) -> None:
    settle(store)
    old = f"event{0:027d}"
    keep_owed = Keep(signals=30 * DAY, owed=frozenset({("nba", old)}))
    assert cleaned(store, keep_owed)["signals"] == 1  # the other event's
    assert len(reader.signals(event=old)) == 5
    assert cleaned(store, Keep(signals=30 * DAY, owed=frozenset({("other", old)})))["signals"] == 5


def test_deliveries_go_before_their_signals_and_those_for_a_sink_that_is_gone_too(store: Store, reader: Reader) -> None:
    keep(store, step(observation(START + 7), event_number=2), sinks=("gone",))
    for _ in range(2):
        (taken, *_) = store.claim("log", 1, START + DAY)
        store.delivered([taken.id], START + DAY)
    (taken, *_) = store.claim("log", 1, START + DAY)
    store.failed(taken.id, START + DAY, "no", None)
    signals = len(reader.signals())
    month = Keep(deliveries=30 * DAY)
    assert cleaned(store, month) == {"deliveries": 3}
    assert cleaned(store, month._replace(sinks=frozenset({"log", "gone"}))) == {}
    assert cleaned(store, month._replace(sinks=frozenset({"log"}))) == {"deliveries": 1}
    assert len(reader.signals()) == signals
    assert cleaned(store, Keep(signals=30 * DAY))["signals"] >= 3  # whose deliveries are gone


def test_answers_go_only_when_told_once_they_are_processed(store: Store, reader: Reader) -> None:
    late = observation(START + 3 * MINUTE + 1, body=b"[7]")
    store.observe([(late.source, poll(late))])  # nobody has processed it yet
    for _ in range(2):
        keep(store, step(observation(NOW - MINUTE), event_number=1))
        store.pending("nba", ["nba"], 100)  # so that the floor rises
        keep(store, step(observation(NOW), event_number=1))
    before = rows(reader)
    answers = Keep(observations=30 * DAY)
    done = cleaned(store, answers)
    assert done == {"observations": 6}
    assert [each.id for each in store.pending("nba", ["nba"], 10)] == [late.id]
    assert rows(reader)["processed"] == before["processed"]
    assert cleaned(store, answers._replace(pipelines=frozenset({"other"}))) == {}


def test_answers_of_a_source_that_fell_silent_stay(store: Store, reader: Reader) -> None:
    store.pending("nba", ["nba"], 100)
    keep(store, step(observation(NOW - DAY + MINUTE), event_number=1))
    kept = {name: number for name, number in rows(reader).items() if name == "observations"}
    list(store.clean(Keep(observations=8 * DAY), NOW + 300 * DAY))
    left = rows(reader)["observations"]
    assert 0 < left < kept["observations"]
    assert [*store.rebuild("nba", ["nba"], DAY)]


def test_figures_of_cycles_polls_and_what_failed_go_by_their_age(store: Store, reader: Reader) -> None:
    found = [("nba", n, Kpi(1, at, 5, 0, 0, {})) for n, at in enumerate((START, NOW - DAY))]
    store._write("cycles", lambda connection, _: cycles.append(connection, found))
    assert cleaned(store, Keep(kpi=30 * DAY)) == {"cycles": 1}
    assert cleaned(store, Keep(polls=30 * DAY)) == {"polls": 6, "charges": 6}
    assert cleaned(store, Keep(issues=30 * DAY)) == {"issues": 6}
    assert rows(reader)["polls"] == rows(reader)["charges"] == 2


def test_where_a_component_failed_is_known_as_long_as_the_answer_can_be_replayed(store: Store, reader: Reader) -> None:
    for at in (NOW - MINUTE, NOW):
        keep(store, step(observation(at), event_number=1))
        store.pending("nba", ["nba"], 100)  # so that the floor rises
    before = len(reader.skipped("nba"))
    cleaned(store, Keep(issues=30 * DAY))
    assert len(reader.skipped("nba")) == before
    gone = cleaned(store, Keep(observations=30 * DAY))["observations"]
    assert gone
    assert cleaned(store, Keep(issues=30 * DAY)) == {"failures": gone}
    assert len(reader.skipped("nba")) == before - gone


def test_nothing_goes_that_is_kept_for_ever(store: Store) -> None:
    settle(store)
    assert cleaned(store, Keep()) == {}
