"""What a source has spent and may spend. Pure: told the time, and made again from the poll log after a restart.

A day's credits are a token bucket: it gains `daily_credits` a day, steadily, and holds as much. It is full at the start
of each month, as the provider's quota is, and is thus a function of the month's polls alone. Levels are counted in
credits times microseconds of a day, so that every sum is exact.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

from stratumd.config.schedules import Budget
from stratumd.plugin import DAY, SECOND, Micros, micros, to_datetime


class Spending(NamedTuple):
    """One exchange of the poll log that cost something."""

    at: Micros
    credits: int
    feature: str


class Part(NamedTuple):
    """How much of one budget is spent."""

    name: str
    """`daily_credits`, `monthly_credits`, or a feature."""
    spent: int
    budget: int


class Account:
    """The budgets of one source, from the beginning of the month on. Times go forward."""

    def __init__(self, budget: Budget, now: Micros) -> None:
        self.budget = budget
        self._at = month_of(now)
        self._full = (budget.daily_credits or 0) * DAY
        self._level = self._full
        self._month = 0
        self._today: Counter[str] = Counter()
        self._aside: Counter[str] = Counter()

    def go_to(self, now: Micros) -> None:
        """Let time pass: the bucket fills, days and months end."""
        if now <= self._at:
            return
        if month_of(now) > month_of(self._at):
            self._level, self._month = self._full, 0
        else:
            self._level = min(self._full, self._level + (self.budget.daily_credits or 0) * (now - self._at))
        if now // DAY > self._at // DAY:
            self._today.clear()
        self._at = now

    def spend(self, spending: Spending) -> None:
        """Count what an exchange cost; one that ended in an earlier day or month is none of this one's."""
        self.go_to(spending.at)
        if spending.at < self._at and month_of(spending.at) < month_of(self._at):
            return
        self._level -= spending.credits * DAY
        self._month += spending.credits
        if spending.at // DAY == self._at // DAY:
            self._today[spending.feature] += spending.credits

    def take(self, feature: str, credits: int, now: Micros) -> bool:
        """Put credits aside for a request; False where a budget does not allow it."""
        if credits > self.left(feature, now):
            return False
        self._aside[feature] += credits
        return True

    def settle(self, feature: str, taken: int, spent: int, now: Micros) -> None:
        """Count what a request cost for which `taken` was put aside."""
        self._aside[feature] -= taken
        self.spend(Spending(now, spent, feature))

    def left(self, feature: str, now: Micros) -> int:
        """Return the most that may be spent on `feature` now: the least that any budget leaves."""
        self.go_to(now)
        budget, aside = self.budget, self._aside.total()
        lefts = [_MOST]
        if budget.daily_credits is not None:
            lefts += [self._level // DAY - aside, budget.daily_credits - self._today.total() - aside]
        if budget.monthly_credits is not None:
            lefts.append(budget.monthly_credits - self._month - aside)
        cap = budget.features.get(feature)  # type: ignore[call-overload]  # a plugin may name a feature of its own
        if cap is not None:
            lefts.append(cap - self._today[feature] - self._aside[feature])
        return max(0, min(lefts))

    def level(self, now: Micros) -> int:
        """Return the whole credits in the day's bucket."""
        self.go_to(now)
        return self._level // DAY

    def left_today(self, now: Micros) -> int:
        """Return what is left of the day's credits (UTC); nothing where there are none."""
        self.go_to(now)
        return (self.budget.daily_credits or 0) - self._today.total() - self._aside.total()

    def day_pace(self, credits: int, apart: int = 0) -> Micros:
        """Return the time between two polls of `credits` each that spreads a day's credits evenly; 0 without any.

        `ceil(credits × 86400 / daily_credits)` seconds; `apart` of the day's credits are left to others.
        """
        daily = self.budget.daily_credits
        return 0 if daily is None else -(-credits * 86_400 // max(1, daily - apart)) * SECOND

    def month_pace(self, credits: int, now: Micros) -> Micros:
        """Return the time between two polls that spreads what is left of a month over the rest of it.

        0 so long as less than `warn_percent` of it is spent.
        """
        self.go_to(now)
        monthly = self.budget.monthly_credits
        if monthly is None or self._month * 100 < self.budget.warn_percent * monthly:
            return 0
        return -(-credits * (next_month(now) - now) // max(1, monthly - self._month))

    def parts(self, now: Micros) -> list[Part]:
        """Return every budget with what is spent of it."""
        self.go_to(now)
        budget, found = self.budget, []
        if budget.daily_credits is not None:
            found.append(Part("daily_credits", self._today.total(), budget.daily_credits))
        if budget.monthly_credits is not None:
            found.append(Part("monthly_credits", self._month, budget.monthly_credits))
        return found + [Part(name, self._today[name], cap) for name, cap in budget.features.items()]

    def spent(self, now: Micros) -> tuple[int, int]:
        """Return what was spent today and this month (UTC)."""
        self.go_to(now)
        return self._today.total(), self._month

    def warnings(self, now: Micros) -> list[str]:
        """Say which budgets are spent to `warn_percent` or more."""
        return [
            f"{part.name}: {part.spent:,} of {part.budget:,} credits spent"
            for part in self.parts(now)
            if part.spent * 100 >= self.budget.warn_percent * part.budget and part.budget
        ]


_MOST = 2**53
"""More credits than anybody has: what is left where nothing is limited."""


def month_of(at: Micros) -> Micros:
    """Return when the month of `at` began, UTC: then the provider's credits were new."""
    moment = to_datetime(at)
    return micros(datetime(moment.year, moment.month, 1, tzinfo=UTC))


def next_month(at: Micros) -> Micros:
    """Return when the next month begins, UTC."""
    moment = to_datetime(at)
    return micros(datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC))
