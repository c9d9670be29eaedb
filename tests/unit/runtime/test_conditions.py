"""What counts as wrong."""

from __future__ import annotations

import pytest

from stratumd.config import Budget
from stratumd.plugin import DAY, HOUR, Micros, Severity
from stratumd.plugin.views import BreakerRow, LeftOutRow
from stratumd.runtime.alerting import Condition
from stratumd.runtime.conditions import conditions, question
from stratumd.runtime.states import ComponentState, State
from stratumd.store import Facts
from stratumd.store.facts import Flawed, GivenUp, Polled, Spent, Told
from tests.support.steps import START

NOTHING, UNLIMITED = Facts(), Budget()
BREAKER = BreakerRow("source", "nba", "timeout", 4, START, START + HOUR)


def found(facts: Facts = NOTHING, *states: ComponentState, budget: Budget = UNLIMITED) -> list[Condition]:
    return conditions(facts, states, {"nba": budget}, 5.0, now=START + HOUR, me="me")


def state(kind: str, name: str, at: State = State.PERMANENT_ERROR) -> ComponentState:
    return ComponentState(name, kind, at, "its reason", START, 1)


def brief(each: Condition) -> tuple[str, str, str]:
    return each.kind, each.subject, str(each.severity)


def test_nothing_is_wrong_where_nothing_is() -> None:
    polled = [Polled("nba", 100, 3, "x"), Polled("new", 3, 0, "")]
    well = Facts(polled=polled, told={"nba": Told(900, 100)}, flawed=[Flawed("main", 1_000, {"stale_book": 24})])
    assert found(well, state("source", "nba", State.OK), state("sink", "main.log", State.STARTING)) == []


def test_a_source_that_is_left_alone_is_down_and_nothing_else() -> None:
    facts = Facts(breakers=[BREAKER], polled=[Polled("nba", 10, 10, "timeout")])
    down, *others = found(facts, state("source", "nba", State.RECOVERABLE_ERROR))
    assert [(each.kind, each.keeps) for each in others] == [("source_degraded", True)]
    assert (brief(down), down.since, down.at_once) == (("source_down", "nba", "error"), START, False)


def test_a_source_half_of_whose_exchanges_fail_is_degraded() -> None:
    (degraded,) = found(Facts(polled=[Polled("nba", 10, 5, "TransientError: busy")]))
    assert brief(degraded) == ("source_degraded", "nba", "warning")
    assert "5 of its 10 exchanges" in degraded.text
    assert "TransientError: busy" in degraded.text


@pytest.mark.parametrize(
    ("number", "failed", "keeps"),
    [(10, 5, [False]), (10, 4, [True]), (10, 3, [True]), (10, 2, []), (3, 3, [True]), (0, 0, [])],
)
def test_what_hardly_fails_often_keeps_an_alert_and_raises_none(number: int, failed: int, keeps: list[bool]) -> None:
    assert [each.keeps for each in found(Facts(polled=[Polled("nba", number, failed, "x")]))] == keeps


@pytest.mark.parametrize(("flaws", "keeps"), [(50, [False]), (49, [True]), (25, [True]), (24, [])])
def test_quotes_that_are_hardly_good_enough_keep_an_alert_and_raise_none(flaws: int, keeps: list[bool]) -> None:
    assert [each.keeps for each in found(Facts(flawed=[Flawed("main", 1_000, {"stale_book": flaws})]))] == keeps


@pytest.mark.parametrize(("remaining", "used", "severity"), [
    (201, 799, None), (200, 800, "warning"), (1, 999, "warning"), (0, 1_000, "error"),
])  # fmt: skip
def test_the_quota_is_told_of_from_80_percent_on(remaining: int, used: int, severity: str | None) -> None:
    assert [str(each.severity) for each in found(Facts(told={"nba": Told(remaining, used)}))] == (
        [severity] if severity else []
    )


def test_every_budget_is_told_of_by_itself() -> None:
    budget = Budget(daily_credits=100, monthly_credits=1_000, features={"props": 10}, warn_percent=50)
    spent = {"nba": Spent({"base": 40, "props": 10}, 499)}
    told = [brief(each) for each in found(Facts(spent=spent), budget=budget)]
    assert told == [("quota", "nba daily_credits", "warning"), ("quota", "nba props", "error")]
    asked = question({"nba": budget, "nfl": Budget()}, ["main"], [], START)
    assert [*asked.month] == ["nba"], "no other month is summed up"
    assert START - DAY < asked.day <= START


@pytest.mark.parametrize(("spent", "hour", "keeps"), [
    (799, 12, []), (800, 12, [False]), (800, 19, [False]), (800, 20, [True]), (999, 23, [False]), (1_000, 24, [False]),
])  # fmt: skip
def test_a_day_s_budget_that_lasts_the_day_raises_no_alert(spent: int, hour: int, keeps: list[bool]) -> None:
    budget, midnight = Budget(daily_credits=1_000), START // DAY * DAY
    facts, now = Facts(spent={"nba": Spent({"base": spent}, spent)}), midnight + hour * HOUR - 1
    told = conditions(facts, [], {"nba": budget}, 5.0, now=now + (hour == 20), me="me")
    assert [each.keeps for each in told] == keeps


def test_quotes_are_told_of_with_their_worst_rules() -> None:
    (quality,) = found(Facts(flawed=[Flawed("main", 1_000, {"stale_book": 20, "hold_range": 30})]))
    assert brief(quality) == ("quality", "main", "warning")
    assert "5.0 findings in a hundred quotes of the last hour (5 may be): hold_range 30, stale_book 20." in quality.text


def test_dead_letters_are_told_of_but_not_those_of_a_sink_that_is_off() -> None:
    """A sink that is disabled was told of when it was."""
    given_up = [GivenUp("main.hook", 2, "400", START), GivenUp("main.gone", 9, "410", START)]
    (letters,) = found(Facts(given_up=given_up, disabled=frozenset({"main.gone"})), state("sink", "main.gone"))
    assert (brief(letters), letters.title) == (
        ("dead_letters", "main.hook", "error"),
        "main.hook did not get 2 signals",
    )


def test_what_is_in_quarantine_is_told_of_once() -> None:
    row = LeftOutRow("main", "steam", "ValueError: no", "steam.py:7", START, START + HOUR)
    (out,) = found(Facts(left_out=[row]), state("component", "main.steam", State.RECOVERABLE_ERROR))
    assert (brief(out), out.at_once) == (("left_out", "main.steam", "error"), True)
    assert "steam.py:7" in out.text


@pytest.mark.parametrize(("at", "severity"), [
    (State.PERMANENT_ERROR, Severity.ERROR), (State.FATAL_ERROR, Severity.ERROR),
    (State.RECOVERABLE_ERROR, Severity.WARNING),
])  # fmt: skip
def test_a_part_that_fails_is_this_daemons_word(at: State, severity: Severity) -> None:
    (failed,) = found(Facts(), state("job", "main.clv", at), state("store", "store", at))
    since: Micros = failed.since
    assert (failed.subject, failed.severity, failed.owner, since) == ("job main.clv", severity, "me", START)
    assert "its reason" in failed.text


def test_a_source_that_breaks_without_any_exchange_is_told_of_as_a_part() -> None:
    broken = state("source", "nba", State.RECOVERABLE_ERROR)
    assert [brief(each) for each in found(Facts(), broken)] == [("component", "source nba", "warning")]
    (speaks,) = found(Facts(polled=[Polled("nba", 3, 1, "busy")]), broken)
    assert (speaks.kind, speaks.keeps) == ("source_degraded", True), "its exchanges speak for it"


def test_a_source_that_is_off_is_told_of_though_its_breaker_is_open() -> None:
    assert [each.kind for each in found(Facts(breakers=[BREAKER]), state("source", "nba"))] == [
        "source_down",
        "component",
    ]
