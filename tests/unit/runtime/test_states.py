"""What `/status` shows of every component."""

from __future__ import annotations

import pytest

from stratumd.runtime.states import ComponentState, State, States
from tests.unit.runtime.delivery_fakes import START, StillClock


def test_a_state_lasts_since_it_began() -> None:
    """A new reason or attempt does not make it younger."""
    states = States((clock := StillClock()).now)
    states.put("sink", "chat", State.RECOVERABLE_ERROR, "down", 1)
    clock.advance(5)
    states.put("sink", "chat", State.RECOVERABLE_ERROR, "still down", 2)
    found = states.get("sink", "chat")
    assert found == ComponentState("chat", "sink", State.RECOVERABLE_ERROR, "still down", START, 2)


def test_says_when_a_component_comes_into_another_state() -> None:
    heard: list[State] = []
    states = States(StillClock().now, lambda changed: heard.append(changed.state))
    for state in (State.STARTING, State.OK, State.OK, State.STOPPED):
        states.put("sink", "chat", state)
    assert heard == [State.STARTING, State.OK, State.STOPPED]


def test_components_of_two_kinds_may_share_a_name() -> None:
    states = States(StillClock().now)
    states.put("source", "nba", State.OK)
    states.put("pipeline", "nba", State.STARTING)
    assert [(each.kind, each.state) for each in states] == [("pipeline", State.STARTING), ("source", State.OK)]


@pytest.mark.parametrize(
    ("others", "worst"),
    [((), None), ((State.OK, State.STARTING), State.STARTING), ((State.FATAL_ERROR, State.OK), State.FATAL_ERROR)],
)
def test_the_worst_state_is_the_most_alarming(others: tuple[State, ...], worst: State | None) -> None:
    states = States(StillClock().now)
    for number, state in enumerate(others):
        states.put("sink", str(number), state)
    found = states.worst()
    assert (found and found.state) == worst
