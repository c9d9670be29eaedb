"""A sink's digest: its signals of a day or a week in one message."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import Field, model_validator

from stratumd.config.alerts import TimeOfDay
from stratumd.config.section import Hinted, Section

_MONDAY = 1


class SignalDigest(Section):
    """A sink's signals of a day or a week in one message: how many, and the strongest. `when` holds for it, too."""

    every: Literal["daily", "weekly"] = "daily"
    """How often."""
    at: TimeOfDay = "13:00"
    """When it is made, UTC: of what came since the one before."""
    weekday: int | None = Field(default=None, ge=1, le=7)
    """The ISO weekday of a weekly one: 1 is Monday, 7 is Sunday. Monday without it."""
    top: int = Field(default=10, ge=1, le=25)
    """How many signals it shows, the strongest."""
    only: bool = False
    """Whether it comes in place of a message for each signal, and not beside them."""

    @model_validator(mode="after")
    def _one_day(self) -> SignalDigest:
        if self.every == "daily" and self.weekday is not None:
            raise Hinted("a daily digest has no 'weekday'", "remove it, or write every: weekly")
        return self

    @property
    def time(self) -> time:
        """`at` as a time."""
        return time.fromisoformat(self.at)

    @property
    def day(self) -> int | None:
        """The ISO weekday; None where it comes every day."""
        return (self.weekday or _MONDAY) if self.every == "weekly" else None
