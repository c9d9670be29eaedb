"""The reports to the operator: when they are due, and what they say to the letter."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import DAY, MINUTE, Micros, micros, to_datetime
from stratumd.runtime.digest import MOST, Worth, daily, last_due, weekly
from stratumd.store import Figures
from stratumd.store.figures import SourceFigures

MONDAY = micros(datetime(2026, 11, 23, 13, tzinfo=UTC))
WEEK = Figures(
    since=MONDAY - 7 * DAY,
    until=MONDAY,
    sources=(
        SourceFigures("nba", 10_080, 12, 30_240, 4_321, 15 * MINUTE),
        SourceFigures("scores", 1_008, 0, 0, None, 11 * MINUTE),
    ),
    events=58,
    started=51,
    watched=50,
    signals={"MOVE": 1_201, "STEAM": 44, "DISLOCATION": 67},
    deliveries={"delivered": 540, "failed": 3, "dead": 1, "expired": 2, "waiting": 0},
    issues={"stale_book": 60, "hold_range": 28},
    alerts=("The source nba is down",),
    database_bytes=412_345_678,
)
WORTH = [Worth("main", "STEAM", 44, 1.234, 61.0), Worth("main", "MOVE", 900, -0.5, None)]
GOLDEN = """\
2026-11-16 13:00 to 2026-11-23 13:00 UTC
Polls: 11,088, failed 12 (99.9 % answered), credits spent 30,240
- nba: polls 10,080, failed 12, longest pause 15m00s, credits 30,240, left 4,321
- scores: polls 1,008, failed 0, longest pause 11m00s, credits 0
Coverage: events observed 58, started 51, of these watched to the start 50 (98.0 %)
Signals: 1,312 (MOVE 1,201, DISLOCATION 67, STEAM 44)
Deliveries: delivered 540, failed attempts 3, dead 1, expired 2, waiting now 0
Quality findings: 88 (stale_book 60, hold_range 28)
Closing-line value so far: STEAM +1.23 %, 61 % beat the close (44 of main); MOVE -0.50 % (900 of main)
Database: 412.3 MB
Wrong now: The source nba is down"""
QUIET = """\
2026-11-22 13:00 to 2026-11-23 13:00 UTC
Polls: 0, failed 0, credits spent 0
Coverage: events observed 0, started 0, of these watched to the start 0
Signals: none
Deliveries: delivered 0, failed attempts 0, dead 0, expired 0, waiting now 0
Quality findings: none
Database: 1.20 GB
Wrong now: nothing"""


def test_the_digest_reads_as_it_is_to_read() -> None:
    notice = weekly(WEEK, WORTH)
    assert (notice.id, notice.kind, notice.title) == ("ops_digest/2026-W48", "ops_digest", "Ops digest 2026-W48")
    assert notice.text == GOLDEN
    assert notice.at == MONDAY
    assert notice.figures["deliveries"]["dead"] == 1
    assert notice.figures["sources"][0]["longest_pause_seconds"] == 900.0
    assert notice.figures["clv"][0]["type"] == "STEAM"
    assert notice.figures["since"] == "2026-11-16T13:00:00Z"


def test_a_day_on_which_nothing_was_reads_well_too() -> None:
    nothing = Figures(MONDAY - DAY, MONDAY, (), 0, 0, 0, {}, {}, {}, (), 1_200_000_000)
    notice = daily(nothing, [])
    assert (notice.id, notice.title, notice.text) == (
        "daily_summary/2026-11-23",
        "Daily summary 2026-11-23",
        QUIET,
    )


def test_long_lists_say_how_much_more_there_is() -> None:
    many = {f"RULE_{number:02}": 100 - number for number in range(MOST + 4)}
    text = weekly(Figures(0, DAY, (), 0, 0, 0, many, {}, many, tuple(many), 0), []).text
    assert text.count(f"RULE_{MOST - 1:02} {100 - MOST + 1} and 4 more") == 2
    assert f"RULE_{MOST:02}" not in text


@pytest.mark.parametrize(("now", "due"), [
    ("2026-11-23T12:59:59", "2026-11-16T13:00:00"), ("2026-11-23T13:00:00", "2026-11-23T13:00:00"),
    ("2026-11-29T23:00:00", "2026-11-23T13:00:00"), ("2027-01-01T00:00:00", "2026-12-28T13:00:00"),
])  # fmt: skip
def test_the_digest_is_due_on_mondays_at_one(now: str, due: str) -> None:
    at = micros(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert to_datetime(last_due(at, time(13), 1)) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@given(
    st.integers(0, 200 * 365 * DAY),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.none() | st.integers(1, 7),
)
def test_the_newest_instant_is_the_newest(now: Micros, at: time, weekday: int | None) -> None:
    due, period = last_due(now, at, weekday), DAY if weekday is None else 7 * DAY
    assert now - period < due <= now
    moment = to_datetime(due)
    assert moment.time() == at
    assert weekday in (None, moment.isoweekday())
    assert last_due(due, at, weekday) == due
    assert last_due(due - 1, at, weekday) == due - period
