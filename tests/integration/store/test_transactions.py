"""Two transactions: each whole or not at all, repeatable, and nothing lost between them."""

from __future__ import annotations

import threading

import msgspec
import pytest
from psycopg import errors as postgres
from sqlalchemy import func, select

from stratumd.runtime.poison import is_passing
from stratumd.store import StoreBusy, StoreError, StoreRefused, open_store
from stratumd.store.tables import metadata
from stratumd.store.writes import Delete, bulk_of
from tests.support import steps
from tests.support.steps import START

STATEMENTS = 17  # that `second` below takes: one for each table it concerns


def counted(store) -> dict[str, int]:
    """Return the number of rows of every table that has any."""
    with store._readers.connect() as connection:
        counts = {
            name: connection.scalar(select(func.count()).select_from(table)) for name, table in metadata.tables.items()
        }
    return {name: number for name, number in counts.items() if number}


class Breaking:
    """A bulk writer that fails at the `last`-th statement."""

    def __init__(self, bulk, last: int) -> None:
        self._bulk, self._left = bulk, last

    def __call__(self, statement, rows) -> None:
        self._left -= 1
        if self._left < 0:
            raise OSError(5, "Input/output error")
        self._bulk(statement, rows)

    def together(self):
        return self._bulk.together()


@pytest.mark.parametrize("value", [object(), 2**63, {}])
def test_what_cannot_be_stored_is_no_fault_of_the_surroundings(store, value):
    """Whatever is raised, it says that trying again would end the same; and nothing of it stays."""
    seen = steps.observation()
    signal = msgspec.structs.replace(steps.signal(seen), strength=value)
    with pytest.raises((StoreRefused, TypeError, OverflowError)) as caught:
        steps.keep(store, msgspec.structs.replace(steps.step(seen), signals=(signal,)))
    assert not is_passing(caught.value)
    assert "signals" not in counted(store)
    steps.keep(store, steps.step(seen))
    assert counted(store)["signals"] == 1


def break_at(store, monkeypatch, last: int) -> None:
    monkeypatch.setattr("stratumd.store.store.bulk_of", lambda connection: Breaking(bulk_of(connection), last))


def test_a_step_fills_every_table_that_it_concerns(store):
    steps.keep(store, steps.step(steps.observation()))
    empty = {"records", "cursors", "disabled_sinks", "builds", "breakers", "schedules", "instants", "leases"}
    empty |= {"audit", "notices", "notice_sinks", "alerts", "cycles", "roots", "pauses"}
    assert set(counted(store)) == set(metadata.tables) - empty


def test_a_failure_at_any_statement_of_a_commit_leaves_nothing(store, monkeypatch):
    first, second = (steps.step(steps.observation(START + n), event_number=n) for n in (0, 1))
    steps.keep(store, first)
    store.observe([("nba", steps.poll(second.observation))])
    before = counted(store)
    for last in range(STATEMENTS):
        break_at(store, monkeypatch, last)
        with pytest.raises(StoreError, match="Input/output"):
            store.commit([steps.commit(second)])
        monkeypatch.undo()
        assert counted(store) == before, f"after a failure at statement {last}"
    assert store.pending("nba", ["nba"], 10) == [second.observation]


def test_after_a_failure_the_same_commit_succeeds(store, reader, monkeypatch):
    step = steps.step(steps.observation())
    store.observe([("nba", steps.poll(step.observation))])
    break_at(store, monkeypatch, 8)
    with pytest.raises(StoreError):
        store.commit([steps.commit(step)])
    monkeypatch.undo()
    store.commit([steps.commit(step)])
    assert [s.id for s in reader.signals()] == [s.id for s in step.signals]
    assert len(reader.odds(steps.event().id)) == len(step.changes)


@pytest.mark.parametrize("last", [0, 1])
def test_a_failure_while_observing_leaves_nothing(store, monkeypatch, last):
    before = counted(store)
    break_at(store, monkeypatch, last)
    with pytest.raises(StoreError):
        store.observe([("nba", steps.poll(steps.observation()))])
    monkeypatch.undo()
    assert counted(store) == before


def test_both_transactions_may_be_repeated(store):
    step = steps.step(steps.observation(), signals=2)
    steps.keep(store, step)
    before = counted(store)
    steps.keep(store, step)
    steps.keep(store, step, step)
    assert counted(store) == before


def test_a_repeated_commit_does_not_undo_a_later_one(store):
    """As after a commit whose outcome was unknown: the repetition finds it done and leaves it."""
    first = steps.step(steps.observation(), price=1.5)
    later = steps.step(steps.observation(START + 1), price=2.5)
    steps.keep(store, first, later)
    steps.keep(store, first)
    with store._readers.connect() as connection:
        prices = connection.scalars(select(metadata.tables["latest"].c.price)).all()
    assert 1.5 not in prices


def test_a_group_keeps_the_last_of_each_key(store, reader):
    many = [steps.step(steps.observation(START + n), price=1.5 + n / 10, signals=0) for n in range(5)]
    steps.keep(store, *many)
    quotes = {q.outcome: q.price for q in reader.odds(steps.event().id, market="spreads")}
    assert quotes == {"home": 1.9, "away": 2.0}
    assert len(reader.movement(steps.event().id, market="spreads", outcome="home")) == 5


def test_a_group_may_hold_steps_of_several_pipelines(store, reader):
    seen = steps.observation()
    steps.keep(store, steps.step(seen, pipeline="a", price=1.5), steps.step(seen, pipeline="b", price=1.7))
    for pipeline, price in (("a", 1.5), ("b", 1.7)):
        quotes = reader.odds(steps.event().id, pipeline=pipeline)
        assert min(q.price for q in quotes) == price


def test_state_deletes_and_writes_in_one_group_follow_their_order(store):
    """Forgotten and remembered again within one group counts as remembered, and the other way round as forgotten."""
    first = steps.step(steps.observation(), signals=0)
    gone = tuple(msgspec.structs.replace(state, body=None) for state in first.states)
    forget = msgspec.structs.replace(steps.step(steps.observation(START + 1), signals=0), states=gone)
    again = steps.step(steps.observation(START + 2), signals=0)
    steps.keep(store, first, forget, again)
    assert len(store.states("nba")) == 2
    steps.keep(store, steps.step(steps.observation(START + 3), signals=0), _at(forget, START + 4))
    assert store.states("nba") == []


def _at(step, at):
    return msgspec.structs.replace(step, observation=steps.observation(at))


def test_everything_is_there_after_a_restart(database_url):
    store = open_store(database_url)
    step = steps.step(steps.observation())
    steps.keep(store, step)
    before, states = counted(store), store.states("nba")
    store.close()
    store = open_store(database_url)
    assert (counted(store), store.states("nba")) == (before, states)
    steps.keep(store, steps.step(steps.observation(START + 1)))
    assert counted(store)["series"] == before["series"]
    store.close()


def test_deletes_are_by_the_whole_key():
    assert Delete(metadata.tables["states"]).sqlite.endswith("pipeline = ? AND component = ? AND event = ?")


@pytest.mark.parametrize("error", [postgres.DeadlockDetected, postgres.SerializationFailure])
def test_a_transaction_that_the_server_wants_repeated_is_repeated(store, reader, monkeypatch, error):
    """Wholly: what the first try wrote is written again."""
    left = [error("again")] * 3

    def bulk(connection):
        if left:
            raise left.pop()
        return bulk_of(connection)

    monkeypatch.setattr("stratumd.store.store.bulk_of", bulk)
    steps.keep(store, steps.step(steps.observation()))
    assert left == []
    assert len(reader.signals()) == 1


def test_repeating_ends(store, monkeypatch):
    def bulk(connection):
        raise postgres.DeadlockDetected("again")

    monkeypatch.setattr("stratumd.store.store.bulk_of", bulk)
    with pytest.raises(StoreBusy, match="again"):
        steps.keep(store, steps.step(steps.observation()))


def test_two_processes_that_commit_the_same_steps_write_them_once(postgres_server, postgres_template):
    name = postgres_server.create(template=postgres_template)
    stores = [open_store(postgres_server.url(name)) for _ in range(2)]
    many = [steps.step(steps.observation(START + n), event_number=n % 4) for n in range(30)]
    together = threading.Barrier(len(stores))

    def work(store, order) -> None:
        together.wait()
        for step in order:
            steps.keep(store, step)

    orders = (many, many[10:] + many[:10])
    threads = [threading.Thread(target=work, args=pair) for pair in zip(stores, orders, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = counted(stores[0])
    assert [rows[table] for table in ("observations", "processed", "signals", "deliveries")] == [30] * 4
    assert stores[0].pending("nba", ["nba"], 99) == []
    for store in stores:
        store.close()
    postgres_server.drop(name)
