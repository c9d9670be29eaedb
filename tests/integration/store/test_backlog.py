"""What is pending, and what a board is rebuilt from."""

from __future__ import annotations

import random

import pytest

from stratumd.store import open_store
from tests.support import steps
from tests.support.steps import START


def observe(store, *many) -> None:
    store.observe([(seen.source, steps.poll(seen)) for seen in many])


def process(store, *many, pipeline: str = "nba", whole: bool = True) -> None:
    store.commit([steps.commit(steps.step(seen, pipeline=pipeline, signals=0, whole=whole)) for seen in many])


def series(number: int, **kwargs) -> list:
    return [steps.observation(START + n, **kwargs) for n in range(number)]


def test_pending_is_in_order_of_time_received_and_id(store):
    many = [*series(3), *series(3, path="/other")]
    random.Random(3).shuffle(many)
    observe(store, *many)
    assert store.pending("nba", ["nba"], 10) == sorted(many, key=lambda seen: (seen.received_at, seen.id))


def test_pending_is_limited_to_the_first(store):
    many = series(5)
    observe(store, *many)
    assert store.pending("nba", ["nba"], 2) == many[:2]


def test_what_was_processed_is_pending_no_more(store):
    many = series(3)
    observe(store, *many)
    process(store, many[0])
    assert store.pending("nba", ["nba"], 10) == many[1:]


def test_every_pipeline_has_its_own_backlog(store):
    many = series(2)
    observe(store, *many)
    process(store, *many, pipeline="one")
    assert store.pending("two", ["nba"], 10) == many


def test_only_the_sources_that_are_asked_for(store):
    nba, nfl = series(2), series(2, source="nfl")
    observe(store, *nba, *nfl)
    assert store.pending("nba", ["nfl"], 10) == nfl
    assert len(store.pending("nba", ["nba", "nfl"], 10)) == 4


def test_an_observation_that_arrives_late_is_pending(store):
    """Received earlier than what is long processed, as from a second machine or a backfill."""
    late, *many = series(4)
    observe(store, *many)
    process(store, *store.pending("nba", ["nba"], 10))
    assert store.pending("nba", ["nba"], 10) == []
    process(store, steps.observation(START + 99))
    observe(store, late)
    assert store.pending("nba", ["nba"], 10) == [late]


def test_a_source_that_is_added_later_is_processed_from_its_beginning(store):
    nba, nfl = series(2), series(2, source="nfl")
    observe(store, *nba, *nfl)
    process(store, *store.pending("nba", ["nba"], 10))
    store.pending("nba", ["nba"], 10)
    process(store, steps.observation(START + 99))
    assert store.pending("nba", ["nba", "nfl"], 10) == nfl


@pytest.mark.parametrize("seed", range(5))
def test_pending_is_exact_whatever_the_order(database_url, seed):
    """Observations and commits in any order, with restarts: pending is always what was stored but not processed."""
    draw = random.Random(seed)
    store = open_store(database_url)
    waiting, stored, done = series(24), [], []
    draw.shuffle(waiting)
    while len(done) < 24:
        if waiting and draw.random() < 0.5:
            stored.append(waiting.pop())
            observe(store, stored[-1])
        left = sorted((s for s in stored if s not in done), key=lambda seen: (seen.received_at, seen.id))
        limit = draw.randint(1, 5)
        assert store.pending("nba", ["nba"], limit) == left[:limit]
        if left:
            done.append(draw.choice(left[:limit]))
            process(store, done[-1])
        if draw.random() < 0.2:
            store.close()
            store = open_store(database_url)
    assert store.pending("nba", ["nba"], 10) == []
    store.close()


def test_a_board_is_rebuilt_from_the_lookback_and_the_newest_answer_before_it(store):
    odds = series(10)
    scores = [steps.observation(START + n, path="/scores") for n in (0, 2)]
    observe(store, *odds, *scores)
    process(store, *store.pending("nba", ["nba"], 99))
    rebuilt = list(store.rebuild("nba", ["nba"], 3))
    assert rebuilt == [scores[1], *odds[6:]]


def test_a_rebuild_without_lookback_has_the_newest_answer_to_each_question(store):
    odds, scores = series(3), series(2, path="/scores")
    observe(store, *odds, *scores)
    process(store, *store.pending("nba", ["nba"], 99))
    assert list(store.rebuild("nba", ["nba"], 0)) == [scores[-1], odds[-1]]


def test_a_torn_answer_does_not_stand_for_the_whole_one_before_it(store):
    """An error page or a half-read answer says not all of what is on offer: the board needs both."""
    whole, torn, last = series(3)
    observe(store, whole, torn, last)
    process(store, whole)
    process(store, torn, whole=False)
    process(store, last)
    assert list(store.rebuild("nba", ["nba"], 1)) == [whole, torn, last]


def test_a_rebuild_is_in_the_order_of_processing(store):
    """Not in the order of time: an observation that came late was applied late."""
    first, late, last = series(3)
    observe(store, first, last)
    process(store, first, last)
    observe(store, late)
    process(store, late)
    assert list(store.rebuild("nba", ["nba"], 10)) == [first, last, late]


def test_a_rebuild_leaves_out_what_is_still_pending(store):
    many = series(4)
    observe(store, *many)
    process(store, *many[:2])
    assert list(store.rebuild("nba", ["nba"], 10)) == many[:2]


def test_nothing_is_rebuilt_where_nothing_was_processed(store):
    observe(store, *series(2))
    assert list(store.rebuild("nba", ["nba"], 10)) == []
