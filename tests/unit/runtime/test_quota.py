"""What a source's credits will do until they are new."""

from __future__ import annotations

import pytest

from stratumd.config.schedules import Budget
from stratumd.plugin import DAY, HOUR, MINUTE, Micros, parse_iso
from stratumd.runtime.quota import QuotaRow

NOON: Micros = parse_iso("2026-01-12T12:00:00Z")


def spent(credits: int, since: Micros, left: int = 1_000_000) -> QuotaRow:
    return QuotaRow("nba", NOON, NOON, left, credits, credits, credits, credits, NOON - since, Budget())


@pytest.mark.parametrize(
    ("credits", "since", "daily"),
    [
        (4_320, 9 * DAY, 4_320),
        (4_320, DAY, 4_320),
        (180, HOUR, 4_320),  # the first hour is not taken for a day
        (360, 2 * HOUR, 4_320),
        (30, MINUTE, 720),  # what is asked at the start is not taken for a pace
        (0, 0, 0),
    ],
)
def test_a_young_source_is_projected_at_its_own_pace(credits: int, since: Micros, daily: int) -> None:
    assert spent(credits, since).daily == daily


def test_it_warns_in_its_first_hours() -> None:
    young = spent(180, HOUR, left=20_000)
    assert young.projected == 20_000 - 4_320 * 19 - 2_160
    assert young.warnings() == ["at 4,320 credits a day the 20,000 left will last 4.6 days"]


def test_a_provider_that_says_less_than_nothing_is_left_breaks_nothing() -> None:
    assert spent(0, DAY, left=-1).warnings() == []
