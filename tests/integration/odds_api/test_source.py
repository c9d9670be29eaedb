"""The odds-api source against the fake provider, over loopback."""

from __future__ import annotations

import asyncio

import anyio
import msgspec
import pytest

from stratumd.errors import SourceError, StratumError
from stratumd.plugin import Credits, PluginConfig, Poll
from stratumd.testing.provider import RecordedContent
from stratumd_odds_api import OddsApiNormalizer
from tests.support.odds_api import EVENT, answer
from tests.support.provider import KEY, NOON, SPORTS, polling, polls

pytestmark = pytest.mark.anyio


def path(poll: Poll) -> str:
    return poll.request.path


async def test_one_sport_one_observation() -> None:
    async with polling() as (provider, source):
        (poll,) = await polls(source)
    observation = poll.observation
    assert observation is not None
    assert poll.error is None
    assert (observation.source, observation.format, observation.received_at) == ("nba", "odds-api", NOON)
    assert observation.request.params == {"regions": "us", "markets": "h2h,spreads,totals", "oddsFormat": "american"}
    assert provider.served[0].headers["user-agent"].startswith("stratumd/")


async def test_what_is_polled_can_be_read() -> None:
    async with polling() as (_, source):
        (poll,) = await polls(source)
    assert poll.observation is not None
    found = OddsApiNormalizer(PluginConfig()).normalize(poll.observation)
    assert [(offer.book, offer.market) for offer, _ in found.listings[0].offers] == [
        ("fanduel", "h2h"),
        ("fanduel", "spreads"),
        ("fanduel", "totals"),
        ("betmgm", "h2h"),
        ("betmgm", "spreads"),
    ]
    assert found.issues == []


async def test_credits_come_from_the_headers() -> None:
    async with polling(fake={"credits": 100}) as (_, source):
        assert source.credits() is None
        (poll,) = await polls(source)
        assert poll.credits == source.credits() == Credits(remaining=97, used=3, last=3)
        assert poll.observation is not None
        assert poll.observation.headers["x-requests-remaining"] == "97"


async def test_credits_come_from_errors_too() -> None:
    async with polling(fake={"credits": 100}) as (provider, source):
        provider.fail_next("UNKNOWN_SPORT")
        (poll,) = await polls(source)
        assert poll.error is not None
        assert source.credits() == Credits(remaining=100, used=0, last=0)


async def test_named_bookmakers_are_asked_for_instead_of_regions() -> None:
    async with polling(bookmakers=["fanduel"]) as (provider, source):
        (poll,) = await polls(source)
    assert poll.request.params["bookmakers"] == "fanduel"
    assert "regions" not in poll.request.params
    assert provider.served[0].cost == 3


async def test_every_feed_is_polled() -> None:
    feeds = ["odds", "events", "scores", "sports"]
    async with polling(feeds=feeds, scores_days=2) as (provider, source):
        found = await polls(source)
    assert sorted(map(path, found)) == [
        "/v4/sports",
        "/v4/sports/basketball_nba/events",
        "/v4/sports/basketball_nba/odds",
        "/v4/sports/basketball_nba/scores",
    ]
    assert all(poll.error is None for poll in found)
    assert provider.used == 3 + 2


async def test_event_markets_are_asked_for_event_by_event() -> None:
    async with polling(feeds=[], event_markets=["player_points", "player_assists"]) as (provider, source):
        listed, odds = await polls(source)
    assert path(listed) == "/v4/sports/basketball_nba/events"
    assert path(odds) == f"/v4/sports/basketball_nba/events/{EVENT}/odds"
    assert provider.used == 1, "only the market that came back costs"


async def test_one_sports_failure_costs_the_others_nothing() -> None:
    async with polling(sports=[SPORTS[0], "nowhere", SPORTS[1]]) as (_, source):
        found = {path(poll): poll for poll in await polls(source)}
    assert len(found) == 3
    failed = found["/v4/sports/nowhere/odds"]
    assert isinstance(failed.error, SourceError)
    assert "edit sports" in str(failed.error)
    assert [name for name, poll in found.items() if poll.observation is None] == ["/v4/sports/nowhere/odds"]


async def test_an_exchange_is_given_out_as_soon_as_it_ended() -> None:
    """The first request hangs until its deadline; the other sport's answer does not wait for it."""
    async with polling(sports=SPORTS[:2], timeout="1s", retries=0) as (provider, source):
        provider.fail_next("hang")
        found = [poll async for poll in source.poll()]
    assert [poll.error is None for poll in found] == [True, False]


@pytest.mark.parametrize("code", ["INVALID_KEY", "DEACTIVATED_KEY", "MISSING_KEY", "OUT_OF_USAGE_CREDITS"])
async def test_a_refused_key_ends_the_poll_without_hammering(code: str) -> None:
    async with polling(sports=SPORTS, concurrency=1) as (provider, source):
        provider.fail_next(code, 10)
        found = await polls(source)
        assert len(provider.served) == len(found) == 1


async def test_a_poll_that_is_given_up_leaves_nothing_running() -> None:
    async with polling(sports=SPORTS, timeout="60s") as (provider, source):
        provider.fail_next("hang", 2)
        with anyio.fail_after(30):
            exchanges = source.poll()
            await anext(exchanges)
            await exchanges.aclose()  # type: ignore[attr-defined]  # an async generator


async def test_a_poll_that_is_cancelled_leaves_nothing_running() -> None:
    async with polling(sports=SPORTS, timeout="60s") as (provider, source):
        before = asyncio.all_tasks()
        provider.fail_next("hang", 3)
        with anyio.move_on_after(0.1):
            await polls(source)
        assert {task for task in asyncio.all_tasks() - before if "_in_turn" in repr(task.get_coro())} == set()


async def test_the_key_is_nowhere_but_in_the_request(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the URL, which httpx logs and its exceptions hold."""
    caplog.set_level("DEBUG")
    async with polling(retries=1) as (provider, source):
        key = provider.key
        kinds = [
            "",
            "500",
            "INVALID_KEY",
            "html",
            "garbage",
            "reset",
            "truncated",
            "redirect",
            "bad_gzip",
            "INVALID_MARKET",
        ]
        for kind in kinds:
            if kind:
                provider.fail_next(kind, 2)
            for poll in await polls(source):
                assert key not in repr(poll)
                assert poll.observation is None or key.encode() not in msgspec.json.encode(poll.observation)
                assert key not in "".join(map(str, everything_of(poll.error)))
        assert key not in repr(source.options) + str(source.options.model_dump())
        assert key not in repr(source.context.log.lines)  # type: ignore[attr-defined]  # the test's own log
        assert all(exchange.params["apiKey"] == key for exchange in provider.served)
    assert "basketball_nba" in caplog.text, "httpx logs its requests at this level"
    assert key not in caplog.text


async def test_a_provider_that_repeats_the_key_is_not_quoted() -> None:
    body = {"message": f"bad request: apiKey={KEY}", "error_code": "INVALID_MARKET"}
    async with polling(RecordedContent([answer(body, status=422)])) as (_, source):
        (poll,) = await polls(source)
    assert "apiKey=***" in str(poll.error)
    assert KEY not in str(poll.error)


def everything_of(error: BaseException | None) -> list[object]:
    """Return an exception's words and fields, and those of all exceptions behind it."""
    found: list[object] = []
    while error is not None:
        found += [error, repr(error), vars(error), repr(getattr(error, "request", None))]
        error = error.__cause__ or error.__context__
    return found


async def test_errors_are_of_stratumds_own_tree() -> None:
    async with polling(retries=0) as (provider, source):
        for kind in ("500", "html", "garbage", "reset", "truncated", "redirect", "bad_gzip", "gzip_bomb"):
            provider.fail_next(kind)
            (poll,) = await polls(source)
            assert isinstance(poll.error, StratumError), kind
