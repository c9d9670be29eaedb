"""The feed: every signal once, in the order of the commits, whoever commits at the same time."""

from __future__ import annotations

import threading

from stratumd.plugin import DAY, MINUTE
from stratumd.store import Keep, Reader, Store, open_store
from tests.support.steps import START, keep, observation, step


def settle(store: Store) -> None:
    """Deliver everything: what waits to be delivered is not forgotten."""
    while claimed := store.claim("log", 100, START + 60 * DAY):
        store.delivered([each.id for each in claimed], START + 60 * DAY)


def test_signals_get_their_numbers_when_they_are_committed(store: Store, reader: Reader) -> None:
    assert reader.ends() == (1, 0)
    keep(store, step(observation(START + MINUTE), signals=2))
    keep(store, step(observation(START), signals=1), step(observation(START + 2 * MINUTE), signals=0))
    found = reader.feed(0, 10)
    assert [each.sequence for each in found] == [1, 2, 3]
    assert [each.signal.observed_at for each in found] == [START + MINUTE, START + MINUTE, START]
    assert reader.feed(2, 10) == found[2:]
    assert reader.feed(0, 1) == found[:1]
    assert reader.ends() == (1, 3)


def test_who_reads_on_misses_none_however_many_commit_at_once(store: Store, reader: Reader, database_url: str) -> None:
    others = [open_store(database_url) for _ in range(3)] if database_url.startswith("postgresql") else [store]

    def commit(writer: Store, pipeline: str) -> None:
        for number in range(8):
            keep(writer, step(observation(START + number * MINUTE, source=pipeline), pipeline=pipeline, signals=2))

    threads = [threading.Thread(target=commit, args=(writer, f"p{n}")) for n, writer in enumerate(others)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    while any(thread.is_alive() for thread in threads) or reader.ends()[1] > len(seen):
        seen += [each.sequence for each in reader.feed(seen[-1] if seen else 0, 5)]
    for thread in threads:
        thread.join()
    assert seen == [*range(1, 16 * len(others) + 1)]
    for writer in others:
        if writer is not store:
            writer.close()


def test_what_is_forgotten_leaves_the_feed_and_its_numbers_are_not_given_again(store: Store, reader: Reader) -> None:
    keep(store, step(observation(START), signals=2))
    keep(store, step(observation(START + 20 * DAY), signals=1))
    settle(store)
    list(store.clean(Keep(signals=10 * DAY), START + 21 * DAY))
    assert [each.sequence for each in reader.feed(0, 10)] == [3]
    assert reader.ends() == (3, 3)
    settle(store)
    list(store.clean(Keep(signals=10 * DAY), START + 60 * DAY))
    assert reader.ends() == (4, 3)


def test_a_step_says_what_it_changed(store: Store, reader: Reader) -> None:
    keep(store, step(observation(START), price=1.9), step(observation(START + MINUTE), price=2.0, event_number=1))
    keep(store, step(observation(START + 2 * MINUTE), price=2.1))
    first, second, third = reader.changed("nba", 0, 10)
    assert [first.position, second.position, third.position] == [1, 2, 3]
    assert set(second.events) == {f"event{1:027d}"}
    moved = [point for point in reader.movement(f"event{0:027d}") if point.observed_at == START + 2 * MINUTE]
    assert sorted(map(repr, third.points)) == sorted(map(repr, moved))
    assert reader.changed("nba", 2, 10) == [third]
    assert reader.changed("nba", 0, 1) == [first]
    assert (reader.steps("nba"), reader.steps("other")) == (3, 0)
