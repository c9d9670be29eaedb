"""What several daemons share out: instants that one of them takes, leases on pipelines, and commits that need one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from stratumd.plugin import DAY, MINUTE, SECOND
from stratumd.store import LeaseLost, Store, open_store
from tests.support import postgres, steps

AT = 1_767_268_800_000_000


@pytest.fixture
def opened(postgres_server: postgres.Server, postgres_template: str) -> Iterator[Callable[..., Store]]:
    """Opens stores of as many daemons on one PostgreSQL."""
    name = postgres_server.create(template=postgres_template)
    stores: list[Store] = []

    def another(lease: int = 10 * SECOND) -> Store:
        stores.append(open_store(postgres_server.url(name), lease=lease))
        return stores[-1]

    yield another
    for store in stores:
        store.close()
    postgres_server.drop(name)


def lose(store: Store) -> None:
    """Let every lease run out, as if its holder had been frozen."""
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE leases SET until = 1")


# ---- instants


def test_an_instant_is_taken_once_and_stays_with_who_took_it(store):
    assert store.sharing.newest("nba").instant is None
    first = store.sharing.take("nba", AT, 0)
    assert first[:4] == (True, AT, AT, None)
    assert store.sharing.take("nba", AT, 0).mine, "its answer may have been lost"
    store.sharing.owner = "another daemon"
    assert not store.sharing.take("nba", AT, 0).mine
    assert store.sharing.newest("nba").instant == AT


def test_the_instant_before_says_what_was_missed(store):
    store.sharing.take("nba", AT, 0)
    assert store.sharing.take("nba", AT + 3 * MINUTE, 0).before == AT


def test_schedules_do_not_meet(store):
    store.sharing.take("nba", AT, 0)
    assert store.sharing.take("nfl", AT, 0).mine


def test_with_a_gap_two_beginnings_of_one_interval_are_one(store):
    store.sharing.take("nba", AT, MINUTE // 2)
    store.sharing.owner = "another daemon"
    late = store.sharing.take("nba", AT + SECOND, MINUTE // 2)
    assert (late.mine, late.at) == (False, AT)
    assert not store.sharing.take("nba", AT - SECOND, MINUTE // 2).mine
    assert store.sharing.take("nba", AT + MINUTE, MINUTE // 2).mine


@pytest.mark.parametrize("gap", [0, MINUTE // 2])
def test_an_older_instant_may_still_be_free(store, gap):
    """Where another daemon jumped ahead, or the clock was put back."""
    store.sharing.take("nba", AT + DAY, gap)
    assert store.sharing.take("nba", AT, gap)[:4] == (True, AT, AT + DAY, None)
    assert store.sharing.newest("nba").instant == AT + DAY


def test_old_instants_are_forgotten(store):
    store.sharing.take("nba", AT, 0)
    store.sharing.take("nba", AT + 8 * DAY, 0)
    with store._readers.connect() as connection:
        assert connection.exec_driver_sql("SELECT instant FROM instants").all() == [(AT + 8 * DAY,)]


@pytest.mark.parametrize("gap", [0, SECOND // 2])
def test_of_four_daemons_one_takes_each_instant(opened, gap):
    stores, together = [opened() for _ in range(4)], threading.Barrier(4)
    won: list[int] = []

    def run(store: Store) -> None:
        for number in range(50):
            together.wait()
            if store.sharing.take("nba", AT + number * SECOND, gap).mine:
                won.append(number)

    threads = [threading.Thread(target=run, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(50))


# ---- leases


def test_a_single_daemon_holds_everything_without_asking(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/one.db")
    assert store.sharing.hold("main").owner == store.sharing.owner
    assert (store.sharing.shared, store.sharing.holders()) == (False, [])
    steps.keep(store, steps.step(steps.observation(), pipeline="main"))
    store.close()


def test_a_lease_is_one_daemons(opened):
    first, second = opened(), opened()
    held = first.sharing.hold("main")
    assert (held.owner, held.epoch) == (first.sharing.owner, 1)
    assert second.sharing.hold("main").owner == first.sharing.owner
    assert second.sharing.hold("other").owner == second.sharing.owner


def test_a_lease_that_ran_out_is_taken_over_with_a_new_epoch(opened):
    first, second = opened(), opened()
    first.sharing.hold("main")
    lose(first)
    taken = second.sharing.hold("main")
    assert (taken.owner, taken.epoch) == (second.sharing.owner, 2)
    assert 9 * SECOND < taken.left <= 10 * SECOND


def test_a_lease_that_is_let_go_is_free_at_once(opened):
    first, second = opened(), opened()
    first.sharing.hold("main")
    first.sharing.let_go("main")
    first.sharing.beat()
    assert second.sharing.hold("main").owner == second.sharing.owner


def test_a_beat_renews_leases_and_claims_of_its_own_daemon_only(opened):
    first, second = opened(), opened()
    first.sharing.hold("a")
    second.sharing.hold("b")
    steps.keep(first, steps.step(steps.observation(), signals=1), sinks=("log",))
    assert len(first.claim("log", 1, steps.START + MINUTE)) == 1
    lose(first)
    with first._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET lease_until = 1")
    first.sharing.beat()
    assert {each.pipeline: each.left > 0 for each in first.sharing.holders()} == {"a": True, "b": False}
    assert second.claim("log", 1, steps.START + MINUTE) == []


def test_a_commit_renews_its_lease(opened):
    first = opened()
    first.sharing.hold("main")
    lose(first)
    steps.keep(first, steps.step(steps.observation(), pipeline="main"))
    assert first.sharing.holders()[0].left > 0


def test_a_daemon_that_lost_its_lease_commits_nothing_more(opened):
    first, second = opened(), opened()
    first.sharing.hold("main")
    lose(first)
    second.sharing.hold("main")
    with pytest.raises(LeaseLost, match="another daemon works the pipeline 'main'"):
        steps.keep(first, steps.step(steps.observation(), pipeline="main", signals=1))
    with second._readers.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM processed").all() == []
    steps.keep(second, steps.step(steps.observation(), pipeline="main", signals=1))


def test_a_daemon_commits_nothing_of_what_it_let_go(opened):
    first = opened()
    first.sharing.hold("main")
    first.sharing.let_go("main")
    with pytest.raises(LeaseLost):
        steps.keep(first, steps.step(steps.observation(), pipeline="main"))


def test_nobody_takes_over_while_a_commit_is_under_way(opened):
    """The row is locked by the commit: whoever looks at it meanwhile goes away at once, and empty-handed."""
    first, second = opened(), opened()
    first.sharing.hold("main")
    lose(first)
    with first._engine.begin() as connection:
        first.sharing.require(connection, ["main"])
        assert second.sharing.hold("main").owner == first.sharing.owner


# ---- claims


def test_claims_of_a_dead_daemon_are_free_after_a_lease_and_not_at_anothers_start(opened):
    first = opened(lease=5 * SECOND)
    steps.keep(first, steps.step(steps.observation(), signals=1), sinks=("log",))
    (lost,) = first.claim("log", 1, steps.START + MINUTE)
    second = opened()
    assert second.release() == 0
    assert second.claim("log", 1, steps.START + MINUTE) == []
    with second._readers.connect() as connection:
        left = "SELECT lease_until - extract(epoch from clock_timestamp()) * 1000000 FROM deliveries"
        assert 0 < connection.exec_driver_sql(left).scalar_one() <= first.sharing.claim
    with second._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET lease_until = 1")
    (again,) = second.claim("log", 1, steps.START + MINUTE)
    assert again.id == lost.id


def test_who_does_not_know_what_became_of_a_commit_waits_for_its_end(opened):
    """Otherwise the pipeline would be rebuilt from what was there before it."""
    store, connection_lost = opened(), opened()
    before = store.sharing.hold("nba")
    held = []
    again = threading.Thread(target=lambda: held.append(store.sharing.hold("nba")))
    with connection_lost._engine.begin() as still_committing:
        still_committing.exec_driver_sql("UPDATE leases SET until = until")  # as every commit of a pipeline does
        again.start()
        again.join(0.3)
        assert held == []
    again.join(30)
    assert (held[0].owner, held[0].epoch) == (store.sharing.owner, before.epoch + 1)
