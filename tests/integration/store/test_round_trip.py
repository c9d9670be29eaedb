"""What goes in comes out, the same from both engines."""

from __future__ import annotations

import secrets

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratumd.errors import TransientError
from stratumd.plugin import Contributor, Poll, Request, Signal
from stratumd.store import Commit, Reader, Store
from tests.support import steps


def test_an_observation_comes_back_equal(store):
    seen = steps.observation(body=bytes(range(256)) * 400)
    store.observe([("nba", steps.poll(seen))])
    assert store.pending("nba", ["nba"], 10) == [seen]


def test_a_signal_comes_back_byte_for_byte(store, reader):
    step = steps.step(steps.observation(), signals=3)
    steps.keep(store, step)
    assert [s.to_json() for s in reader.signals()] == sorted(s.to_json() for s in step.signals)


def test_a_point_comes_back_equal_with_its_contributors(store, reader):
    contributors = tuple(
        Contributor(f"op{n}", f"bück{n}", 1 / (n + 1), (n / 3, -0.5), None if n % 2 else -n / 7, (f"bück{n}",))
        for n in range(40)
    )
    step = steps.step(steps.observation())
    ((event, point),) = step.records
    point = msgspec.structs.replace(point, contributors=contributors)
    steps.keep(store, msgspec.structs.replace(step, records=((event, point),)))
    (row,) = reader.consensus(event)
    assert (row.point, row.point.contributors) == (point, contributors)
    assert [(name, each.contributors) for name, each in store.records("nba")] == [(event, contributors)]


@pytest.mark.parametrize("grouped", [True, False])
def test_of_two_answers_of_one_instant_the_one_taken_last_counts(store, reader, grouped):
    """Whether or not they are stored together, and with newer ones before and behind them."""
    before, one, other, behind = (
        steps.step(steps.observation(at, path=path), price=price)
        for at, path, price in [
            (steps.START - 1, "/0", 1.5),
            (steps.START, "/1", 1.91),
            (steps.START, "/2", 2.22),
            (steps.START + 1, "/3", 3.0),
        ]
    )
    for group in ([before], [one, other], [behind]) if grouped else ([before], [one], [other], [behind]):
        steps.keep(store, *group)
    (event,) = {change.event for change in one.changes}
    moves = reader.movement(event, market="spreads", outcome="home")
    assert [(row.observed_at, row.price) for row in moves] == [
        (steps.START - 1, 1.5),
        (steps.START, 2.22),
        (steps.START + 1, 3.0),
    ]


def test_states_come_back(store):
    step = steps.step(steps.observation())
    steps.keep(store, step)
    assert sorted(store.states("nba"), key=lambda s: s.component) == list(step.states)


def test_a_state_that_was_forgotten_does_not_come_back(store):
    step = steps.step(steps.observation())
    forgotten = tuple(msgspec.structs.replace(state, body=None) for state in step.states[:1])
    later = msgspec.structs.replace(steps.step(steps.observation(steps.START + 1)), states=forgotten)
    steps.keep(store, step, later)
    assert [state.component for state in store.states("nba")] == ["steam"]


def test_records_come_back_equal_the_newest_of_each_market(store):
    steps.keep(store, steps.step(steps.observation()), steps.step(steps.observation(steps.START + 1)))
    (point,) = steps.step(steps.observation()).records
    assert store.records("nba") == [point]


def test_a_poll_without_an_answer_is_logged(store, reader):
    error = TransientError("no answer\0 in 25 s", code="timeout")
    store.observe([("nba", Poll(Request("/odds"), steps.START, 25_000_000, None, error))])
    (poll,) = reader.polls()
    assert (poll.error, poll.code, poll.detail) == ("TransientError", "timeout", "no answer\ufffd in 25 s")
    assert poll.observation is None


def test_a_poll_knows_what_came_of_it(store, reader):
    steps.keep(store, steps.step(steps.observation()))
    (poll,) = reader.polls(source="nba")
    assert (poll.events, poll.quotes, poll.credits_remaining, poll.status) == (1, 3, 99, 200)
    assert poll.params == steps.observation().request.params


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | NUMBERS
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SIGNALS = st.builds(
    Signal,
    id=st.just(""),
    type=TEXT,
    pipeline=TEXT,
    detector=TEXT,
    detector_version=TEXT,
    sport=TEXT,
    event=TEXT,
    home=TEXT,
    away=TEXT,
    commence_at=st.integers(0, 2**52),
    market=TEXT,
    player=st.none() | TEXT,
    outcome=TEXT,
    direction=TEXT,
    operator=st.none() | TEXT,
    books=st.lists(TEXT, max_size=3).map(tuple),
    magnitude=NUMBERS,
    threshold=NUMBERS,
    strength=st.integers(1, 100),
    observed_at=st.integers(0, 2**52),
    expires_at=st.none() | st.integers(0, 2**52),
    observation=TEXT,
    metadata=st.dictionaries(TEXT, JSON, max_size=3),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signals=st.lists(SIGNALS, min_size=1, max_size=4))
def test_any_signal_comes_back_byte_for_byte(store: Store, reader: Reader, signals):
    """Whatever is in its texts, also what an array literal or a JSON text would take for its own signs."""
    # The database lives through all examples: each brings signals and an observation of its own.
    signals = tuple(msgspec.structs.replace(signal, id=secrets.token_hex(16)) for signal in signals)
    seen = steps.observation(body=signals[0].id.encode())
    store.commit([Commit(msgspec.structs.replace(steps.step(seen, signals=0), signals=signals))])
    wanted = {signal.id: signal.to_json() for signal in signals}
    assert {s.id: s.to_json() for s in reader.signals() if s.id in wanted} == wanted
