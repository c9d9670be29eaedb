"""Reports to the operator, the daily summary and the weekly digest: when they are due, and what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import time
from typing import Any, NamedTuple

import msgspec

from stratumd.plugin import DAY, MINUTE, SECOND, Micros, Notice, iso, to_datetime
from stratumd.store import Figures

DAILY, DIGEST = "daily_summary", "ops_digest"
MOST = 6
"""Types, rules and cells that a line names before it says how many more there are."""


class Worth(NamedTuple):
    """What the prices of one type of signal were worth at the close: a cell of the plugin's summary."""

    pipeline: str
    type: str
    valued: int
    mean_percent: float | None
    beat_close_percent: float | None


def last_due(now: Micros, at: time, weekday: int | None = None) -> Micros:
    """Return the newest instant up to `now` at this time of day, UTC, on this ISO weekday where there is one."""
    daytime = (at.hour * 60 + at.minute) * MINUTE
    day = (now - daytime) // DAY
    if weekday is not None:
        day -= (to_datetime(day * DAY).isoweekday() - weekday) % 7
    return day * DAY + daytime


def daily(figures: Figures, worth: Sequence[Worth]) -> Notice:
    """Return the summary of a day, which is the same notice however often it is made."""
    day = to_datetime(figures.until).date()
    return _report(DAILY, f"{day}", f"Daily summary {day}", figures, worth)


def weekly(figures: Figures, worth: Sequence[Worth]) -> Notice:
    """Return the digest of a week, which is the same notice however often it is made in an ISO week."""
    year, week, _ = to_datetime(figures.until).isocalendar()
    return _report(DIGEST, f"{year}-W{week:02}", f"Ops digest {year}-W{week:02}", figures, worth)


def _report(kind: str, name: str, title: str, figures: Figures, worth: Sequence[Worth]) -> Notice:
    told = {**public(figures), "clv": [each._asdict() for each in worth]}
    return Notice(f"{kind}/{name}", kind, title, "\n".join(lines(figures, worth)), figures.until, figures=told)


def public(figures: Figures) -> dict[str, Any]:
    """Return the figures as JSON values."""
    shown: dict[str, Any] = msgspec.to_builtins(figures)
    sources = [
        {**each, "longest_pause_seconds": each.pop("longest_pause") / SECOND}
        for each in shown["sources"]
    ]  # fmt: skip
    return {**shown, "since": iso(figures.since), "until": iso(figures.until), "sources": sources}


def lines(figures: Figures, worth: Sequence[Worth]) -> Iterator[str]:
    """Yield the report line by line."""
    yield f"{moment(figures.since)} to {moment(figures.until)} UTC"
    yield _polls(figures)
    for each in figures.sources:
        left = "" if each.credits_remaining is None else f", left {each.credits_remaining:,}"
        polled = f"polls {each.polls:,}, failed {each.failed:,}, longest pause {_length(each.longest_pause)}"
        yield f"- {each.source}: {polled}, credits {each.credits:,}{left}"
    yield _coverage(figures)
    yield f"Signals: {_counts(figures.signals)}"
    names = ("delivered", "failed", "dead", "expired", "waiting")
    told = {"failed": "failed attempts", "waiting": "waiting now"}
    yield "Deliveries: " + ", ".join(f"{told.get(name, name)} {figures.deliveries.get(name, 0):,}" for name in names)
    yield f"Quality findings: {_counts(figures.issues)}"
    if worth:
        yield f"Closing-line value so far: {'; '.join(map(_worth, worth[:MOST]))}{_more(len(worth))}"
    yield f"Database: {_bytes(figures.database_bytes)}"
    yield f"Wrong now: {'; '.join(figures.alerts[:MOST]) or 'nothing'}{_more(len(figures.alerts))}"


def _polls(figures: Figures) -> str:
    polls, failed = sum(each.polls for each in figures.sources), sum(each.failed for each in figures.sources)
    share = f" ({(polls - failed) * 100 / polls:.1f} % answered)" if polls else ""
    credits = sum(each.credits for each in figures.sources)
    return f"Polls: {polls:,}, failed {failed:,}{share}, credits spent {credits:,}"


def _coverage(figures: Figures) -> str:
    share = f" ({figures.watched * 100 / figures.started:.1f} %)" if figures.started else ""
    started = f"started {figures.started:,}, of these watched to the start {figures.watched:,}{share}"
    return f"Coverage: events observed {figures.events:,}, {started}"


def _counts(counts: Mapping[str, int]) -> str:
    return f"{sum(counts.values()):,} ({named(counts)})" if counts else "none"


def named(counts: Mapping[str, int]) -> str:
    """Return `MOVE 20, STEAM 7`, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{name} {number:,}" for name, number in ordered[:MOST]) + _more(len(ordered))


def _more(number: int) -> str:
    return f" and {number - MOST} more" if number > MOST else ""


def _worth(each: Worth) -> str:
    mean = "-" if each.mean_percent is None else f"{each.mean_percent:+.2f} %"
    beat = "" if each.beat_close_percent is None else f", {each.beat_close_percent:.0f} % beat the close"
    return f"{each.type} {mean}{beat} ({each.valued:,} of {each.pipeline})"


def moment(at: Micros) -> str:
    """Return `2026-11-23 13:00`, UTC."""
    return to_datetime(at).strftime("%Y-%m-%d %H:%M")


def _length(length: Micros) -> str:
    minutes, seconds = divmod(round(length / SECOND), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"


def _bytes(number: int) -> str:
    return f"{number / 1e9:.2f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
