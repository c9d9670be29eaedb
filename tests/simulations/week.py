"""A week of each cadence against the fake provider: polls by band against the table, credits against the model.

`make credits` prints all of it.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import anyio

from stratumd.config import Budget, Schedule
from stratumd.config.schedules import PRESETS
from stratumd.observe import logs
from stratumd.plugin import DAY, HOUR, MINUTE, Micros, micros
from stratumd.runtime.cadence import cadence_of
from tests.simulations.feed import BEGIN, LISTED, Running, evening, running

SPORTS = ("basketball_nba", "basketball_ncaab", "icehockey_nhl")
CAP = 1_200


class Line(NamedTuple):
    """A band of a preset over all events that went through it whole."""

    preset: str
    band: str
    every: str
    events: int
    table: str
    polls: str
    wrong: int


class Week(NamedTuple):
    """What a run came to."""

    lines: list[Line]
    requests: int
    credits: int
    model: int
    mispriced: int
    dearest_day: int
    counted: int


async def week(preset: str, *, days: int = 7, sports: tuple[str, ...] = SPORTS, daily: int | None = None) -> Week:
    """Run `preset` for so many days."""
    schedule = Schedule.model_validate({"cadence": preset, "max_events_per_cycle": 100})
    budget = Budget(daily_credits=daily)
    games = [game for sport in sports for game in evening(sport, days + 4)]
    async with running(schedule, budget, games) as run:
        cadence = cadence_of(schedule)
        assert cadence is not None
        await run.until(BEGIN + days * DAY, cadence.rhythm)
        return _judged(preset, run, BEGIN + days * DAY)


def _judged(preset: str, run: Running, end: Micros) -> Week:
    polled = _polled(run)
    days: Counter[int] = Counter()
    for poll in run.polls:
        days[poll.started_at // DAY] += poll.cost
    return Week(
        lines=list(_lines(preset, run, polled, end)),
        requests=len(run.provider.served),
        credits=run.provider.used,
        model=sum(poll.price or 0 for poll in run.polls),
        mispriced=sum(poll.price != poll.credits.last for poll in run.polls),
        dearest_day=max(days.values(), default=0),
        counted=run.till.account.spent(run.timer.now())[1],
    )


def _polled(run: Running) -> dict[str, list[Micros]]:
    found: dict[str, list[Micros]] = {}
    for poll in run.polls:
        for id in poll.events:
            found.setdefault(id, []).append(poll.started_at)
    return found


def _lines(preset: str, run: Running, polled: dict[str, list[Micros]], end: Micros) -> list[Line]:
    """Count by the table itself: each band is polled once in every interval of its own."""
    bands = PRESETS[preset]
    lines = []
    for number, band in enumerate(bands):
        opens = LISTED if band.within is None else micros(band.within)
        closes = micros(bands[number + 1].within or band.every) if number + 1 < len(bands) else -15 * MINUTE
        every = micros(band.every)
        wanted: Counter[int] = Counter()
        found: Counter[int] = Counter()
        wrong = 0
        for id, (_, start) in run.season.starts.items():
            begin, stop = start - opens, start - closes
            if begin < BEGIN or stop > end:
                continue
            # The table's count is (stop - begin) / every; the multiples of an interval longer than a band are fewer.
            table = -(-stop // every) - -(-begin // every)
            first = band.within is None and begin % every != 0  # polled at first sight, too
            polls = sum(begin <= at < stop for at in polled.get(id, ()))
            wanted[table + first] += 1
            found[polls] += 1
            wrong += polls != table + first
        lines.append(Line(preset, band.name, _length(every), found.total(), _spread(wanted), _spread(found), wrong))
    return lines


def _spread(counts: Counter[int]) -> str:
    if not counts:
        return "-"
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _length(every: Micros) -> str:
    return f"{every // HOUR}h" if every >= HOUR else f"{every // MINUTE}m"


def show(preset: str, found: Week) -> None:
    """Print a week."""
    for line in found.lines:
        print(
            f"{line.preset:<14}{line.band:<10}{line.every:>6}{line.events:>8}{line.table:>10}{line.polls:>10}{line.wrong:>7}"
        )
    print(
        f"{preset}: {found.requests:,} requests, credits by the provider {found.credits:,}, by the model"
        f" {found.model:,}, counted {found.counted:,}, answers mispriced {found.mispriced}, dearest day"
        f" {found.dearest_day:,}"
    )


def main() -> None:
    """Print a week of every preset, and of the dearer ones under a cap."""
    print(f"{'preset':<14}{'band':<10}{'every':>6}{'events':>8}{'table':>10}{'polls':>10}{'wrong':>7}")
    for preset in PRESETS:
        show(preset, anyio.run(week, preset))
    print(f"\nwith daily_credits: {CAP:,}")
    for preset in ("adaptive", "close-capture"):
        found = anyio.run(_capped, preset)
        print(f"{preset}: credits {found.credits:,} in 7 days, dearest day {found.dearest_day:,} of {CAP:,}")


async def _capped(preset: str) -> Week:
    return await week(preset, daily=CAP)


if __name__ == "__main__":
    logs.configure("error", "console")
    main()
