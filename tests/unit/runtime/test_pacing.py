"""What a source is asked for at an instant: paced by its budget, idle, low on credits, and after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from stratumd.config import Budget, Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, Credits, Fixture, Micros, PluginConfig, Poll, Request, Source, parse_iso
from stratumd.runtime.pacing import Pacer
from stratumd.runtime.till import Till
from stratumd.store import Charge
from tests.unit.runtime.virtual import VirtualTimer

NOON = parse_iso("2026-01-10T12:00:00Z")
MINUTELY: Mapping[str, Any] = {"every": "60s"}


class Priced(Source):
    """A source of a fixed price a poll."""

    name, format, by_event = "priced", "plain", True

    def __init__(self, timer: VirtualTimer) -> None:
        context: Any = self
        super().__init__(PluginConfig(), context)
        self.known: list[Fixture] | None = None
        self.price = 3

    def poll(self) -> AsyncIterator[Poll]:
        raise AssertionError("it is not begun")

    discover = poll

    def poll_events(self, events: Sequence[Fixture]) -> AsyncIterator[Poll]:
        raise AssertionError("it is not begun")

    def fixtures(self) -> Sequence[Fixture] | None:
        return self.known

    def most(self, events: Sequence[Fixture] | None = None) -> int:
        return self.price if events is None or events else 0

    def is_over(self, event: str) -> bool:
        return event == "over"


class Desk:
    """A pacer on virtual time."""

    def __init__(self, schedule: Mapping[str, Any], wall: Micros = NOON, **budget: Any) -> None:
        self.timer = VirtualTimer()
        self.timer.wall = wall
        self.source = Priced(self.timer)
        spent = Budget.model_validate(budget)
        till = Till("nba", spent, self.timer)
        self.pacer = Pacer(Schedule.model_validate(schedule), spent, self.source, till, self.timer)

    def instant(self, remaining: int | None = None) -> bool:
        """Let an instant come; say whether everything is asked for, and count what that costs."""
        asked = False
        for _ in self.pacer.steps():
            asked = True
            cost = self.source.price
            poll = Poll(Request("/"), self.timer.now(), 0, credits=Credits(remaining, None, cost))
            self.pacer.noted(poll)
        return asked

    def polls(self, length: Micros, step: Micros = MINUTE) -> list[Micros]:
        """Return when it was asked in a length of time, since its beginning."""
        begin, found = self.timer.now(), []
        while self.timer.now() < begin + length:
            if self.instant():
                found.append(self.timer.now() - begin)
            self.timer.pass_by(step)
        return found


def test_without_a_budget_every_instant_is_a_poll() -> None:
    assert len(Desk(MINUTELY).polls(HOUR)) == 60


def test_a_days_credits_are_spread_evenly_over_it() -> None:
    """9 credits a poll and 1,200 a day are one poll in 648 s on average, at instants that are 60 s apart."""
    desk = Desk(MINUTELY, NOON - 12 * HOUR, daily_credits=1_200)
    desk.source.price = 9
    found = desk.polls(DAY)
    gaps = {later - earlier for earlier, later in pairwise(found)}
    assert gaps <= {10 * MINUTE, 11 * MINUTE}
    assert len(found) in (133, 134)


def test_cron_is_paced_too() -> None:
    desk = Desk({"cron": "* * * * *"}, daily_credits=480)
    assert len(desk.polls(HOUR)) == 7, "every 9 minutes"


def test_idle_until_an_event_is_near() -> None:
    desk = Desk({"every": "60s", "idle": "5m"})
    desk.source.known = [Fixture("a", "nba", NOON + DAY + HOUR)]
    assert len(desk.polls(HOUR)) == 12
    assert len(desk.polls(HOUR)) >= 59


def test_an_event_that_has_started_and_is_listed_is_no_idleness() -> None:
    desk = Desk(MINUTELY)
    desk.source.known = [Fixture("a", "nba", NOON - DAY)]
    assert len(desk.polls(HOUR)) == 60


def test_low_on_credits_polls_are_far_apart() -> None:
    desk = Desk(MINUTELY, low_credit=200, low_credit_every="15m")
    assert desk.instant(remaining=201)
    desk.timer.pass_by(MINUTE)
    assert desk.instant(remaining=200)
    desk.timer.pass_by(MINUTE)
    assert len(desk.polls(HOUR)) == 4


def test_a_month_that_is_mostly_spent_is_stretched() -> None:
    desk = Desk(MINUTELY, monthly_credits=1_000)
    desk.pacer.remember([Charge(NOON - HOUR, 900, "base", "", ())])
    left = parse_iso("2026-02-01T00:00:00Z") - NOON
    assert desk.pacer.period(NOON) == -(-3 * left // 100)


def test_after_a_restart_the_pace_goes_on() -> None:
    desk = Desk(MINUTELY, daily_credits=480)
    desk.pacer.remember([Charge(NOON - 5 * MINUTE, 3, "base", "", ())])
    assert desk.polls(20 * MINUTE) == [4 * MINUTE, 13 * MINUTE]


def cadence(**budget: Any) -> Desk:
    desk = Desk({"cadence": "close-capture", "max_events_per_cycle": 2}, **budget)
    desk.source.known = [Fixture(str(n), "nba", NOON + 30 * MINUTE + n) for n in range(5)]
    return desk


def names(desk: Desk) -> list[str]:
    return [event.id for event in desk.pacer.choose().events]


def poll(desk: Desk) -> list[str]:
    found = desk.pacer.choose().events
    desk.pacer.learn(found, desk.timer.now(), 3)
    return [event.id for event in found]


def test_no_more_events_a_cycle_than_the_cap() -> None:
    desk = cadence()
    assert poll(desk) == ["0", "1"]
    assert [event.id for event in desk.pacer.waiting] == ["2", "3", "4"]
    assert (poll(desk), poll(desk), poll(desk)) == (["2", "3"], ["4"], [])


def test_an_event_that_is_over_is_left_alone() -> None:
    desk = cadence()
    desk.source.known = [Fixture("over", "nba", NOON)]
    assert names(desk) == []


def test_after_a_restart_nothing_is_polled_twice() -> None:
    desk = cadence()
    desk.pacer.remember([Charge(NOON, 3, "base", "close", ("0", "1"))])
    assert names(desk) == ["2", "3"]


def test_without_credits_nothing_is_asked_and_all_is_due_still() -> None:
    desk = cadence(daily_credits=2)
    assert names(desk) == []
    assert len(desk.pacer.waiting) == 5


def test_the_tier_is_the_nearest_band() -> None:
    desk = cadence()
    desk.source.known = [Fixture("near", "nba", NOON + MINUTE), Fixture("far", "nba", NOON + DAY)]
    assert desk.pacer.choose().tier == "close"
