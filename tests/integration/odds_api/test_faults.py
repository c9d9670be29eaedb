"""What a network and a provider in trouble can do, and how the source reacts."""

from __future__ import annotations

import anyio
import pytest
from msgspec import structs

from stratumd.errors import BadPayload, RateLimited, SourceError, TransientError, Unauthorized
from stratumd.plugin import Poll, Request
from stratumd.recording import read as recorded
from stratumd.testing.provider import FakeOddsApi, RecordedContent
from stratumd_odds_api.source import OddsApiSource
from tests.support import shared
from tests.support.provider import NOON, polling, polls, source

pytestmark = pytest.mark.anyio

REACTIONS = {
    "INVALID_KEY": Unauthorized,
    "DEACTIVATED_KEY": Unauthorized,
    "OUT_OF_USAGE_CREDITS": RateLimited,
    "HISTORICAL_UNAVAILABLE_ON_FREE_USAGE_PLAN": Unauthorized,
    "UNKNOWN_SPORT": SourceError,
    "INVALID_MARKET": SourceError,
    "INVALID_MARKET_COMBO": SourceError,
    "EXCEEDED_FREQ_LIMIT": RateLimited,
}


async def one(provider: FakeOddsApi, polled: OddsApiSource, kind: str, count: int = 1, **headers: str) -> Poll:
    provider.fail_next(kind, count, **headers)
    (poll,) = await polls(polled)
    return poll


async def test_each_recorded_error_has_its_reaction() -> None:
    """The bodies as users recorded them: four share the status 401 and need two different reactions."""
    found = {}
    for line in recorded(shared("recordings/errors.jsonl")):
        asked = structs.replace(line, request=Request("/v4/sports/basketball_nba/odds"), id="")
        async with polling(RecordedContent([asked]), retries=0) as (_, polled):
            (poll,) = await polls(polled)
        assert isinstance(poll.error, SourceError)
        assert poll.error.status == line.status
        found[poll.error.code] = type(poll.error)
    assert found == REACTIONS


@pytest.mark.parametrize(("code", "reaction"), REACTIONS.items())
async def test_each_error_code_has_its_reaction(code: str, reaction: type[SourceError]) -> None:
    async with polling(retries=0) as (provider, polled):
        poll = await one(provider, polled, code)
    assert type(poll.error) is reaction
    assert poll.error.code == code
    assert poll.observation is None


async def test_credits_that_are_used_up_return_on_the_first() -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, "OUT_OF_USAGE_CREDITS")
    assert isinstance(poll.error, RateLimited)
    assert poll.error.retry_after == 21.5 * 86400, "from January 10th, noon, to February 1st"
    assert "2026-02-01" in str(poll.error)


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "reset", "truncated", "garbage", "EXCEEDED_FREQ_LIMIT"])
async def test_what_passes_is_tried_again(kind: str) -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, kind, 3)
        assert (poll.error, len(provider.served)) == (None, 4)
        assert [fields["path"] for event, fields in polled.context.log.lines if event == "retry"] == (
            ["/v4/sports/basketball_nba/odds"] * 3
        )


@pytest.mark.parametrize(("kind", "code"), [("500", "500"), ("reset", "network"), ("garbage", "protocol")])
async def test_what_does_not_pass_fails_in_the_end(kind: str, code: str) -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, kind, 4)
        assert isinstance(poll.error, TransientError)
        assert (poll.error.code, len(provider.served)) == (code, 4)


@pytest.mark.parametrize(
    "kind",
    ["INVALID_KEY", "UNKNOWN_SPORT", "INVALID_MARKET", "OUT_OF_USAGE_CREDITS", "EVENT_NOT_FOUND", "html", "redirect"],
)
async def test_what_does_not_pass_is_not_tried_again(kind: str) -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, kind)
        assert poll.error is not None
        assert len(provider.served) == 1


async def test_an_answer_that_is_no_json_is_kept() -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, "html")
    assert isinstance(poll.error, BadPayload)
    assert poll.observation is not None
    assert poll.observation.body.startswith(b"<!doctype html>")


async def test_the_poll_after_a_failure_is_as_ever() -> None:
    async with polling(retries=0) as (provider, polled):
        for kind in ("500", "html", "reset", "truncated", "garbage", "bad_gzip", "gzip_bomb", "redirect"):
            assert (await one(provider, polled, kind)).error is not None
            (poll,) = await polls(polled)
            assert poll.error is None, kind


@pytest.mark.parametrize("kind", ["slow", "hang"])
async def test_a_body_that_drips_does_not_stretch_the_deadline(kind: str) -> None:
    async with polling(retries=0, timeout="200ms") as (provider, polled):
        with anyio.fail_after(30):
            poll = await one(provider, polled, kind)
        assert isinstance(poll.error, TransientError)
        assert poll.error.code == "timeout"


async def test_nobody_there() -> None:
    polled = source("http://127.0.0.1:9", retries=0)
    await polled.open()
    (poll,) = await polls(polled)
    await polled.close()
    assert isinstance(poll.error, TransientError)
    assert poll.error.code == "connect"


async def test_gzip_is_unpacked() -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, "gzip")
    assert poll.error is None
    assert poll.observation is not None
    assert poll.observation.body.startswith(b'[{"id":')


async def test_a_small_answer_that_unpacks_without_end_is_given_up() -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, "gzip_bomb")
    assert isinstance(poll.error, BadPayload)
    assert (poll.error.code, poll.observation) == ("too_large", None)


async def test_a_redirect_is_not_followed() -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, "redirect")
    assert "base_url" in str(poll.error)


async def test_the_provider_may_say_how_long_to_wait() -> None:
    """A wait that is longer than a retry's goes to the scheduler."""
    async with polling() as (provider, polled):
        poll = await one(provider, polled, "EXCEEDED_FREQ_LIMIT", retry_after="30")
        assert isinstance(poll.error, RateLimited)
        assert (poll.error.retry_after, len(provider.served)) == (30.0, 1)


async def test_the_provider_may_name_a_date() -> None:
    async with polling() as (provider, polled):
        poll = await one(provider, polled, "EXCEEDED_FREQ_LIMIT", retry_after="Sat, 10 Jan 2026 12:01:00 GMT")
        assert isinstance(poll.error, RateLimited)
        assert poll.error.retry_after == 60.0
        assert poll.started_at == NOON


@pytest.mark.parametrize("wait", ["soon", "-5", "1e9", ""])
async def test_a_wait_that_is_none_is_ignored(wait: str) -> None:
    async with polling() as (provider, polled):
        assert (await one(provider, polled, "EXCEEDED_FREQ_LIMIT", retry_after=wait)).error is None


async def test_an_invalid_market_of_an_event_names_the_option() -> None:
    async with polling(feeds=[], event_markets=["player_free_throws"]) as (_, polled):
        listed, odds = await polls(polled)
    assert listed.error is None
    assert "edit event_markets" in str(odds.error)
    assert "player_free_throws" in str(odds.error)


async def test_an_event_that_ended_meanwhile_fails_for_itself() -> None:
    async with polling(feeds=[], event_markets=["player_points"]) as (provider, polled):
        found = polled.poll()
        first = await anext(found)
        provider.content.games.clear()  # type: ignore[union-attr]  # the test's own content
        second = await anext(found)
        await found.aclose()  # type: ignore[attr-defined]  # an async generator
    assert first.error is None
    assert isinstance(second.error, TransientError)
    assert second.error.code == "EVENT_NOT_FOUND"
