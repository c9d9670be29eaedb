"""Backfill against the fake provider's historical endpoints, on both databases."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import func, select

from stratumd.config import Budget, SourceSpec
from stratumd.errors import Unauthorized
from stratumd.odds import canonical_team
from stratumd.plugin import DAY, Event, Observation, parse_iso
from stratumd.registry import load
from stratumd.runtime.backfill import (
    Backfill,
    Limits,
    Progress,
    Wanted,
    choose,
    credits_left,
    history_of,
    outlook,
    sample,
)
from stratumd.runtime.build import Feed, build_normalizer, build_source
from stratumd.runtime.clock import SystemTimer
from stratumd.store import Store, open_store
from stratumd.store.tables import observations, polls
from stratumd.testing.provider import FakeOddsApi, History
from stratumd_odds_api import OddsApiSource
from tests.integration.backfill.season import DAYS, START, STEP, games, snapshots

pytestmark = pytest.mark.anyio

REGISTRY = load(["odds-api"])
SPORT = "basketball_nba"
ALL = Wanted(SPORT, ("h2h",), START, START + DAYS * DAY, STEP)
INSTANTS = DAYS * 4
TWENTY = 20
NONE = Limits()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'past.db'}")
    yield opened
    opened.close()


@pytest.fixture
def either(database_url: str) -> Iterator[Store]:
    """A store on each engine, for what depends on it."""
    opened = open_store(database_url)
    yield opened
    opened.close()


@asynccontextmanager
async def provider(**options: Any) -> AsyncIterator[FakeOddsApi]:
    async with FakeOddsApi(History(snapshots()), **options) as fake:
        yield fake


def feed(fake: FakeOddsApi, budget: Budget = Budget(), **options: Any) -> Feed:  # noqa: B008  # immutable
    quick = {"backoff": "1ms", "max_backoff": "2ms", "retries": 0}
    chosen = {"api_key": fake.key, "base_url": fake.url, "sports": [SPORT], "regions": ["us"], **quick, **options}
    spec = SourceSpec(
        "nba", "odds-api", OddsApiSource, OddsApiSource.config.model_validate(chosen), None, budget=budget
    )
    return build_source(spec, REGISTRY, SystemTimer())


async def run(
    fake: FakeOddsApi,
    store: Store,
    wanted: Wanted = ALL,
    limits: Limits = NONE,
    report: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Progress:
    _, remaining = await credits_left(feed(fake, **options))
    normalizer = build_normalizer("odds-api", REGISTRY)
    filling = Backfill(
        "nba", feed(fake, **options), normalizer, store, wanted, limits, remaining=remaining, report=report
    )
    return await filling.run()


def stored(store: Store) -> dict[str, Observation]:
    answered = store.answered(history_of("nba"))
    query = select(observations.c.id).where(observations.c.source == history_of("nba"))
    from stratumd.store.observations import fetch

    with store._readers.connect() as connection:
        ids = [*connection.scalars(query.order_by(observations.c.id))]
        found = {each.id: each for each in fetch(connection, ids)}
    assert all(answered.get(each.request) is not None for each in found.values())
    return found


def asked(fake: FakeOddsApi) -> list[Any]:
    return [each for each in fake.served if "/historical/" in each.path]


async def test_every_snapshot_is_kept_as_a_part_of_the_past(either: Store) -> None:
    async with provider() as fake:
        progress = await run(fake, either)
    found = stored(either)
    assert (progress.requests, progress.kept, progress.skipped, progress.failed) == (INSTANTS, INSTANTS, 0, 0)
    assert (progress.done, progress.steps, progress.stopped) == (INSTANTS, INSTANTS, "")
    assert progress.credits == fake.used == 10 * INSTANTS
    assert {each.origin for each in found.values()} == {"historical"}
    assert sorted(each.received_at for each in found.values()) == [START + n * STEP for n in range(INSTANTS)]
    assert len(progress.events) == len(games())
    assert len(progress.teams) == 12


async def test_the_present_is_not_touched_by_the_past(store: Store) -> None:
    async with provider() as fake:
        await run(fake, store)
    assert store.pending("nba", ["nba"], 10) == []


async def test_a_second_run_asks_for_nothing(store: Store) -> None:
    async with provider() as fake:
        await run(fake, store)
        before = len(asked(fake))
        progress = await run(fake, store)
        assert len(asked(fake)) == before
    assert (progress.requests, progress.kept, progress.skipped) == (0, 0, INSTANTS)
    assert len(progress.events) == len(games())


class Killed(Exception):
    """In place of a kill: nothing after it runs."""


async def test_killed_and_resumed_twenty_times_is_as_good_as_uninterrupted(database_url: str, tmp_path: Any) -> None:
    await killed_and_resumed(ALL, f"sqlite:///{tmp_path / 'whole.db'}", database_url)


async def test_a_sample_that_is_resumed_is_the_same_sample(tmp_path: Any) -> None:
    sampled = ALL._replace(sample=0.25)
    await killed_and_resumed(sampled, f"sqlite:///{tmp_path / 'whole.db'}", f"sqlite:///{tmp_path / 'broken.db'}", 6)


async def killed_and_resumed(wanted: Wanted, whole_url: str, broken_url: str, kills: int = TWENTY) -> None:
    """Compare a run that is stopped so many times, each time with all of its memory gone, with one that is not."""
    draw = random.Random(7)  # the same moments each time
    whole = open_store(whole_url)
    async with provider() as once, provider() as often:
        progress = await run(once, whole, wanted)
        for _ in range(kills):
            left = draw.randint(0, 1)

            def kill(progress: Progress, left: int = left) -> None:
                if progress.requests > left:
                    raise Killed

            broken = open_store(broken_url)
            with pytest.raises(Killed):
                await resume(often, broken, wanted, kill)
            broken.close()
        broken = open_store(broken_url)
        last = await resume(often, broken, wanted)
        assert stored(broken) == stored(whole)
        assert last.kept + last.skipped == progress.kept
        assert (last.events, last.teams, last.wanted) == (progress.events, progress.teams, progress.wanted)
        assert often.used == once.used, "nothing is paid for twice"
        assert len(asked(often)) == len(asked(once))
    whole.close()
    broken.close()


async def resume(
    fake: FakeOddsApi,
    store: Store,
    wanted: Wanted = ALL,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Run without asking first what is left."""
    normalizer = build_normalizer("odds-api", REGISTRY)
    return await Backfill("nba", feed(fake), normalizer, store, wanted, NONE, report=report).run()


@pytest.mark.parametrize("most", [0, 1, 7])
async def test_it_stops_exactly_at_the_most_requests(store: Store, most: int) -> None:
    async with provider() as fake:
        progress = await run(fake, store, limits=Limits(requests=most))
        assert len(asked(fake)) == progress.requests == most
        assert progress.limited
        again = await run(fake, store, limits=Limits(requests=most))
        assert len(asked(fake)) == 2 * most
        assert again.skipped == most


@pytest.mark.parametrize(("credits", "left"), [(100, 30), (105, 30), (109, 0), (5, 0), (30, 30)])
async def test_what_is_to_be_left_is_left(store: Store, credits: int, left: int) -> None:
    async with provider(credits=credits) as fake:
        progress = await run(fake, store, limits=Limits(remaining=left))
        assert fake.remaining >= left
        assert fake.remaining - 10 < left, "it goes as far as it may"
        assert progress.remaining == fake.remaining
        assert progress.limited


@pytest.mark.parametrize("most", [1, 5, 14])
async def test_it_stops_exactly_at_the_most_events(store: Store, most: int) -> None:
    async with provider() as fake:
        progress = await run(fake, store, limits=Limits(events=most))
    first = sorted(games(), key=lambda game: (game["commence_time"], game["id"]))[:most]
    assert progress.events == {game["id"] for game in first}
    assert progress.wanted == most


async def test_a_sample_is_spread_over_the_season_with_every_team(store: Store) -> None:
    async with provider() as fake:
        progress = await run(fake, store, ALL._replace(sample=0.2))
    starts = sorted(parse_iso(game["commence_time"]) for game in games() if game["id"] in progress.events)
    assert progress.teams == {team for game in games() for team in (game["home_team"], game["away_team"])}
    assert len(starts) < len(games()) / 2
    assert max(later - earlier for earlier, later in pairwise(starts)) < 4 * DAY


async def test_markets_that_cannot_be_asked_for_together_are_asked_for_event_by_event(store: Store) -> None:
    async with FakeOddsApi(History(snapshots(markets=("player_points",)))) as fake:
        short = ALL._replace(markets=("player_points",), end=START + DAY)
        progress = await run(fake, store, short)
        assert progress.singly
        assert progress.failed == 0
        paths = [each.path.rsplit("/", 1)[-1] for each in asked(fake)]
        assert paths.count("events") == 4
        refused = [each for each in asked(fake) if each.status == 422]
        assert len(refused) == 1
        again = await run(fake, store, short)
        assert again.kept == 0
    assert len(progress.events) == 6


async def test_what_failed_is_asked_for_again_the_next_time(store: Store) -> None:
    async with provider() as fake:
        fake.fail_next("500", 1)
        fake.fail_next("not_json", 1)
        progress = await resume(fake, store)
        assert (progress.kept, progress.failed) == (INSTANTS - 2, 2)
        again = await run(fake, store)
        assert (again.kept, again.failed) == (2, 0)


async def test_it_gives_up_where_nothing_succeeds(store: Store) -> None:
    async with provider() as fake:
        fake.fail_next("500", 50)
        progress = await resume(fake, store)
        assert "5 questions failed one after the other" in progress.stopped
        assert not progress.limited
        assert len(asked(fake)) == 5


async def test_a_free_plan_is_refused_at_the_first_request(store: Store) -> None:
    async with provider(paid=False) as fake:
        with pytest.raises(Unauthorized, match="historical odds need a paid plan"):
            await run(fake, store)
        assert len(asked(fake)) == 1


async def test_an_empty_quota_ends_it_without_harm(store: Store) -> None:
    async with provider(credits=25) as fake:
        progress = await run(fake, store)
        assert "no credits left this month" in progress.stopped
        assert progress.kept == 3


async def test_the_budget_of_the_source_holds_also_over_several_runs(store: Store) -> None:
    budget = Budget(features={"historical": 45})
    async with provider() as fake:
        progress = await run(fake, store, budget=budget)
        assert "the budget of the source allows no more" in progress.stopped
        assert (progress.kept, progress.requests, fake.used) == (4, 4, 40)
        again = await run(fake, store, budget=budget)
        assert (again.kept, again.skipped, fake.used) == (0, 4, 40)


async def test_the_poll_log_tells_what_it_cost(either: Store) -> None:
    async with provider() as fake:
        await run(fake, either, limits=Limits(requests=3))
    with either._readers.connect() as connection:
        cost = connection.scalar(select(func.sum(polls.c.credits_last)).where(polls.c.source == "nba"))
    assert cost == 30
    assert sum(each.credits for each in either.charges("nba", 0)) == 30
    assert {each.feature for each in either.charges("nba", 0)} == {"historical"}


async def test_a_probe_writes_nothing_and_says_what_it_would_take(tmp_path: Any) -> None:
    async with provider(credits=400) as fake:
        normalizer = build_normalizer("odds-api", REGISTRY)
        found = await outlook(feed(fake), normalizer, ALL, Limits())
        assert (found.requests, found.credits, found.enough) == (INSTANTS, 10 * INSTANTS, False)
        assert (found.listed, found.told_at) == (6, START)
        assert fake.used == 1
        assert (await outlook(feed(fake), normalizer, ALL, Limits(requests=3))).enough
    assert [*tmp_path.iterdir()] == []


async def test_a_cancelled_run_closes_its_source_and_keeps_what_it_has(store: Store) -> None:
    async with provider() as fake:
        with anyio.move_on_after(5):

            def stop(progress: Progress) -> None:
                if progress.kept == 4:
                    raise Killed

            with pytest.raises(Killed):
                await run(fake, store, report=stop)
    assert len(stored(store)) == 4


def event(number: int, home: str, away: str) -> Event:
    return Event(f"{number:04d}", SPORT, home, away, START + number * DAY)


def test_a_sample_draws_no_lots_and_takes_every_so_many_th() -> None:
    teams = ["Boston Celtics", "Utah Jazz"]
    season = [event(number, *(teams if number % 2 else teams[::-1])) for number in range(100)]
    shuffled = random.Random(3).sample(season, 100)
    assert sample(shuffled, 0.1) == sample(season, 0.1)
    gaps = [int(each.id) for each in sample(season, 0.1)]
    assert gaps == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]
    assert sample([], 0.5) == []
    assert sample(season, 1.0) == season


def test_a_team_that_plays_once_is_in_every_sample() -> None:
    season = [event(number, "Boston Celtics", "Utah Jazz") for number in range(50)]
    season[17] = event(17, "Miami Heat", "LA Clippers")
    chosen = {canonical_team(SPORT, name) for each in sample(season, 0.04) for name in (each.home, each.away)}
    assert {"Miami Heat", "Los Angeles Clippers"} <= chosen


def test_a_sample_of_more_than_allowed_is_thinned_evenly() -> None:
    season = [event(number, "Boston Celtics", "Utah Jazz") for number in range(DAYS)]
    wanted = ALL._replace(sample=1.0)
    assert [int(each.id) for each in choose(season, wanted, 3)] == [2, 6, 10]
