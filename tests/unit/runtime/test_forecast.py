"""What a configuration comes to: rhythm, credits, and which signals can come to be at that rhythm."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratumd.config import Budget, load_config
from stratumd.errors import ConfigError
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
def plan(tmp_path: Path):
    def planned(
        schedule: str = "{every: 60s}", budget: str = "{daily_credits: 1200}", window: str = "3m", known: object = ()
    ) -> Outlook:
        path = tmp_path / "stratumd.yaml"
        path.write_text(FILE.format(schedule=schedule, budget=budget, window=window))
        return outlook(load_config(path), VirtualTimer(NOON), known)

    return planned


def steam(found: Outlook) -> Chance:
    return next(each for each in found.chances if each.type == "STEAM")


def source(found: Outlook) -> Forecast:
    (each,) = found.sources
    return each


def test_an_interval_is_stretched_by_the_days_credits(plan) -> None:
    found = source(plan())
    assert (found.price, found.interval, found.credits_day, found.credits_month) == (9, 648 * SECOND, 1_200, 36_000)
    assert found.due[:2] == (parse_iso(NOON), parse_iso(NOON) + 648 * SECOND)


def test_steam_cannot_fire_and_what_would_make_it(plan) -> None:
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
def test_each_change_is_the_smallest_of_its_kind(plan, budget: str, window: str, can: Can) -> None:
    assert steam(plan(budget=budget, window=window)).can is can


def test_a_schedule_that_is_too_slow_is_named_with_the_credits_it_takes(plan) -> None:
    assert steam(plan("{every: 10m}")).changes[0] == "schedule every: 1m30s and budget daily_credits: 8640"
    assert steam(plan('{cron: "*/10 * * * *"}', "{}")).changes == ("schedule every: 1m30s", "steam window: 20m")


def test_detectors_that_compare_no_polls_are_not_judged(plan) -> None:
    assert {each.type for each in plan().chances} == {"MOVE", "MULTIBOOK_SYNC", "STEAM"}


def test_a_cadence_sees_near_a_start(plan) -> None:
    """Two games: the last hour is polled every minute, and that is affordable."""
    start = parse_iso("2026-01-22T00:00:00Z")
    games = [Fixture(str(n), "basketball_nba", start + n * DAY) for n in range(-1, 3)]
    found = plan("{cadence: close-capture}", "{daily_credits: 700}", known=games)
    assert (steam(found).can, steam(found).within) == (Can.NEAR, HOUR)
    assert source(found).interval == MINUTE
    assert source(found).assumed is False
    assert source(found).credits_day <= 700


def test_a_cadence_without_a_tight_band_needs_one(plan) -> None:
    games = [Fixture(str(n), "basketball_nba", parse_iso(NOON) + n * DAY) for n in range(4)]
    found = steam(plan("{cadence: tiers}", known=games))
    assert found.can is Can.NO
    assert found.changes == ("a band {within: 1h, every: 1m30s}", "steam window: 1h")


def test_a_month_that_will_not_do_is_told(plan) -> None:
    assert any("a month at this rhythm" in line for line in plan(budget="{monthly_credits: 500}").warnings())


def test_advice_names_the_month_where_that_binds(plan) -> None:
    """A faster schedule alone would end the month's credits sooner still."""
    found = plan("{every: 10m}", "{monthly_credits: 20000}")
    assert steam(found).changes == (
        "schedule every: 1m30s and budget monthly_credits: 259200",
        "steam window: 20m and budget monthly_credits: 38880",
    )
    assert found.shortages() == [
        "three: a month at this rhythm takes 38,880 credits, and its budget is 20,000: polls slow down, then stop"
    ]


@pytest.mark.parametrize(
    ("schedule", "budget", "can"),
    [
        ("{every: 90s}", "{monthly_credits: 259200}", Can.YES),
        ("{every: 90s}", "{monthly_credits: 259199}", Can.AT_FIRST),
        ("{every: 60s}", "{monthly_credits: 388800}", Can.YES),
        ("{every: 78s}", "{monthly_credits: 300000}", Can.YES),
        ("{every: 77s}", "{monthly_credits: 300000}", Can.AT_FIRST),
        ("{every: 60s}", "{daily_credits: 8640, monthly_credits: 259200}", Can.YES),
        ("{every: 60s}", "{daily_credits: 8640, monthly_credits: 259199}", Can.AT_FIRST),
    ],
)
def test_what_a_month_allows_is_the_smallest_of_its_kind(plan, schedule: str, budget: str, can: Can) -> None:
    assert steam(plan(schedule, budget)).can is can


def test_a_rhythm_that_would_do_and_whose_month_ends_too_soon(plan) -> None:
    near = steam(plan(budget="{monthly_credits: 300000}"))
    assert near.changes == ("budget monthly_credits: 388800", "schedule every: 1m18s")
    assert "can fire, until the month's credits run short; with budget monthly_credits" in near.told()
    far = steam(plan(budget="{monthly_credits: 20000}"))
    assert far.changes[1] == "schedule every: 19m28s and steam window: 38m56s"


def test_days_and_months_are_named_together(plan) -> None:
    assert steam(plan(budget="{daily_credits: 1200, monthly_credits: 20000}")).changes == (
        "budget daily_credits: 8640 and budget monthly_credits: 259200",
        "steam window: 21m36s and budget monthly_credits: 36000",
    )


def test_a_cadence_is_reckoned_by_the_day_and_its_month_named(plan) -> None:
    """500 credits are gone on the first day: the run ahead of three days must not take that for the rhythm."""
    found = plan("{cadence: close-capture}", "{monthly_credits: 500}")
    assert (steam(found).can, steam(found).within) == (Can.AT_FIRST, HOUR)
    assert steam(found).changes == (f"budget monthly_credits: {30 * (source(found).credits_day or 0)}",)
    assert len(found.shortages()) == 1
    games = [Fixture(str(n), "basketball_nba", parse_iso(NOON) + n * DAY) for n in range(4)]
    tiers = plan("{cadence: tiers}", "{monthly_credits: 500}", known=games)
    assert "a band {within: 1h, every: 1m30s} and budget monthly_credits:" in steam(tiers).told()


def test_a_window_that_is_long_enough_is_not_advised(plan) -> None:
    """Few credits for an evening: there are gaps right before the starts, though a minute is the middle one."""
    start = parse_iso("2026-01-21T00:00:00Z")
    games = [Fixture(str(n), "basketball_nba", start + n // 8 * DAY + n % 8 * 30 * MINUTE) for n in range(24)]
    found = steam(plan("{cadence: close-capture}", "{daily_credits: 200}", known=games))
    assert (found.can, found.interval, found.changes) == (Can.HARDLY, MINUTE, ("budget daily_credits: 1365",))


def test_nothing_is_told_of_what_works(plan) -> None:
    assert plan(budget="{}").warnings() == []


LIVE = """
database: sqlite:///none.db
sources:
  nba:
    use: odds-api
    api_key: k
    sports: [basketball_nba]
    regions: [us]
    schedule: {schedule}
    watch: {{teams: [Boston Celtics, Utah Jazz]}}
    {cycles}
    budget: {budget}
pipelines:
  main: {{sources: [nba], detectors: [consensus, steam, live-shock], sinks: [log]}}
"""
LIMITS = "{daily_credits: 1000, features: {live: 600, props: 90}}"
TIERS, MINUTELY = "{cadence: tiers}", "{every: 60s}"


def live(tmp_path: Path, cycles: str, known: object = (), schedule: str = TIERS, budget: str = LIMITS) -> Outlook:
    path = tmp_path / "live.yaml"
    path.write_text(LIVE.format(schedule=schedule, cycles=cycles, budget=budget))
    return outlook(load_config(path), VirtualTimer(NOON), known)


def shock(found: Outlook) -> Chance:
    return next(each for each in found.chances if each.type == "LIVE_SHOCK")


def test_cycles_are_planned_beside_the_schedule(tmp_path: Path) -> None:
    """Two watched games of an evening, four hours each at most; props from two hours before."""
    cycles = "live: {every: 60s}\n    props: {markets: [player_points, player_assists]}"
    own, odds, props = live(tmp_path, cycles).sources
    assert (own.name, odds.name, props.name) == ("nba", "nba live", "nba props")
    assert (odds.schedule, odds.price, odds.interval, odds.daily) == ("live every 1m", 1, MINUTE, 600)
    assert odds.credits_day == odds.wanted == 270, "from 23:00 to 03:30"
    assert (props.interval, props.wanted, props.daily) == (10 * MINUTE, 48, 90)
    assert (odds.events, odds.assumed) == (2, True)


def test_live_odds_make_shocks_possible_and_a_cadence_alone_does_not(tmp_path: Path) -> None:
    found = shock(live(tmp_path, "live: {every: 60s}"))
    assert (found.can, found.origin) == (Can.YES, "nba live")
    late = shock(live(tmp_path, "live: {every: 90s}"))
    assert (late.can, late.changes) == (Can.HARDLY, ("live every: 1m", "live-shock window: 3m"))
    alone = shock(live(tmp_path, "props: {markets: [player_points]}"))
    assert (alone.can, alone.interval, alone.changes) == (Can.NO, None, ("polls in play, at least every 1m",))


def test_what_an_interval_asks_for_holds_live_odds_too(tmp_path: Path) -> None:
    found = shock(
        live(tmp_path, "props: {markets: [player_points]}", schedule=MINUTELY, budget="{features: {props: 9}}")
    )
    assert (found.can, found.origin) == (Can.YES, "nba")


def test_polls_of_scores_are_compared_by_no_detector(tmp_path: Path) -> None:
    path = tmp_path / "scores.yaml"
    path.write_text(
        "database: sqlite:///none.db\nsources: {scores: {use: nba-scores, schedule: {every: 30s}}}\n"
        "pipelines: {main: {sources: [scores], detectors: [live-shock, steam], sinks: [log]}}\n"
    )
    assert outlook(load_config(path), VirtualTimer(NOON)).chances == ()


def test_pre_match_signals_are_not_judged_by_polls_in_play(tmp_path: Path) -> None:
    found = steam(live(tmp_path, "live: {every: 60s}"))
    assert (found.origin, found.can) == ("nba", Can.NO)


def test_the_interval_leaves_the_cycles_their_share(tmp_path: Path) -> None:
    own, *_ = live(tmp_path, "live: {every: 60s}", schedule=MINUTELY).sources
    assert (own.interval, own.credits_day) == (648 * SECOND, 400)


def test_a_cadence_is_reckoned_with_what_its_cycles_leave(tmp_path: Path) -> None:
    cycles = "live: {every: 60s}\n    props: {markets: [player_points, player_assists]}"
    own, odds, props = live(tmp_path, cycles, budget="{daily_credits: 1000, features: {live: 600, props: 90}}").sources
    assert own.daily == 1_000
    assert sum(each.credits_day or 0 for each in (own, odds, props)) <= 1_000


def test_a_month_is_shared_with_the_cycles(tmp_path: Path) -> None:
    budget = "{monthly_credits: MONTH, features: {live: 600}}"
    found = live(tmp_path, "live: {every: 60s}", budget=budget.replace("MONTH", "9000"))
    own, odds = found.sources
    whole = 30 * ((own.credits_day or 0) + (odds.credits_day or 0))
    assert whole > 9_000
    assert shock(found).changes == (f"budget monthly_credits: {whole}",)
    enough = live(tmp_path, "live: {every: 60s}", budget=budget.replace("MONTH", str(whole)))
    assert (shock(enough).can, enough.shortages()) == (Can.YES, [])


def test_a_budget_that_ends_before_the_games_do_is_told(tmp_path: Path) -> None:
    (told, *_) = live(tmp_path, "live: {every: 60s}", budget="{features: {live: 100}}").warnings()
    assert told == (
        "nba live: what is watched can take 270 credits a day, and its budget is 100: then its polls end before the day"
        " does"
    )
    assert live(tmp_path, "live: {every: 60s}", budget="{features: {live: 100}}").shortages() == [told]


def test_only_watched_games_are_reckoned_with(tmp_path: Path) -> None:
    start = parse_iso("2026-01-21T20:00:00Z")
    games = [
        Fixture("a", "basketball_nba", start, "Boston Celtics", "Miami Heat"),
        Fixture("b", "basketball_nba", start + HOUR, "Chicago Bulls", "Miami Heat"),
    ]
    _, odds = live(tmp_path, "live: {every: 60s}", games).sources
    assert (odds.events, odds.credits_day, odds.assumed) == (1, 240, False)
    _, none = live(tmp_path, "live: {every: 60s}", games[1:]).sources
    assert (none.events, none.credits_day) == (0, 0)


def test_a_cycle_without_a_budget_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        live(tmp_path, "live: {every: 60s}", budget="{daily_credits: 1000}")
    (problem,) = caught.value.problems
    assert problem.message == "'live' of source 'nba' has no budget of its own"
    assert problem.hint == "add 'budget: {features: {live: 200}}', in credits a day"


def test_a_band_called_like_a_cycle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        live(tmp_path, "live: {every: 60s}", schedule="{cadence: [{name: live, every: 5m}]}")
    (problem,) = caught.value.problems
    assert problem.message == "a band of source 'nba' is called 'live', like what it asks in a rhythm of its own"


def test_budgets_are_nobodys_by_default() -> None:
    assert Budget().daily_credits is None


@pytest.mark.parametrize(("schedule", "told"), [("{every: 60s}", True), ("{cadence: tiers}", False)])
def test_a_quick_look_runs_no_days_ahead(tmp_path: Path, schedule: str, told: bool) -> None:
    path = tmp_path / "stratumd.yaml"
    path.write_text(FILE.format(schedule=schedule, budget="{daily_credits: 1200}", window="3m"))
    found = outlook(load_config(path), VirtualTimer(NOON), quick=True)
    assert bool(found.sources) is bool(found.blind()) is told
    assert outlook(load_config(path), VirtualTimer(NOON)).blind()


HEARD = """
database: sqlite:///none.db
sources:
  demo: {{use: demo, schedule: {{every: 2s}}}}
  other: {{use: nba-scores, schedule: {{every: 12h}}}}
  mine: {{use: projection, path: p.csv, sports: [basketball_nba], schedule: {{every: {every}}}, again: {again}}}
pipelines:
  main: {{sources: [demo, other, mine], detectors: [consensus, projection: {{heard_within: {within}}}], sinks: [log]}}
"""


def heard(tmp_path: Path, every: str, within: str, again: str = "15m") -> Outlook:
    path = tmp_path / "heard.yaml"
    path.write_text(HEARD.format(every=every, within=within, again=again))
    return outlook(load_config(path), VirtualTimer(NOON), quick=True)


def test_news_that_is_not_told_as_often_as_it_counts_is_warned_of(tmp_path: Path) -> None:
    assert heard(tmp_path, "6h", "1h").blind() == [
        "projection: MISPRICED: window 1h, news once in 6h (mine): fires only within 1h of it; with schedule every: 1h,"
        " or projection heard_within: 6h it can at any time"
    ]
    assert heard(tmp_path, "1h", "1h").blind() == []


def test_news_that_is_told_again_too_rarely_is_warned_of(tmp_path: Path) -> None:
    """A file that does not change is told again at the first poll after `again`."""
    (chance,) = [each for each in heard(tmp_path, "20m", "1h", again="90m").chances if each.type == "MISPRICED"]
    assert (chance.can, chance.interval, chance.changes) == (
        Can.AT_TIMES,
        100 * MINUTE,
        ("projection heard_within: 1h40m",),
    )
    assert heard(tmp_path, "1m", "1h").blind() == []


def test_a_poll_that_comes_just_when_news_is_to_be_told_again_may_come_too_early(tmp_path: Path) -> None:
    """Then the next one tells it: polls are some milliseconds off their rhythm."""
    (chance,) = [each for each in heard(tmp_path, "30m", "1h", again="1h").chances if each.type == "MISPRICED"]
    assert (chance.can, chance.interval) == (Can.AT_TIMES, 90 * MINUTE)
    assert chance.changes == ("projection heard_within: 1h30m",)
    (chance,) = [each for each in heard(tmp_path, "2h", "1h", again="1h").chances if each.type == "MISPRICED"]
    assert chance.changes == ("projection heard_within: 2h",)
