"""Live odds and props: watched events only, in their own rhythm and from their own budget, beside the schedule."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import anyio
import pytest

from stratumd.config import Budget, Schedule
from stratumd.config.schedules import Band
from stratumd.plugin import HOUR, MINUTE, SECOND, Cycle, Fixture, Micros, PluginConfig, Poll, Source
from stratumd.runtime.account import Account
from stratumd.runtime.collector import Collector, Turning
from stratumd.runtime.instants import StoredInstants
from stratumd.runtime.pacing import Pacer
from stratumd.runtime.ticks import ticks
from stratumd.runtime.till import Till
from stratumd.runtime.watched import Watched, reserved, schedule_of
from stratumd.store import Charge
from tests.simulations.feed import BEGIN, running
from tests.unit.runtime.bench import ScriptedSource, core, timer_of
from tests.unit.runtime.test_pacing import Priced
from tests.unit.runtime.virtual import VirtualTimer

NOON = BEGIN + 12 * HOUR
LIVE = Cycle("live", MINUTE, 0, -2 * HOUR, 1)
PROPS = Cycle("props", 10 * MINUTE, HOUR, 0, 1)
SPORT = "basketball_nba"


class Watching(Priced):
    """A source of one credit a poll that watches the events whose ids begin with w."""

    def watches(self, event: Fixture) -> bool:
        return event.id.startswith("w")

    def most_watched(self, cycle: str, events: Sequence[Fixture]) -> int:
        return 1 if events else 0


class Desk:
    """A cycle on virtual time."""

    def __init__(self, cycle: Cycle, *known: Fixture, **limits: int) -> None:
        self.timer = VirtualTimer()
        self.timer.wall = NOON
        self.source = Watching(self.timer)
        self.source.known = list(known) or None
        budget = Budget.model_validate({"features": limits or {cycle.name: 200}})
        self.till = Till("nba", budget, self.timer)
        watched = Watched(self.source, cycle)
        self.pacer = Pacer(schedule_of(cycle), budget, watched, self.till, self.timer, cycle=cycle.name)

    def polls(self, length: Micros, step: Micros = MINUTE) -> list[tuple[Micros, str]]:
        """Return what was polled when, since the beginning."""
        begin, found = self.timer.now(), []
        while self.timer.now() < begin + length:
            chosen = self.pacer.choose().events
            if chosen and self.till.take("live", 1):
                self.till.settle("live", 1, 1)
            self.pacer.learn(chosen, self.timer.now(), 1)
            found += [(self.timer.now() - begin, event.id) for event in chosen]
            self.timer.pass_by(step)
        return found


def test_watched_events_alone_and_in_play_alone() -> None:
    desk = Desk(LIVE, Fixture("w", SPORT, NOON + HOUR), Fixture("other", SPORT, NOON + HOUR))
    assert desk.polls(4 * HOUR) == [(at * MINUTE, "w") for at in range(60, 180)]


def test_props_end_with_the_start() -> None:
    desk = Desk(PROPS, Fixture("w", SPORT, NOON + 2 * HOUR))
    assert [at for at, _ in desk.polls(4 * HOUR)] == [HOUR + n * 10 * MINUTE for n in range(6)]


def test_its_budget_ends_it() -> None:
    desk = Desk(LIVE, Fixture("w", SPORT, NOON), live=7)
    assert len(desk.polls(HOUR)) == 7


def test_polls_end_when_an_event_is_over() -> None:
    desk = Desk(LIVE, Fixture("w", SPORT, NOON))
    desk.source.is_over = lambda event: desk.timer.now() >= NOON + 5 * MINUTE
    assert len(desk.polls(HOUR)) == 5


def test_it_asks_which_events_there_are_only_where_nobody_has() -> None:
    assert len(list(Desk(LIVE).pacer.steps())) == 1
    assert list(Desk(LIVE, Fixture("other", SPORT, NOON)).pacer.steps()) == []


def test_a_restart_forgets_neither_what_was_polled_nor_what_it_cost() -> None:
    desk = Desk(LIVE, Fixture("w", SPORT, NOON - MINUTE))
    desk.pacer.remember([Charge(NOON, 1, "live", "live", ("w",)), Charge(NOON, 3, "base", "close", ("w2",))])
    assert desk.pacer.choose().events == ()
    assert desk.till.account.left("live", NOON) == 200, "the schedule's own pacer counts the credits, once for all"


def test_what_cycles_polled_is_no_poll_of_the_schedule() -> None:
    desk = Desk(LIVE, Fixture("w", SPORT, NOON))
    own = Schedule(cadence="close-capture")
    pacer = Pacer(own, Budget(), desk.source, desk.till, desk.timer, cycles=["live"])
    pacer.remember([Charge(NOON, 1, "live", "live", ("w",))])
    assert [event.id for event in pacer.choose().events] == ["w"]
    assert desk.till.account.left("live", NOON) == 199


@pytest.mark.parametrize(("band", "feature"), [("base", "base"), ("props", "props"), ("close", "base")])
def test_a_band_may_be_called_like_a_budget(band: str, feature: str) -> None:
    desk = Desk(LIVE, Fixture("w", SPORT, NOON + HOUR))
    bands = (Band(name=band, within=timedelta(hours=3), every=timedelta(minutes=30)),)
    pacer = Pacer(Schedule(cadence=bands), Budget(), desk.source, desk.till, desk.timer, cycles=["live"])
    pacer.remember([Charge(NOON, 3, feature, band, ("w",))])
    assert pacer.choose().events == ()


def test_the_schedule_leaves_the_cycles_their_share() -> None:
    budget = Budget(daily_credits=1_000, features={"live": 300, "props": 100, "historical": 50})
    apart = reserved([LIVE, PROPS], budget)
    assert apart == 400
    assert Account(budget, NOON).day_pace(3, apart) == 432 * SECOND


@pytest.mark.anyio
async def test_live_odds_of_a_watched_game_behind_the_provider() -> None:
    """The cadence ends a quarter of an hour after the start; the cycle goes on, and its day ends with its budget."""
    begin = BEGIN + 18 * HOUR
    games = [(SPORT, begin + HOUR), (SPORT, begin + 2 * HOUR)]
    budget = Budget(features={"live": 40})
    watched = {"live": {"every": "60s"}, "watch": {"teams": ["Utah Jazz"]}}
    async with running(Schedule(cadence="close-capture"), budget, games[:1], begin=begin, **watched) as feed:
        game = next(iter(feed.season.starts))
        await feed.until(begin + 3 * HOUR, MINUTE)
        live = [poll for poll in feed.polls if poll.feature == "live"]
        spent = Counter({name: sum(p.cost for p in feed.polls if p.feature == name) for name in ("base", "live")})
        assert len(live) == spent["live"] == 40
        assert {poll.events for poll in live} == {(game,)}
        assert {poll.tier for poll in live} == {"live"}
        assert min(poll.started_at for poll in live) == begin + HOUR
        assert all(poll.price == poll.credits.last for poll in live)
        assert max(p.started_at for p in feed.polls if p.cost and p.feature == "base") < begin + HOUR + 15 * MINUTE
        assert feed.provider.used == sum(spent.values())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("schedule", "every", "everything", "live"),
    [
        (Schedule(every=timedelta(minutes=5)), 40 * SECOND, 5, 31),
        (Schedule(every=timedelta(minutes=1)), MINUTE, 21, 20),
        (Schedule(cron="* * * * *"), MINUTE, 20, 21),
    ],
)
async def test_both_rhythms_are_kept_by_one_source(
    schedule: Schedule, every: Micros, everything: int, live: int
) -> None:
    """Also where their instants coincide, and every poll takes two seconds: neither makes the other miss its own."""
    shared = core()
    source, done = Counting(), anyio.Event()
    own = ticks(schedule, "nba", shared.timer, StoredInstants("source", "nba", shared))
    cycle = LIVE._replace(every=every)
    instants = StoredInstants("source", "nba", shared, part="live")
    due = ticks(schedule_of(cycle), "nba live", shared.timer, instants)
    source.known = [Fixture("w", SPORT, shared.timer.now() - MINUTE)]
    feed = source.feed
    pacer = Pacer(schedule_of(cycle), Budget(), Watched(source, cycle), feed.till, shared.timer, cycle="live")
    found = Collector(feed, own, shared, lambda: None, cycles=[Turning(due, pacer)])
    begin = shared.timer.now()

    async def asked() -> None:
        timer_of(shared).pass_by(2 * SECOND)
        if shared.timer.now() >= begin + 20 * MINUTE:
            done.set()

    source.asking = asked
    async with anyio.create_task_group() as group:
        group.start_soon(found.run)
        await done.wait()
        group.cancel_scope.cancel()
    assert abs(source.asked["everything"] - everything) <= 1
    assert abs(source.asked["live"] - live) <= 1
    assert shared.journal.source("nba").skipped == 0


class Counting(ScriptedSource):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Fixture] = []
        self.asked: Counter[str] = Counter()
        self.asking: Any = None

    async def poll(self) -> AsyncIterator[Poll]:
        await self._count("everything")
        for each in ():
            yield each

    async def poll_watched(self, cycle: str, events: Sequence[Fixture]) -> AsyncIterator[Poll]:
        await self._count(cycle)
        for each in ():
            yield each

    async def _count(self, what: str) -> None:
        self.asked[what] += 1
        await self.asking()

    def fixtures(self) -> list[Fixture]:
        return self.known

    def watches(self, event: Fixture) -> bool:
        return True

    def most_watched(self, cycle: str, events: Sequence[Fixture]) -> int:
        return 0


def test_a_source_without_cycles_has_none() -> None:
    assert Source.cycles(PluginConfig()) == ()
