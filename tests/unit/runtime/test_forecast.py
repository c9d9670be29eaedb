"""What a configuration comes to: rhythm, credits, and which signals can come to be at that rhythm."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratumd.config import Budget, load_config
from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Fixture, parse_iso
from stratumd.runtime.detectability import Can, Chance
from stratumd.runtime.forecast import Forecast
from stratumd.runtime.planning import Outlook, outlook
from tests.unit.runtime.virtual import VirtualTimer

NOON = "2026-01-20T12:00:00Z"
FILE = """
database: sqlite:///none.db
sources:
  three:
    use: odds-api
    api_key: k
    sports: [basketball_nba, basketball_ncaab, americanfootball_nfl]
    regions: [us]
    schedule: {schedule}
    budget: {budget}
pipelines:
  main:
    sources: [three]
    detectors: [consensus, move, dislocation, {{steam: {{window: {window}}}}}]
    sinks: [log]
"""


@pytest.fixture
def plan(tmp_path: Path):  # type: ignore[no-untyped-def]
    def planned(
        schedule: str = "{every: 60s}", budget: str = "{daily_credits: 1200}", window: str = "3m", known: object = ()
    ) -> Outlook:
        path = tmp_path / "stratumd.yaml"
        path.write_text(FILE.format(schedule=schedule, budget=budget, window=window))
        return outlook(load_config(path), VirtualTimer(NOON), known)  # type: ignore[arg-type]

    return planned


def steam(found: Outlook) -> Chance:
    return next(each for each in found.chances if each.type == "STEAM")


def source(found: Outlook) -> Forecast:
    (each,) = found.sources
    return each


def test_an_interval_is_stretched_by_the_days_credits(plan) -> None:  # type: ignore[no-untyped-def]
    found = source(plan())
    assert (found.price, found.interval, found.credits_day, found.credits_month) == (9, 648 * SECOND, 1_200, 36_000)
    assert found.due[:2] == (parse_iso(NOON), parse_iso(NOON) + 648 * SECOND)


def test_steam_cannot_fire_and_what_would_make_it(plan) -> None:  # type: ignore[no-untyped-def]
    found = steam(plan())
    assert found.can is Can.NO
    assert found.changes == (
        "budget daily_credits: 8640",
        "steam window: 21m36s",
        "polls of 1 credit (now 9)",
    )
    assert found.told() == (
        "steam: STEAM: window 3m, one poll in 10m48s (three): cannot fire; with budget daily_credits: 8640, or steam"
        " window: 21m36s, or polls of 1 credit (now 9) it can"
    )


@pytest.mark.parametrize(
    ("budget", "window", "can"),
    [
        ("{daily_credits: 8640}", "3m", Can.YES),
        ("{daily_credits: 8639}", "3m", Can.HARDLY),
        ("{daily_credits: 1200}", "21m36s", Can.YES),
        ("{daily_credits: 1200}", "21m35s", Can.HARDLY),
        ("{}", "3m", Can.YES),
    ],
)
def test_each_change_is_the_smallest_of_its_kind(plan, budget: str, window: str, can: Can) -> None:  # type: ignore[no-untyped-def]
    assert steam(plan(budget=budget, window=window)).can is can


def test_a_schedule_that_is_too_slow_is_named_with_the_credits_it_takes(plan) -> None:  # type: ignore[no-untyped-def]
    assert steam(plan("{every: 10m}")).changes[0] == "schedule every: 1m30s and budget daily_credits: 8640"
    assert steam(plan('{cron: "*/10 * * * *"}', "{}")).changes == ("schedule every: 1m30s", "steam window: 20m")


def test_detectors_that_compare_no_polls_are_not_judged(plan) -> None:  # type: ignore[no-untyped-def]
    assert {each.type for each in plan().chances} == {"MOVE", "MULTIBOOK_SYNC", "STEAM"}


def test_a_cadence_sees_near_a_start(plan) -> None:  # type: ignore[no-untyped-def]
    """Two games: the last hour is polled every minute, and that is affordable."""
    start = parse_iso("2026-01-22T00:00:00Z")
    games = [Fixture(str(n), "basketball_nba", start + n * DAY) for n in range(-1, 3)]
    found = plan("{cadence: close-capture}", "{daily_credits: 700}", known=games)
    assert (steam(found).can, steam(found).within) == (Can.NEAR, HOUR)
    assert source(found).interval == MINUTE
    assert source(found).assumed is False
    assert source(found).credits_day <= 700


def test_a_cadence_without_a_tight_band_needs_one(plan) -> None:  # type: ignore[no-untyped-def]
    games = [Fixture(str(n), "basketball_nba", parse_iso(NOON) + n * DAY) for n in range(4)]
    found = steam(plan("{cadence: tiers}", known=games))
    assert found.can is Can.NO
    assert found.changes == ("a band {within: 1h, every: 1m30s}", "steam window: 1h")


def test_a_month_that_will_not_do_is_told(plan) -> None:  # type: ignore[no-untyped-def]
    assert any("a month at this rhythm" in line for line in plan(budget="{monthly_credits: 500}").warnings())


def test_nothing_is_told_of_what_works(plan) -> None:  # type: ignore[no-untyped-def]
    assert plan(budget="{}").warnings() == []


def test_budgets_are_nobodys_by_default() -> None:
    assert Budget().daily_credits is None
