"""What a source's schedule and budget come to: its rhythm and its credits. A cadence's pacer is run ahead of time.

Nothing is asked of a provider. The events are those that the store knows, or else a slate that is assumed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from itertools import pairwise
from statistics import median_low
from typing import Any

from stratumd.config import SourceSpec
from stratumd.config.schedules import Band, Budget, Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, Cycle, Fixture, Micros, PluginConfig, Source, format_duration, micros
from stratumd.runtime.account import Spending
from stratumd.runtime.build import cycles_of
from stratumd.runtime.cadence import NEVER, Cadence, cadence_of
from stratumd.runtime.pacing import Pacer
from stratumd.runtime.schedule import next_after
from stratumd.runtime.till import Till
from stratumd.runtime.watched import Watched, reserved, schedule_of

SLATE = (23 * HOUR, 23 * HOUR + 30 * MINUTE, 24 * HOUR, 24 * HOUR + 30 * MINUTE, 26 * HOUR, 26 * HOUR + 30 * MINUTE)
"""When the games of a day start that are assumed where none is known, from midnight UTC: an American evening."""
DAYS = 3
"""How many days are run ahead; the first fills the bucket and does not count."""
SHOWN = 3
"""Instants that are shown."""
MONTH = 30
"""Days that a month's credits are reckoned to last."""
NEAREST: Micros = HOUR
"""How near to a start the band begins that is advised where a cadence has none that is tight enough."""


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
    wants: Callable[[Micros], int] | None = None
    """Works out the credits of the dearest day, if there were no budget, where the schedule is a cadence; polled at
    least so often within `NEAREST` of a start."""
    cycle: str = ""
    """The cycle of the source that this is about; empty for its schedule."""
    quotes: bool = True
    """Whether its answers hold odds."""
    tells: Mapping[str, Micros] = field(default_factory=dict)
    """The topics of news that its answers hold, see `Source.tells`."""
    wanted: int | None = None
    """The credits of a cycle's dearest day, if there were no budget; None for a schedule."""
    others: int = 0
    """The credits of a day that the source's other rhythms take of the same month."""

    @property
    def name(self) -> str:
        """The source, with the cycle."""
        return f"{self.source} {self.cycle}".rstrip()

    @property
    def daily(self) -> int | None:
        """What may be spent a day: all of the source's credits, or those of the cycle."""
        limits = {str(feature): limit for feature, limit in self.budget.features.items()}
        return limits.get(self.cycle) if self.cycle else self.budget.daily_credits

    @property
    def monthly(self) -> int | None:
        """What may be spent a day so that a month's credits last for 30 days; None where a month has no limit."""
        budget = self.budget.monthly_credits
        return None if budget is None else max(0, budget // MONTH - self.others)

    def overspends(self, day: int | None) -> int | None:
        """Return what a month with `day` credits a day takes, where that is more than it has; None where it is not."""
        if self.monthly is None or day is None or day <= self.monthly:
            return None
        return MONTH * (day + self.others)

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


def cycle_forecast(spec: SourceSpec, source: Source, cycle: Cycle, known: Sequence[Fixture], now: Micros) -> Forecast:
    """Return what a cycle of `source` will do, as if the source had nothing else to pay for."""
    watched, schedule = Watched(source, cycle), schedule_of(cycle)
    cadence = cadence_of(schedule)
    assert cadence is not None, "a cycle is a cadence"
    midnight = now // DAY * DAY
    some = slate(source.sports(), midnight, DAYS + 7)
    fixtures = [each for each in known if source.watches(each)] if known else _a_day(some, cycle.events)
    found = _cadence(replace(spec, schedule=schedule), schedule, cadence, watched, fixtures, now, cycle.name)
    found = replace(found, cycle=cycle.name, schedule=_every(cycle), assumed=not known)
    spent, limit = found.credits_day or 0, found.daily
    unlimited = limit is None or spent < limit
    wanted = spent if unlimited else _wanted(schedule, watched, fixtures, midnight, cycle.name, NEVER)
    return replace(found, wanted=wanted)


def _every(cycle: Cycle) -> str:
    return f"{cycle.name} every {format_duration(timedelta(microseconds=cycle.every))}"


def _a_day(fixtures: Sequence[Fixture], most: int) -> list[Fixture]:
    """Return so many events of each day."""
    days: dict[Micros, list[Fixture]] = {}
    for each in fixtures:
        days.setdefault((each.commence_at - SLATE[0]) // DAY, []).append(each)
    return [each for day in days.values() for each in day[:most]]


def forecast(spec: SourceSpec, source: Source, known: Sequence[Fixture], now: Micros, taken: int = 0) -> Forecast:
    """Return what `source` will do from `now` on, under the schedule and the budget of `spec`.

    `taken` are the credits of a day that its cycles spend: a cadence has to do with the rest.
    """
    schedule, price = spec.schedule, source.most()
    if schedule is None:
        return Forecast(spec.name, "continuous", spec.budget, None, (now,), None, None, None)
    cadence = cadence_of(schedule)
    if cadence is not None:
        rest = replace(spec, budget=_rest(spec.budget, taken))
        return replace(_cadence(rest, schedule, cadence, source, known, now), budget=spec.budget)
    apart = reserved(cycles_of(spec), spec.budget)
    pace = Till(spec.name, spec.budget, _Clock(now)).account.day_pace(price or 0, apart)
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
    credits = None if price is None else _within(round(price * polls), spec.budget, apart)
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


def _rest(budget: Budget, taken: int) -> Budget:
    if budget.daily_credits is None:
        return budget
    return budget.model_copy(update={"daily_credits": max(1, budget.daily_credits - taken)})


def _cron(schedule: Schedule, now: Micros, end: Micros) -> Iterator[Micros]:
    first = at = next_after(schedule, now)
    while at < end or at == first:
        yield at
        at = next_after(schedule, at)


def _within(credits: int, budget: Budget, apart: int) -> int:
    return credits if budget.daily_credits is None else min(credits, max(1, budget.daily_credits - apart))


def _month(credits: int | None, budget: Budget) -> int | None:
    if credits is None:
        return None
    month = MONTH * credits
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
    spec: SourceSpec,
    schedule: Schedule,
    cadence: Cadence,
    source: Source,
    known: Sequence[Fixture],
    now: Micros,
    cycle: str = "",
) -> Forecast:
    midnight = now // DAY * DAY
    fixtures = list(known) if known or cycle else slate(source.sports(), midnight, DAYS + 7)
    ahead = run_ahead(schedule, _by_day(spec.budget), source, fixtures, midnight, midnight + DAYS * DAY, cycle)
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
        wants=cache(partial(_wanted, schedule, source, fixtures, midnight, cycle)),
    )


def _by_day(budget: Budget) -> Budget:
    """Return what limits a day: the days that are run ahead say nothing of how long a month's credits last."""
    return budget.model_copy(update={"monthly_credits": None})


def _wanted(
    schedule: Schedule, source: Source, fixtures: Sequence[Fixture], midnight: Micros, cycle: str, longest: Micros
) -> int:
    if min(micros(band.every) for band in schedule.bands) > longest:
        reach, every = timedelta(microseconds=NEAREST), timedelta(microseconds=longest)
        farther = [band for band in schedule.bands if band.within is None or band.within > reach]
        schedule = schedule.model_copy(update={"cadence": (*farther, Band(within=reach, every=every))})
    ahead = run_ahead(schedule, Budget(), source, fixtures, midnight, midnight + DAYS * DAY, cycle)
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
    schedule: Schedule,
    budget: Budget,
    source: Source,
    fixtures: Sequence[Fixture],
    begin: Micros,
    end: Micros,
    cycle: str = "",
) -> Ahead:
    """Let a cadence run from `begin` to `end`, both multiples of a day, as if every answer cost the most it can.

    `cycle` names the source's cycle whose cadence it is.
    """
    clock = _Clock(begin)
    pretended = _Pretended(source, fixtures)
    pacer = Pacer(schedule, budget, pretended, Till("plan", budget, clock), clock, cycle=cycle)
    assert pacer.cadence is not None, "only a cadence is run ahead"
    done = Ahead(list(range(begin // DAY, end // DAY)))
    while clock.at < end:
        pretended.show(clock.at)
        chosen = pacer.choose()
        if chosen.events:
            price = pretended.most(chosen.events) or 0
            pacer.account.spend(Spending(clock.at, price, cycle or "base"))
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
