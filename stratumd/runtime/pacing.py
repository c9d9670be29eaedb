"""What a source is asked for at each of its instants, by its schedule, its budget and the events it knows of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import msgspec

from stratumd.config.schedules import Budget, Schedule
from stratumd.plugin import DAY, Clock, Fixture, Micros, Poll, Source, micros
from stratumd.runtime.account import Spending, month_of
from stratumd.runtime.agenda import Due, affordable, due, kept
from stratumd.runtime.cadence import DISCOVERY, Phase, cadence_of
from stratumd.runtime.till import Till
from stratumd.store import Charge

ACTIVE: Micros = DAY
"""A source whose next event is further away than this is idle."""
REMEMBERED: Micros = 8 * DAY
"""How far back the poll log is read for when each event was polled last: longer than any band's interval."""


Step = Callable[[], AsyncIterator[Poll]]
"""One thing to ask a source for."""


class Chosen(NamedTuple):
    """What to ask about now."""

    events: tuple[Fixture, ...] = ()
    """Those nearest their start first."""
    tier: str = ""
    """The nearest phase among them."""


class Pacer:
    """Decides for one source. It reads clock, fixtures and account, and asks nothing itself."""

    def __init__(
        self,
        schedule: Schedule | None,
        budget: Budget,
        source: Source,
        till: Till,
        clock: Clock,
        *,
        cycle: str = "",
        cycles: Collection[str] = (),
        reserved: int = 0,
    ) -> None:
        """`cycle` names the cycle of the source that it decides for; without one, of a day's credits `reserved` are
        left to the `cycles`.
        """
        self.cycle = cycle
        self._cycles = frozenset(cycles)
        self.account = till.account
        self.cadence = None if schedule is None else cadence_of(schedule)
        self.remembers = False
        """Whether the poll log was read."""
        self.waiting: tuple[Fixture, ...] = ()
        """Events that are due and had to be left for the next time."""
        self._schedule = schedule
        self._budget = budget
        self._reserved = reserved
        self._every = micros(schedule.every) if schedule is not None and schedule.every is not None else 0
        self._source = source
        self._clock = clock
        self._polled: dict[str, Micros] = {}
        self._discovered: Micros | None = None
        self._paid_at: Micros | None = None
        self._open_at: Micros = 0
        self._round = 0
        self._last = 0
        self._tier = ""
        self._remaining: int | None = None

    def needed_since(self) -> Micros:
        """Return from when on the poll log is needed after a start."""
        now = self._clock.now()
        return min(month_of(now), now - REMEMBERED)

    def remember(self, charges: Iterable[Charge]) -> None:
        """Take up what the poll log tells, oldest first: credits spent, events polled. All of it at the start, and what
        another daemon asked for since whenever there is something.

        The credits are counted once for all cycles, where there is none.
        """
        self.remembers = True
        begun = month_of(self._clock.now())
        paid_at = self._paid_at or 0
        for charge in charges:
            if charge.at >= begun and not self.cycle:
                self.account.spend(Spending(charge.at, charge.credits, charge.feature))
            if not self._is_mine(charge):
                continue
            for event in charge.events:
                self._polled[event] = max(charge.at, self._polled.get(event, 0))
            if charge.credits:
                paid_at = max(charge.at, paid_at)
        if paid_at > (self._paid_at or 0):
            self._paid_at = paid_at
            if self.cadence is None:
                self._open_at = max(self._open_at, paid_at + self.period(self._clock.now()))

    def _is_mine(self, charge: Charge) -> bool:
        """Say whether an exchange was made for what it decides: of a cycle, budget and band have the cycle's name."""
        named = charge.feature if charge.feature == charge.tier else ""
        return named == self.cycle if self.cycle else named not in self._cycles

    # ---- what

    def steps(self) -> Iterator[Step]:
        """Yield what to ask for now, one after the other: what the first one tells decides on the second."""
        self._round, self._tier = 0, ""
        if self.cadence is None:
            if self._admits(self._clock.now()):
                yield self._source.poll
        else:
            if self._discovers(self._clock.now()):
                yield self._source.discover
            chosen = self.choose()
            if chosen.events:
                self._tier = chosen.tier
                yield partial(self._source.poll_events, chosen.events)
        self._last = self._round or self._last

    def choose(self) -> Chosen:
        """Return the events to ask about now: due, nearest first, as many as the caps and the credits allow."""
        assert self.cadence is not None, "it has a cadence"
        assert self._schedule is not None, "a cadence is part of it"
        now = self._clock.now()
        found = due(self.cadence, self._known(), self._polled, now)
        chosen: list[Due] = []
        if self._paid_at is None or now >= self._paid_at + self._least_gap(now):
            first = found[: self._schedule.max_events_per_cycle]
            chosen = affordable(first, self._most, cache(partial(self._spare, now)))
        taken = {each.fixture.id for each in chosen}
        self.waiting = tuple(each.fixture for each in found if each.fixture.id not in taken)
        return _chosen(chosen)

    def noted(self, poll: Poll) -> Poll:
        """Learn from an exchange: what was polled, what it cost, what is left. Return it with its tier."""
        at = poll.started_at + poll.elapsed
        if poll.charged is None and poll.cost:  # a source that does not pay from its purse
            self.account.spend(Spending(at, poll.cost, poll.feature))
        if poll.credits.remaining is not None:
            self._remaining = poll.credits.remaining
        self._round += poll.cost
        self.learn([] if poll.observation is None else poll.events, at, poll.cost)
        return msgspec.structs.replace(poll, tier=self._tier) if self._tier else poll

    def learn(self, events: Iterable[Fixture | str], at: Micros, cost: int) -> None:
        """Note that these events were polled, and for how many credits."""
        self._polled.update({each if isinstance(each, str) else each.id: at for each in events})
        if cost:
            self._paid_at = at

    # ---- how things are

    def period(self, now: Micros) -> Micros:
        """Return the time that lies between two polls on average, where the schedule is no cadence."""
        price = self._price()
        waits = [self._every, self._least_gap(now), self.account.day_pace(price, self._reserved)]
        if self._schedule is not None and self._every and self._idle(now):
            waits.append(micros(self._schedule.idle))
        return max(waits)

    def _admits(self, now: Micros) -> bool:
        """Say whether to poll at this instant. Instants are passed over so that polls lie a period apart on average.

        Where nothing asks for more than the interval none is, also of those that are made up for late.
        """
        period = self.period(now)
        if period > self._every and now + self._every // 2 < self._open_at:
            return False
        kept_up = now - self._open_at < self._every
        self._open_at = (self._open_at if kept_up else now) + period
        return True

    def _known(self) -> list[Fixture]:
        return [each for each in self._source.fixtures() or () if not self._source.context.is_over(each.id)]

    def _discovers(self, now: Micros) -> bool:
        """Say whether to ask which events there are. A cycle asks only so long as its source knows of none."""
        due = self._discovered is None or self._discovered // DISCOVERY < now // DISCOVERY
        if due:
            self._discovered = now
            horizon = now - REMEMBERED
            self._polled = {event: at for event, at in self._polled.items() if at > horizon}
        return due and (not self.cycle or self._source.fixtures() is None)

    def _most(self, events: Sequence[Fixture]) -> int:
        return self._source.most(events) or 0

    def _price(self) -> int:
        """Return what a poll costs: by the newest round that cost anything, else by the source's model."""
        return self._last or self._source.most() or 0

    def _spare(self, now: Micros, phase: Phase) -> int:
        """Return what a phase may spend: all that is left for the nearest, less what is kept for those nearer."""
        daily, left = self._budget.daily_credits, self.account.left(self.cycle or "base", now)
        assert self.cadence is not None, "it has a cadence"
        if daily is None or phase == self.cadence.phases[-1]:
            return left
        keep = kept(self.cadence, phase, self._known(), self._most, daily, now)
        return min(left, self.account.level(now) - keep.bucket, self.account.left_today(now) - keep.today)

    def _least_gap(self, now: Micros) -> Micros:
        return max(self._low_credit(), self.account.month_pace(self._price(), now))

    def _low_credit(self) -> Micros:
        low = self._remaining is not None and self._remaining <= self._budget.low_credit
        return micros(self._budget.low_credit_every) if low else 0

    def _idle(self, now: Micros) -> bool:
        """Say whether all events that the source knows of are far away; one that has started is still listed."""
        known = self._source.fixtures()
        return known is not None and all(fixture.commence_at > now + ACTIVE for fixture in known)


def _chosen(found: list[Due]) -> Chosen:
    if not found:
        return Chosen()
    nearest = min(found, key=lambda each: each.phase.opens)
    return Chosen(tuple(each.fixture for each in found), nearest.phase.name)
