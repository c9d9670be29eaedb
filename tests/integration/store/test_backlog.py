"""What is pending, and what a board is rebuilt from."""

from __future__ import annotations

import random

import msgspec
import pytest

from stratumd.plugin import HOUR
from stratumd.store import open_store
from tests.support import steps
from tests.support.steps import START


def observe(store, *many) -> None:
    store.observe([(seen.source, steps.poll(seen)) for seen in many])


def process(store, *many, pipeline: str = "nba", whole: bool = True) -> None:
    store.commit([steps.commit(steps.step(seen, pipeline=pipeline, signals=0, whole=whole)) for seen in many])


def rebuilt(store, pipeline: str, sources: list[str], lookback: int) -> list:
    return [seen for seen, _ in store.rebuild(pipeline, sources, lookback)]


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
    observe(store, *odds)
    process(store, *odds)
    assert rebuilt(store, "nba", ["nba"], 3) == odds[6:]


def test_where_several_questions_are_asked_all_answers_since_the_oldest_count(store):
    """A book may have gone over from one question to another in between."""
    odds, scores = series(10), [steps.observation(START + n, path="/scores") for n in (0, 2)]
    observe(store, *odds, *scores)
    taken = store.pending("nba", ["nba"], 99)
    process(store, *taken)
    assert rebuilt(store, "nba", ["nba"], 3) == [seen for seen in taken if seen.received_at >= scores[1].received_at]


def test_a_question_long_unanswered_gives_its_newest_answer_alone(store):
    old, new = steps.observation(START, path="/old"), [steps.observation(START + 3 * HOUR + n) for n in range(4)]
    observe(store, old, *new)
    process(store, old, *new)
    assert rebuilt(store, "nba", ["nba"], 1) == [old, *new[2:]]


def test_a_torn_answer_does_not_stand_for_the_whole_one_before_it(store):
    """An error page or a half-read answer says not all of what is on offer: the board needs both."""
    whole, torn, last = series(3)
    observe(store, whole, torn, last)
    process(store, whole)
    process(store, torn, whole=False)
    process(store, last)
    assert rebuilt(store, "nba", ["nba"], 1) == [whole, torn, last]


def test_a_rebuild_is_in_the_order_of_processing(store):
    """Not in the order of time: an observation that came late was applied late, and counts as received then."""
    first, late, last = series(3)
    observe(store, first, last)
    process(store, first, last)
    observe(store, late)
    store.commit([steps.commit(msgspec.structs.replace(steps.step(late, signals=0), at=last.received_at))])
    taken = [(seen, at - START) for seen, at in store.rebuild("nba", ["nba"], 10)]
    assert taken == [(first, 0), (last, 2), (late, 2)]


def test_a_rebuild_leaves_out_what_is_still_pending(store):
    many = series(4)
    observe(store, *many)
    process(store, *many[:2])
    assert rebuilt(store, "nba", ["nba"], 10) == many[:2]


def test_nothing_is_rebuilt_where_nothing_was_processed(store):
    observe(store, *series(2))
    assert rebuilt(store, "nba", ["nba"], 10) == []
