"""The client against a fake NBA on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stratumd.errors import BadPayload, RateLimited, SourceError, TransientError
from stratumd.plugin import DAY, HOUR, Poll, parse_iso
from stratumd.testing.clock import VirtualClock
from stratumd.testing.lent import SourceContext
from stratumd.testing.nba import LIVE, FakeNba, nba_game
from stratumd_nba_scores import NbaScores

pytestmark = pytest.mark.anyio
NOON = parse_iso("2026-01-10T17:00:00Z")  # in New York
ENDED = nba_game("BOS", "NYK", NOON - DAY, status=3, score=(101, 99))
OPEN = nba_game("UTA", "MIA", NOON - DAY, status=2)


@asynccontextmanager
async def opened(nba: FakeNba, **options: Any) -> AsyncIterator[NbaScores]:
    async with nba:
        chosen = NbaScores.config.model_validate({"base_url": nba.url, "stats_url": nba.url, **options})
        source = NbaScores(chosen, SourceContext("scores", NOON))
        await source.open()
        try:
            yield source
        finally:
            await source.close()


async def polls(source: NbaScores) -> list[Poll]:
    return [poll async for poll in source.poll()]


def later(source: NbaScores, length: int) -> None:
    clock = source.context.clock
    assert isinstance(clock, VirtualClock)
    clock.advance(length)


async def test_the_live_scoreboard_comes_first_and_then_the_day_before() -> None:
    nba = FakeNba([nba_game("LAL", "GSW", NOON)], {"2026-01-09": [ENDED]})
    async with opened(nba) as source:
        found = await polls(source)
    assert [(each.path, each.params) for each in nba.served] == [
        (LIVE, {}),
        ("/stats/scoreboardv3", {"GameDate": "2026-01-09", "LeagueID": "00"}),
    ]
    first = found[0].observation
    assert first is not None
    assert (first.source, first.format, first.received_at) == ("scores", "nba-scores", NOON)
    assert b"gameTimeUTC" in first.body


async def test_a_past_day_is_asked_for_until_all_its_games_have_ended() -> None:
    nba = FakeNba(days={"2026-01-09": [ENDED, OPEN]})
    async with opened(nba) as source:
        counts = []
        for _ in range(4):
            counts.append(len(await polls(source)))
            later(source, HOUR // 2)
        nba.days["2026-01-09"] = [ENDED]
        for _ in range(4):
            counts.append(len(await polls(source)))
            later(source, HOUR)
    assert counts == [2, 1, 2, 1, 2, 1, 1, 1]


async def test_the_next_day_is_another_past_day() -> None:
    nba = FakeNba(days={"2026-01-09": [ENDED], "2026-01-10": []})
    async with opened(nba, past_days=2) as source:
        await polls(source)
        later(source, DAY)
        await polls(source)
    asked = [each.params["GameDate"] for each in nba.served if each.params]
    assert asked == ["2026-01-09", "2026-01-08", "2026-01-10"]


async def test_it_says_of_itself_what_it_is_told_to() -> None:
    nba = FakeNba()
    async with opened(nba, headers={"User-Agent": "a club's scoreboard", "Referer": "https://club.example/"}) as source:
        await polls(source)
    assert nba.served[0].headers["user-agent"] == "a club's scoreboard"
    assert nba.served[0].headers["referer"] == "https://club.example/"


async def test_the_usual_user_agent_is_our_own() -> None:
    nba = FakeNba()
    async with opened(nba, past_days=0) as source:
        await polls(source)
    assert len(nba.served) == 1
    assert nba.served[0].headers["user-agent"].startswith("stratumd/")


@pytest.mark.parametrize(
    ("fault", "reaction"),
    [
        ("403", SourceError),
        ("404", SourceError),
        ("429", RateLimited),
        ("500", TransientError),
        ("reset", TransientError),
        ("truncated", TransientError),
        ("hang", TransientError),
        ("gzip_bomb", BadPayload),
        ("bad_gzip", BadPayload),
        ("not_json", BadPayload),
    ],
)
async def test_a_fault_is_one_failed_poll_with_the_reaction_it_needs(fault: str, reaction: type[SourceError]) -> None:
    nba = FakeNba(days={"2026-01-09": [ENDED]})
    nba.fail_next(fault)
    async with opened(nba, timeout="1s") as source:
        live, past = await polls(source)
    assert type(live.error) is reaction
    assert past.error is None


async def test_the_probe_says_what_is_on() -> None:
    async with opened(FakeNba([nba_game("LAL", "GSW", NOON)])) as source:
        assert await source.probe() == "1 games on 2026-01-10"
    nba = FakeNba()
    nba.fail_next("403")
    async with opened(nba) as source:
        with pytest.raises(SourceError, match="try other 'headers'"):
            await source.probe()


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "cdn.nba.com"},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\nc"}},
        {"timeout": "0s"},
        {"past_days": 31},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        NbaScores.config.model_validate(options)
