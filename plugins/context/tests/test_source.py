"""The client against a fake SportsDataIO on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stratumd.errors import BadPayload, RateLimited, SourceError, TransientError, Unauthorized
from stratumd.plugin import Poll, Secret, parse_iso
from stratumd.testing.lent import SourceContext
from stratumd.testing.sportsdata import KEY, PATH, FakeSportsData, injured
from stratumd_context import SportsDataIO

pytestmark = pytest.mark.anyio
NOON = parse_iso("2026-01-10T17:00:00Z")


@asynccontextmanager
async def opened(fake: FakeSportsData, **options: Any) -> AsyncIterator[SportsDataIO]:
    async with fake:
        given = {"base_url": fake.url, "key": Secret(KEY), **options}
        source = SportsDataIO(SportsDataIO.config.model_validate(given), SourceContext("injuries", NOON))
        await source.open()
        try:
            yield source
        finally:
            await source.close()


async def polled(source: SportsDataIO) -> Poll:
    (poll,) = [poll async for poll in source.poll()]
    return poll


async def test_the_list_is_kept_as_received_and_the_key_goes_into_a_header_alone() -> None:
    fake = FakeSportsData([injured("GS", "Stephen Curry")])
    async with opened(fake) as source:
        poll = await polled(source)
    found = poll.observation
    assert found is not None
    assert (found.source, found.format, found.received_at, found.request.path) == ("injuries", "context", NOON, PATH)
    assert b"Curry" in found.body
    assert fake.served[0].params == {}
    assert KEY not in repr((poll, source.options))


@pytest.mark.parametrize(
    ("fault", "error", "word"),
    [
        ("401", Unauthorized, "refuses the key"),
        ("403", Unauthorized, "refuses the key"),
        ("404", SourceError, "unexpected answer"),
        ("429", RateLimited, "fewer requests"),
        ("503", TransientError, "has a problem"),
        ("not_json", BadPayload, ""),
        ("truncated", TransientError, ""),
    ],
)
async def test_what_goes_wrong_is_named_and_never_raised(fault: str, error: type[Exception], word: str) -> None:
    fake = FakeSportsData()
    async with opened(fake) as source:
        fake.fail_next(fault)
        poll = await polled(source)
        assert (await polled(source)).error is None
    assert type(poll.error) is error
    assert word in str(poll.error)
    assert KEY not in repr(poll.error)


async def test_an_answer_that_hangs_ends_at_the_timeout() -> None:
    fake = FakeSportsData()
    async with opened(fake, timeout="200ms") as source:
        fake.fail_next("hang")
        poll = await polled(source)
    assert isinstance(poll.error, TransientError)
    assert poll.error.code == "timeout"


@pytest.mark.parametrize(
    "wrong", [{"base_url": "api.sportsdata.io"}, {"timeout": "0s"}, {"sports": []}, {"sports": ["x"]}]
)
def test_options_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        SportsDataIO.config.model_validate({"key": Secret(KEY), **wrong})
