"""What is told of what is wrong: each change once, whoever looks and however often the daemon starts again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros, Notice, Severity
from stratumd.runtime.alerting import SILENT, Condition, Rules, judged
from stratumd.store import Alert
from tests.support.steps import START

AFTER = 2 * MINUTE
DOWN = Condition("source_down", "nba", Severity.ERROR, "The source nba is down", "timeout", START)
OURS = dataclasses.replace(DOWN, kind="component", subject="sink main.chat", owner="me")


def everything(severity: Severity, about: str) -> bool:
    return True


class Told:
    """The rows of the store, and what was told."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self.notices: list[Notice] = []

    def look(
        self,
        now: Micros,
        *conditions: Condition,
        takes: Callable[[Severity, str], bool] = everything,
        me: str = "me",
        alone: bool = True,
    ) -> list[str]:
        """Look once; return the titles of what is told."""
        rules = Rules(now, AFTER, DAY, me, alone, takes)
        said: list[Notice] = []
        for change in judged(conditions, [*self.alerts.values()], rules):
            self.alerts[change.alert.key] = change.alert
            if change.over:
                del self.alerts[change.alert.key]
            said += [change.notice] if change.notice else []
        self.notices += said
        return [notice.title for notice in said]


def test_what_wavers_about_its_threshold_is_told_once() -> None:
    told = Told()
    wavers = dataclasses.replace(DOWN, at_once=True)
    hardly = dataclasses.replace(wavers, keeps=True)
    assert told.look(START, hardly) == []
    said = [told.look(START + n * AFTER, wavers if n % 3 else hardly) for n in range(1, 100)]
    assert [title for titles in said for title in titles] == ["The source nba is down"]
    assert told.look(START + 100 * AFTER) == []
    assert told.look(START + 101 * AFTER) == ["Over: The source nba is down"]


def test_it_is_told_when_it_has_lasted_and_once() -> None:
    told = Told()
    assert told.look(START + AFTER - 1, DOWN) == []
    assert told.look(START + AFTER, DOWN) == ["The source nba is down"]
    assert told.look(START + AFTER + HOUR, DOWN) == []
    (notice,) = told.notices
    assert (notice.id, notice.kind, notice.severity) == (f"alert/source_down/nba/{START}", "alert", Severity.ERROR)
    assert (notice.text, notice.resolved, notice.figures["subject"]) == ("timeout", False, "nba")


def test_it_is_told_that_it_is_over_when_it_was_away_as_long() -> None:
    told = Told()
    told.look(START + AFTER, DOWN)
    assert told.look(START + 10 * MINUTE) == []
    assert told.look(START + 10 * MINUTE + AFTER) == ["Over: The source nba is down"]
    assert told.look(START + HOUR) == []
    over = told.notices[-1]
    assert (over.resolved, over.severity) == (True, Severity.ERROR), "so the same sinks get it"
    assert over.text.startswith("It lasted 10m, until 2026-07-15T")
    assert over.text.endswith("It was: timeout")


def test_what_comes_and_goes_is_told_once() -> None:
    told = Told()
    told.look(START + AFTER, DOWN)
    for minute in range(3, 40):
        told.look(START + minute * MINUTE, *([DOWN] if minute % 2 else []))
    assert len(told.notices) == 1


def test_what_is_gone_before_it_was_told_is_never_told() -> None:
    told = Told()
    assert told.look(START + MINUTE, DOWN) == []
    assert told.look(START + HOUR) == []
    assert told.alerts == {}


def test_it_is_told_again_when_it_gets_worse_and_keeps_that_severity() -> None:
    quota = Condition("quota", "nba quota", Severity.WARNING, "used to 80 %", "800 of 1,000", START, at_once=True)
    used_up = dataclasses.replace(quota, severity=Severity.ERROR, title="used up")
    told = Told()
    assert told.look(START, quota) == ["used to 80 %"]
    assert told.look(START + 1, used_up) == ["used up"]
    assert told.look(START + 2, quota) == []
    told.look(START + 3)
    assert told.look(START + 3 + AFTER) == ["Over: used up"]
    assert told.notices[-1].severity is Severity.ERROR
    assert len({notice.id for notice in told.notices}) == 3


def test_what_still_is_wrong_is_told_again_after_a_while() -> None:
    told = Told()
    told.look(START + AFTER, DOWN)
    assert told.look(START + AFTER + DAY - 1, DOWN) == []
    newer = dataclasses.replace(DOWN, text="refused")
    assert told.look(START + AFTER + DAY, newer) == ["The source nba is down"]
    assert told.notices[-1].text.startswith("It is so since 2026-07-15T")
    assert told.notices[-1].text.endswith("refused")
    assert told.look(START + AFTER + DAY + HOUR, DOWN) == []


def test_without_a_sink_that_takes_it_it_is_kept_and_told_as_soon_as_there_is_one() -> None:
    told = Told()
    assert told.look(START + AFTER, DOWN, takes=lambda severity, about: False) == []
    assert [alert.said_at for alert in told.alerts.values()] == [None]
    assert told.look(START + HOUR, DOWN) == ["The source nba is down"]


def test_that_it_is_over_is_told_only_to_whom_it_was_told() -> None:
    told = Told()
    told.look(START + AFTER, DOWN, takes=lambda severity, about: False)
    told.look(START + HOUR)
    assert told.look(START + 2 * HOUR) == []
    assert told.alerts == {}


def test_a_sink_that_fails_is_told_of_through_others_alone() -> None:
    told = Told()
    only = {"main.chat"}
    assert told.look(START + AFTER, OURS, takes=lambda severity, about: bool(only - {about})) == []
    only.add("main.mail")
    assert told.look(START + AFTER, OURS, takes=lambda severity, about: bool(only - {about})) == [OURS.title]


def test_what_one_daemon_alone_can_know_it_alone_ends() -> None:
    told = Told()
    told.look(START + AFTER, OURS, alone=False)
    now = START + AFTER
    for _ in range(20):
        now += MINUTE
        assert told.look(now, me="other", alone=False) == [], "it cannot know"
        told.look(now, OURS, alone=False)
    told.look(now + SECOND, alone=False)
    assert told.look(now + SECOND + AFTER, alone=False) == [f"Over: {OURS.title}"]


def test_what_a_daemon_knew_that_is_gone_is_ended_by_another() -> None:
    told = Told()
    told.look(START + AFTER, OURS, alone=False)
    now = START + AFTER + SILENT
    assert told.look(now, me="other", alone=False) == []
    assert told.look(now + AFTER, me="other", alone=False) == [f"Over: {OURS.title}"]


def test_a_single_daemon_that_starts_again_goes_on() -> None:
    """Its own name is another one then."""
    told = Told()
    told.look(START + AFTER, OURS)
    again = dataclasses.replace(OURS, owner="me again", since=START + HOUR)
    assert told.look(START + HOUR, me="me again") == []
    assert told.look(START + HOUR + SECOND, again, me="me again") == []
    assert told.look(START + 3 * HOUR, again, me="me again") == []


Moment = tuple[int, Sequence[bool]]


@given(st.lists(st.tuples(st.integers(1, 600), st.tuples(st.booleans(), st.booleans())), max_size=60))
def test_each_is_told_in_turns(moments: list[Moment]) -> None:
    """Raised, over, raised, over: whatever comes and goes; and a look that finds nothing new changes nothing."""
    both = [DOWN, dataclasses.replace(DOWN, subject="nfl", at_once=True)]
    told, now = Told(), START
    for seconds, there in moments:
        now += seconds * SECOND
        wrong = [dataclasses.replace(each, since=now) for each, is_there in zip(both, there, strict=True) if is_there]
        told.look(now, *wrong)
        before = dict(told.alerts)
        assert told.look(now, *wrong) == []
        assert told.alerts == before
    for subject in ("nba", "nfl"):
        turns = [notice.resolved for notice in told.notices if notice.figures["subject"] == subject]
        assert turns == [bool(number % 2) for number in range(len(turns))]
    assert len({notice.id for notice in told.notices}) == len(told.notices)


@pytest.mark.parametrize("least", Severity)
@pytest.mark.parametrize("severity", Severity)
def test_severities_are_in_order(severity: Severity, least: Severity) -> None:
    order = ["info", "warning", "error"]
    assert severity.reaches(least) == (order.index(severity) >= order.index(least))
