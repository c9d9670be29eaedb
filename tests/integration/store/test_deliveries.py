"""The queue: order per event, leases, retries, dead letters, and several writers at once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from stratumd.plugin import MINUTE, SECOND
from stratumd.store import open_store
from stratumd.store.tables import deliveries
from tests.support import steps
from tests.support.steps import START

NOW = START + MINUTE


def keep(store, *, events: int = 1, signals: int = 2, at: int = START, sinks=("log",)) -> None:
    """Keep `signals` of each of `events`, one signal an observation."""
    many = [
        steps.step(steps.observation(at + number), event_number=event, signals=1)
        for number in range(signals)
        for event in range(events)
    ]
    # An observation may concern one event only here, so each event gets paths of its own.
    steps.keep(store, *(_elsewhere(step, n) for n, step in enumerate(many)), sinks=sinks)


def _elsewhere(step, number):
    seen = steps.observation(step.observation.received_at, path=f"/{number}")
    event_number = int(step.events[0].id.removeprefix("event"))
    return steps.step(seen, event_number=event_number, signals=1)


def state(store, sink: str = "log") -> dict[str, int]:
    return {state: waiting.number for (name, state), waiting in store.delivery_counts().items() if name == sink}


def test_the_oldest_of_each_event_is_claimed_first(store):
    keep(store, events=2, signals=2)
    claimed = store.claim("log", 10, NOW)
    assert [(d.signal.observed_at, d.attempt) for d in claimed] == [(START, 1), (START, 1)]
    assert len({d.signal.event for d in claimed}) == 2
    assert store.claim("log", 10, NOW) == []


def test_the_next_of_an_event_comes_when_the_oldest_has_arrived(store):
    keep(store)
    (first,) = store.claim("log", 10, NOW)
    store.delivered([first.id], NOW, "receipt")
    (second,) = store.claim("log", 10, NOW)
    assert second.signal.observed_at == START + 1
    store.delivered([second.id], NOW)
    assert state(store) == {"delivered": 2}


def test_a_receipt_is_kept_as_text_that_both_engines_take(store):
    keep(store)
    (first,) = store.claim("log", 10, NOW)
    store.delivered([first.id], NOW, "m\0\ud800")
    with store._readers.connect() as connection:
        query = select(deliveries.c.receipt).where(deliveries.c.id == first.id)
        assert connection.scalars(query).all() == ["m\ufffd\ufffd"]


def test_a_claim_gives_the_signal_byte_for_byte(store):
    step = steps.step(steps.observation())
    steps.keep(store, step)
    assert store.claim("log", 1, NOW)[0].signal.to_json() == step.signals[0].to_json()


def test_a_failed_delivery_comes_again_when_it_is_due_and_holds_back_its_event(store):
    keep(store)
    (first,) = store.claim("log", 10, NOW)
    store.failed(first.id, NOW, "503\0", NOW + 5 * SECOND)
    assert store.claim("log", 10, NOW + 4 * SECOND) == []
    (again,) = store.claim("log", 10, NOW + 5 * SECOND)
    assert (again.id, again.attempt) == (first.id, 2)


def test_a_dead_letter_holds_back_nobody(store):
    keep(store)
    (first,) = store.claim("log", 10, NOW)
    store.failed(first.id, NOW, "404", None)
    assert store.claim("log", 10, NOW)[0].signal.observed_at == START + 1
    assert state(store) == {"dead": 1, "in_flight": 1}


def test_sinks_do_not_wait_for_each_other(store):
    keep(store, sinks=("log", "discord"))
    store.claim("log", 1, NOW)
    assert len(store.claim("discord", 1, NOW)) == 1


def test_a_claim_takes_no_more_than_was_asked_for(store):
    keep(store, events=3, signals=1)
    assert len(store.claim("log", 2, NOW)) == 2
    assert len(store.claim("log", 2, NOW)) == 1


def test_what_is_past_its_time_expires_and_is_counted(store):
    keep(store, signals=1)
    (delivery,) = store.claim("log", 1, NOW)
    store.failed(delivery.id, NOW, "503", NOW)
    expires_at = delivery.signal.expires_at
    assert store.expire("log", expires_at - 1) == 0
    assert store.expire("log", expires_at) == 1
    assert state(store) == {"expired": 1}
    assert store.claim("log", 1, expires_at) == []


def test_what_is_in_flight_does_not_expire(store):
    keep(store, signals=1)
    store.claim("log", 1, NOW)
    assert store.expire("log", NOW + 1_000 * MINUTE) == 0


def test_the_oldest_that_waits_is_known(store):
    keep(store, signals=3)
    assert store.delivery_counts()["log", "pending"] == (3, START)


def test_what_was_in_flight_in_a_dead_process_is_sent_again_with_the_same_id(database_url):
    store = open_store(database_url)
    keep(store, signals=1)
    (lost,) = store.claim("log", 1, NOW)
    store.close()
    store = open_store(database_url)
    assert store.release() == (0 if store.sharing.shared else 1)
    if store.sharing.shared:  # it may be another daemon's, until its lease has run out
        assert store.claim("log", 1, NOW) == []
        with store._engine.begin() as connection:
            connection.exec_driver_sql("UPDATE deliveries SET lease_until = 0")
    (again,) = store.claim("log", 1, NOW)
    assert (again.id, again.attempt) == (lost.id, 2)
    store.close()


def test_an_owner_that_lost_its_lease_settles_nothing(store):
    """Its delivery belongs to whoever took it over: a late word of the old owner must not end it."""
    keep(store, signals=1)
    (delivery,) = store.claim("log", 1, NOW)
    owner, store._owner = store._owner, store._owner._replace(token="other")
    store.delivered([delivery.id], NOW)
    store.failed(delivery.id, NOW, "late", None)
    assert state(store) == {"in_flight": 1}
    store._owner = owner
    store.delivered([delivery.id], NOW)
    assert state(store) == {"delivered": 1}


@pytest.fixture
def postgres_url(postgres_server, postgres_template):
    name = postgres_server.create(template=postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop(name)


def test_a_delivery_of_a_living_process_is_not_released(postgres_url):
    first, second = open_store(postgres_url), open_store(postgres_url)
    keep(first, signals=1)
    first.claim("log", 1, NOW)
    second._owner = second._owner._replace(host="elsewhere")
    assert second.release() == 0
    assert second.claim("log", 1, NOW) == []
    first.close()
    second.close()


def test_an_expired_lease_may_be_taken_over(postgres_url, postgres_server):
    first, second = open_store(postgres_url), open_store(postgres_url)
    keep(first, signals=1)
    (lost,) = first.claim("log", 1, NOW)
    with first._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET lease_until = 0")
    (again,) = second.claim("log", 1, NOW)
    assert (again.id, again.attempt) == (lost.id, 2)
    first.delivered([lost.id], NOW)
    assert state(first) == {"in_flight": 1}
    first.close()
    second.close()


def test_two_writers_deliver_everything_once_and_each_event_in_order(postgres_url):
    stores = [open_store(postgres_url) for _ in range(2)]
    keep(stores[0], events=8, signals=12)
    order: list[tuple[str, int]] = []
    together = threading.Barrier(len(stores))

    def work(store) -> None:
        together.wait()
        while state(store).keys() - {"delivered"}:
            claimed = store.claim("log", 3, NOW)
            order.extend((d.signal.event, d.signal.observed_at) for d in claimed)
            store.delivered([d.id for d in claimed], NOW)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(order) == len(set(order)) == 96
    for event in {event for event, _ in order}:
        times = [at for name, at in order if name == event]
        assert times == sorted(times)
    for store in stores:
        store.close()
