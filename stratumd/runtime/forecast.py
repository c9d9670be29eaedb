"""What a source's schedule and budget come to: its rhythm and its credits. A cadence's pacer is run ahead of time.

Nothing is asked of a provider. The events are those that the store knows, or else a slate that is assumed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import median_low
from typing import Any

from stratumd.config import SourceSpec
from stratumd.config.schedules import Budget, Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, Fixture, Micros, PluginConfig, Source, micros
from stratumd.runtime.account import Spending
from stratumd.runtime.cadence import Cadence, cadence_of
from stratumd.runtime.pacing import Pacer
from stratumd.runtime.schedule import next_after
from stratumd.runtime.till import Till

SLATE = (23 * HOUR, 23 * HOUR + 30 * MINUTE, 24 * HOUR, 24 * HOUR + 30 * MINUTE, 26 * HOUR, 26 * HOUR + 30 * MINUTE)
"""When the games of a day start that are assumed where none is known, from midnight UTC: an American evening."""
DAYS = 3
"""How many days are run ahead; the first fills the bucket and does not count."""
SHOWN = 3
"""Instants that are shown."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one source will do. Intervals and times in microseconds."""

    source: str
    schedule: str
    budget: Budget
    price: int | None
    """The most credits of one poll; None where the source cannot say."""
    due: tuple[Micros, ...]
    """The next instants, UTC."""
    interval: Micros | None
    """From one poll to the next on average; of an event near its start, where the schedule is a cadence."""
    credits_day: int | None
    credits_month: int | None
    """In 30 days."""
    cadence: Cadence | None = None
    events: int | None = None
    """Events a day, where the credits depend on them."""
    assumed: bool = False
    """Whether these events are assumed, not known."""
    polled: Mapping[Fixture, Sequence[Micros]] = field(default_factory=dict)
    """When each event was polled in the run ahead, where the schedule is a cadence."""
    every: Micros | None = None
    """The shortest interval that the schedule itself allows."""
    wants: Callable[[], int] | None = None
    """Works out the credits of the dearest day, if there were no budget, where the schedule is a cadence."""

    def near(self, longest: Micros) -> Micros | None:
        """Return from how long before their starts events are polled at least every `longest`, by the middle one."""
        leads = [_lead(fixture.commence_at, times, longest) for fixture, times in self.polled.items()]
        lead = median_low(leads) if leads else 0
        return lead or None


def _lead(start: Micros, times: Sequence[Micros], longest: Micros) -> Micros:
    lead = 0
    for earlier, later in reversed(list(pairwise([at for at in times if at <= start + MINUTE]))):
        if later - earlier > longest:
            break
        lead = max(0, start - earlier)
    return lead


def forecast(spec: SourceSpec, source: Source, known: Sequence[Fixture], now: Micros) -> Forecast:
    """Return what `source` will do from `now` on, under the schedule and the budget of `spec`."""
    schedule, price = spec.schedule, source.most()
    if schedule is None:
        return Forecast(spec.name, "continuous", spec.budget, None, (now,), None, None, None)
    cadence = cadence_of(schedule)
    if cadence is not None:
        return _cadence(spec, schedule, cadence, source, known, now)
    pace = Till(spec.name, spec.budget, _Clock(now)).account.day_pace(price or 0)
    if schedule.every is not None:
        every = micros(schedule.every)
        interval = max(every, pace)
        due = tuple(now + number * interval for number in range(SHOWN))
        polls = DAY / interval
    else:
        found = list(_cron(schedule, now, now + DAY))
        every = min((later - earlier for earlier, later in pairwise(found)), default=DAY)
        due, interval = tuple(found[:SHOWN]), max(every, pace)
        polls = min(len(found), DAY / pace) if pace else len(found)
    credits = None if price is None else _within(round(price * polls), spec.budget)
    return Forecast(
        spec.name,
        schedule.shown(),
        spec.budget,
        price,
        due,
        interval,
        credits,
        _month(credits, spec.budget),
        every=every,
    )


def _cron(schedule: Schedule, now: Micros, end: Micros) -> Iterator[Micros]:
    first = at = next_after(schedule, now)
    while at < end or at == first:
        yield at
        at = next_after(schedule, at)


def _within(credits: int, budget: Budget) -> int:
    return credits if budget.daily_credits is None else min(credits, budget.daily_credits)


def _month(credits: int | None, budget: Budget) -> int | None:
    if credits is None:
        return None
    month = 30 * credits
    return month if budget.monthly_credits is None else min(month, budget.monthly_credits)


def slate(sports: Sequence[str], midnight: Micros, days: int) -> list[Fixture]:
    """Return the games that are assumed: every day the same, in every sport."""
    return [
        Fixture(f"{sport}-{day}-{number}", sport, midnight + day * DAY + at)
        for day in range(days)
        for sport in sports
        for number, at in enumerate(SLATE)
    ]


def _cadence(
    spec: SourceSpec, schedule: Schedule, cadence: Cadence, source: Source, known: Sequence[Fixture], now: Micros
) -> Forecast:
    midnight = now // DAY * DAY
    fixtures = list(known) or slate(source.sports(), midnight, DAYS + 7)
    ahead = run_ahead(schedule, spec.budget, source, fixtures, midnight, midnight + DAYS * DAY)
    counted = {day: sum(c for at, c in ahead.paid if at // DAY == day) for day in ahead.days[1:]}
    credits = max(counted.values(), default=0) if known else round(sum(counted.values()) / len(counted))
    soon = sorted({at for f in fixtures for at, _ in cadence.instants(f.commence_at, now, now + DAY)})
    starting = {f: times for f, times in ahead.polled.items() if midnight + DAY < f.commence_at < midnight + DAYS * DAY}
    last = cadence.phases[-1]
    near = {f: [at for at in times if at >= f.commence_at - last.opens] for f, times in starting.items()}
    gaps = [later - earlier for times in near.values() for earlier, later in pairwise(times)]
    return Forecast(
        source=spec.name,
        schedule=schedule.shown(),
        budget=spec.budget,
        price=source.most(fixtures[:1]) if fixtures else source.most(),
        due=tuple(soon[:SHOWN]),
        interval=median_low(gaps) if gaps else None,
        credits_day=credits,
        credits_month=_month(credits, spec.budget),
        cadence=cadence,
        events=sum(midnight + DAY < f.commence_at <= midnight + 2 * DAY for f in fixtures),
        assumed=not known,
        polled=starting,
        every=min(phase.every for phase in cadence.phases),
        wants=partial(_wanted, schedule, source, fixtures, midnight),
    )


def _wanted(schedule: Schedule, source: Source, fixtures: Sequence[Fixture], midnight: Micros) -> int:
    ahead = run_ahead(schedule, Budget(), source, fixtures, midnight, midnight + DAYS * DAY)
    return max(sum(credits for at, credits in ahead.paid if at // DAY == day) for day in ahead.days)


@dataclass(slots=True)
class Ahead:
    """What a run ahead of time did."""

    days: list[int]
    """The days that it went through, counted from 1970."""
    paid: list[tuple[Micros, int]] = field(default_factory=list)
    """When credits were spent, and how many."""
    polled: dict[Fixture, list[Micros]] = field(default_factory=dict)


def run_ahead(
    schedule: Schedule, budget: Budget, source: Source, fixtures: Sequence[Fixture], begin: Micros, end: Micros
) -> Ahead:
    """Let a cadence run from `begin` to `end`, both multiples of a day, as if every answer cost the most it can."""
    clock = _Clock(begin)
    pretended = _Pretended(source, fixtures)
    pacer = Pacer(schedule, budget, pretended, Till(source.name, budget, clock), clock)
    assert pacer.cadence is not None, "only a cadence is run ahead"
    done = Ahead(list(range(begin // DAY, end // DAY)))
    while clock.at < end:
        pretended.show(clock.at)
        chosen = pacer.choose()
        if chosen.events:
            price = pretended.most(chosen.events) or 0
            pacer.account.spend(Spending(clock.at, price, "base"))
            pacer.learn(chosen.events, clock.at, price)
            done.paid.append((clock.at, price))
            for event in chosen.events:
                done.polled.setdefault(event, []).append(clock.at)
        clock.at += pacer.cadence.rhythm
    return done


class _Clock:
    def __init__(self, at: Micros) -> None:
        self.at = at

    def now(self) -> Micros:
        return self.at


LISTED: Micros = 2 * DAY
"""How long before its start an event is assumed to be listed."""


class _Pretended(Source):
    """A source that knows of the events near a time, and asks nobody."""

    def __init__(self, real: Source, fixtures: Sequence[Fixture]) -> None:
        context: Any = self
        super().__init__(PluginConfig(), context)
        self._real = real
        self._fixtures = sorted(fixtures, key=lambda each: each.commence_at)
        self._shown: list[Fixture] = []
        self._prices: dict[tuple[tuple[str, int], ...], int | None] = {}
        self._day = -1

    def show(self, at: Micros) -> None:
        """Let it be `at`."""
        if at // HOUR != self._day:
            self._day = at // HOUR
            self._shown = [each for each in self._fixtures if at - DAY < each.commence_at < at + LISTED]

    def fixtures(self) -> Sequence[Fixture]:
        return self._shown

    def most(self, events: Sequence[Fixture] | None = None) -> int | None:
        """Ask the real source once for each number of events by sport."""
        key = tuple(sorted(Counter(each.sport for each in events or ()).items()))
        if key not in self._prices:
            self._prices[key] = self._real.most(events)
        return self._prices[key]

    def is_over(self, event: str) -> bool:
        return False
