"""All webhooks of a process stay far below what gets an address banned, and stop together where Discord says so."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd_discord.answers import Answer, closed_for, is_shared
from stratumd_discord.budget import MOST, WINDOW, Budget


class Clock:
    def __init__(self) -> None:
        self.time = 5_000.0

    def __call__(self) -> float:
        return self.time


@pytest.mark.parametrize("status", [401, 403, 429])
def test_after_a_hundred_invalid_answers_nothing_is_sent_until_the_oldest_is_old(status: int) -> None:
    clock = Clock()
    budget = Budget(clock)
    for _ in range(MOST):
        assert budget.wait() == 0
        budget.count(status, shared=False)
        clock.time += 1
    assert budget.wait() == WINDOW - MOST
    clock.time += budget.wait()
    assert budget.wait() == 0


@pytest.mark.parametrize(("status", "shared"), [(200, False), (400, False), (404, False), (500, False), (429, True)])
def test_other_answers_cost_nothing(status: int, shared: bool) -> None:
    budget = Budget(Clock())
    for _ in range(10 * MOST):
        budget.count(status, shared=shared)
    assert budget.wait() == 0


def test_a_global_limit_stops_everything_for_as_long_as_it_says() -> None:
    clock = Clock()
    budget = Budget(clock)
    budget.close(64.57)
    budget.close(1.0)
    assert budget.wait() == pytest.approx(64.57)
    clock.time += 65
    assert budget.wait() == 0


@given(st.lists(st.floats(0, 30), min_size=1, max_size=400))
def test_no_ten_minutes_see_more_invalid_answers_than_allowed(gaps: list[float]) -> None:
    """Whatever is answered, if each request waits as it is told."""
    clock = Clock()
    budget, answered = Budget(clock), []
    for gap in gaps:
        clock.time += gap + budget.wait()
        if budget.wait() > 0:
            continue
        budget.count(429, shared=False)
        answered.append(clock.time)
    for first in answered:
        assert sum(first <= at < first + WINDOW for at in answered) <= MOST


def limited(*, headers: dict[str, str] | None = None, **body: object) -> Answer:
    return Answer(429, headers or {}, json.dumps({"retry_after": 0.5} | body).encode())


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (limited(**{"global": True}), 0.5),
        (limited(headers={"x-ratelimit-global": "true"}), 0.5),
        (limited(**{"global": False}), 0.0),
        (limited(**{"global": "true"}), 0.0),
        (Answer(200, {"x-ratelimit-global": "true"}, b"{}"), 0.0),
    ],
)
def test_what_is_global_is_said_by_the_body_or_a_header(answer: Answer, seconds: float) -> None:
    assert closed_for(answer) == seconds


def test_a_limit_that_others_reached_is_shared() -> None:
    assert is_shared(limited(headers={"x-ratelimit-scope": "shared"}))
    assert not is_shared(limited(headers={"x-ratelimit-scope": "user"}))
