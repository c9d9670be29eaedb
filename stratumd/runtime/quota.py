"""What a source has used of its quota, and how far that will go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stratumd.config.schedules import Budget
from stratumd.plugin import DAY, HOUR, Micros, iso
from stratumd.runtime.account import month_of, next_month
from stratumd.store import Reader

_LEAST: Micros = HOUR  # what a daemon asks at its start, all at once, is no pace


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """One source's quota at `at`. `remaining` and `used` are the provider's word, the other counts our own."""

    source: str
    at: Micros
    told_at: Micros
    """When the provider said so."""
    remaining: int | None
    used: int | None
    month: int
    today: int
    last_day: int
    """Spent in the last 24 hours."""
    counted_since: Micros
    """When the first credit was counted that is known."""
    budget: Budget

    @property
    def reset(self) -> Micros:
        """When the provider's credits are new: the 1st of the next month, UTC."""
        return next_month(self.at)

    @property
    def daily(self) -> int:
        """What a day costs at the pace of the last 24 hours, or of the hours since the first credit was counted."""
        return self.last_day * DAY // min(DAY, max(_LEAST, self.at - self.counted_since))

    @property
    def projected(self) -> int | None:
        """What will be left then, if it goes on at this pace; negative where it will not do."""
        if self.remaining is None:
            return None
        return self.remaining - self.daily * (self.reset - self.at) // DAY

    def warnings(self) -> list[str]:
        """Say where it will not do, and which budgets are spent to `warn_percent`."""
        found = []
        if self.projected is not None and self.projected < 0 < self.daily:
            days = (self.remaining or 0) * 10 // self.daily / 10
            found.append(f"at {self.daily:,} credits a day the {self.remaining:,} left will last {days:g} days")
        parts = {"daily_credits": (self.today, self.budget.daily_credits)}
        parts["monthly_credits"] = (self.month, self.budget.monthly_credits)
        for name, (spent, budget) in parts.items():
            if budget is not None and spent * 100 >= self.budget.warn_percent * budget:
                found.append(f"{name}: {spent:,} of {budget:,} credits spent")
        return found

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the command shows."""
        return {
            "source": self.source,
            "at": iso(self.at),
            "told_at": iso(self.told_at),
            "remaining": self.remaining,
            "used": self.used,
            "today": self.today,
            "daily_credits": self.budget.daily_credits,
            "month": self.month,
            "monthly_credits": self.budget.monthly_credits,
            "last_24h": self.last_day,
            "daily_pace": self.daily,
            "projected_at_reset": self.projected,
            "reset_at": iso(self.reset),
            "warnings": self.warnings(),
        }


def quotas(reader: Reader, budgets: Mapping[str, Budget], now: Micros) -> list[QuotaRow]:
    """Return the quota of every source whose provider speaks of one, by name."""
    return [
        QuotaRow(
            *(q.source, now, q.at, q.remaining, q.used, q.month, q.today, q.last_day, q.counted_since),
            budgets.get(q.source, Budget()),
        )
        for q in reader.quotas(now, month_of(now))
    ]
