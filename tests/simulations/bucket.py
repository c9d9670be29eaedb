"""A day of the token bucket: quiet hours save, and the hours before three starts spend. `make credits`."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import anyio

from stratumd.config import Budget, Schedule
from stratumd.observe import logs
from stratumd.plugin import DAY, HOUR, MINUTE, Micros
from tests.simulations.feed import BEGIN, Running, evening, running

SPORT = "basketball_nba"
DAILY = 720
STARTS = (19 * HOUR, 22 * HOUR, 23 * HOUR)
WARM = 2
"""Days before the one that is shown: the bucket is full only at the start of a month."""


class Hour(NamedTuple):
    """One hour of the day."""

    hour: int
    polls: int
    credits: int
    saved: int
    """Credits in the bucket at its end."""


class Day(NamedTuple):
    """The day that is shown."""

    hours: list[Hour]
    credits: int
    gaps: dict[str, Micros]
    """The longest time between two polls of an event in the hour before its start, by the start's time of day."""
    dearest: int
    """Credits of the dearest day so far."""


async def day(daily: int = DAILY, warm: int = WARM) -> Day:
    """Run `adaptive` over some days and return the last."""
    schedule, budget = Schedule(cadence="adaptive"), Budget(daily_credits=daily)
    async with running(schedule, budget, evening(SPORT, warm + 3, at=STARTS)) as run:
        await run.until(BEGIN + warm * DAY, MINUTE)
        hours = []
        for hour in range(24):
            begin = BEGIN + warm * DAY + hour * HOUR
            await run.until(begin + HOUR, MINUTE)
            paid = [poll for poll in run.polls if begin <= poll.started_at < begin + HOUR and poll.cost]
            hours.append(Hour(hour, len(paid), sum(poll.cost for poll in paid), run.till.account.level(begin + HOUR)))
        return Day(hours, sum(hour.credits for hour in hours), _gaps(run, BEGIN + warm * DAY), _dearest(run, warm + 1))


def _gaps(run: Running, midnight: Micros) -> dict[str, Micros]:
    found = {}
    for id, (_, start) in run.season.starts.items():
        if midnight <= start < midnight + DAY:
            inside = [poll.started_at for poll in run.polls if id in poll.events]
            times = [start - HOUR, *(at for at in inside if start - HOUR <= at < start), start]
            gap = max(later - earlier for earlier, later in pairwise(times))
            found[f"{(start - midnight) // HOUR:02}:00"] = gap
    return dict(sorted(found.items()))


def _dearest(run: Running, days: int) -> int:
    return max(sum(p.cost for p in run.polls if p.started_at // DAY == BEGIN // DAY + n) for n in range(days))


def main() -> None:
    """Print the day."""
    found = anyio.run(day)
    print(f"daily_credits: {DAILY}, adaptive, starts at 19:00, 22:00 and 23:00")
    print(f"{'hour':<6}{'polls':>7}{'credits':>9}{'saved':>7}")
    for hour in found.hours:
        print(f"{hour.hour:02}:00{hour.polls:>8}{hour.credits:>9}{hour.saved:>7}")
    print(f"{'day':<6}{sum(hour.polls for hour in found.hours):>7}{found.credits:>9}")
    for start, gap in found.gaps.items():
        print(f"longest gap in the hour before {start}: {gap // MINUTE} min {gap % MINUTE // 1_000_000} s")
    print(f"dearest day: {found.dearest} of {DAILY} credits")


if __name__ == "__main__":
    logs.configure("error", "console")
    main()
