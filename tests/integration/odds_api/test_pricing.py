"""The cost model against the fake provider's headers, for every endpoint."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import Request
from stratumd.testing.provider import FakeOddsApi
from stratumd_odds_api.pricing import cost, most
from tests.support.odds_api import EVENT, Row, event
from tests.support.provider import KEY, SPORTS, OneGame, polling, polls, source

pytestmark = pytest.mark.anyio

SPORT = f"/v4/sports/{SPORTS[0]}"
PAST = f"/v4/historical/sports/{SPORTS[0]}"
DATE = {"date": "2026-01-09T12:00:00Z"}
ELEVEN = ",".join(["fanduel", "betmgm", *(f"book{n}" for n in range(9))])


class Empty(OneGame):
    """No games at all."""

    def __init__(self) -> None:
        super().__init__()
        self.games = []

    def scores(self, sport: str, days_from: int | None) -> list[Row]:
        return []


class Bare(OneGame):
    """A game without any bookmaker."""

    def __init__(self) -> None:
        super().__init__()
        self.games = [event()]


CASES: list[tuple[str, dict[str, str], int]] = [
    ("/v4/sports", {}, 0),
    (f"{SPORT}/events", {}, 0),
    (f"{SPORT}/participants", {}, 1),
    (f"{SPORT}/scores", {}, 1),
    (f"{SPORT}/scores", {"daysFrom": "3"}, 2),
    (f"{SPORT}/odds", {"regions": "us"}, 1),
    (f"{SPORT}/odds", {"regions": "us,eu", "markets": "h2h,spreads,totals"}, 6),
    (f"{SPORT}/odds", {"regions": "us", "bookmakers": ELEVEN, "markets": "h2h"}, 2),
    (f"{SPORT}/odds", {"bookmakers": "fanduel,betmgm", "markets": "h2h,spreads,totals"}, 3),
    (f"{SPORT}/odds", {"regions": "us", "markets": "h2h,spreads", "eventIds": EVENT}, 2),
    (f"{SPORT}/odds", {"regions": "us", "markets": "h2h,spreads", "eventIds": "0" * 32}, 0),
    (f"{SPORT}/events/{EVENT}/odds", {"regions": "us", "markets": "h2h,player_points,player_assists"}, 2),
    (f"{SPORT}/events/{EVENT}/odds", {"regions": "us,us2", "markets": "player_assists"}, 0),
    (f"{SPORT}/events/{EVENT}/markets", {"regions": "us"}, 1),
    (f"{PAST}/odds", {"regions": "us", "markets": "h2h,spreads,totals", **DATE}, 30),
    (f"{PAST}/events", DATE, 1),
    (f"{PAST}/events/{EVENT}/odds", {"regions": "us", "markets": "h2h,player_assists", **DATE}, 10),
]


@pytest.mark.parametrize(("path", "params", "price"), CASES)
@pytest.mark.parametrize("content", [OneGame, Bare, Empty])
async def test_every_endpoint_costs_what_the_model_says(
    content: type[OneGame], path: str, params: dict[str, str], price: int
) -> None:
    request = Request(path, params)
    async with FakeOddsApi(content(), key=KEY) as provider, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{provider.url}{path}", params={**params, "apiKey": KEY})
        charged = int(answer.headers["x-requests-last"])
    if answer.status_code == 200:
        assert cost(request, answer.content) == charged
    else:
        assert charged == 0
    assert charged <= most(request)
    assert content is not OneGame or charged == price


async def test_every_poll_carries_its_price() -> None:
    async with polling(sports=SPORTS[:2], event_markets=["player_points"], feeds=["odds", "scores"]) as (provider, src):
        found = await polls(src)
    assert sum(poll.cost for poll in found) == provider.used
    assert all(poll.price == poll.credits.last == poll.charged for poll in found)
    assert {poll.feature for poll in found if poll.events} == {"props"}


async def test_what_no_budget_pays_for_is_not_asked() -> None:
    async with polling(sports=SPORTS, concurrency=3) as (provider, polled):
        purse: Any = polled.context.purse
        purse.account.budget = purse.account.budget.model_copy(update={"monthly_credits": 7})
        found = await polls(polled)
        assert len(found) == len(provider.served) == 2
        assert (provider.used, purse.refused) == (6, 1)


async def test_an_attempt_without_an_answer_counts_as_paid() -> None:
    async with polling(retries=1) as (provider, polled):
        provider.fail_next("truncated")
        (poll,) = await polls(polled)
    assert (poll.price, poll.credits.last, poll.charged) == (3, 3, 6)
    assert poll.cost == provider.used


async def test_an_attempt_that_never_left_costs_nothing() -> None:
    polled = source("http://127.0.0.1:9", retries=0)
    await polled.open()
    try:
        (poll,) = await polls(polled)
    finally:
        await polled.close()
    assert poll.cost == 0


async def test_events_are_asked_for_together_and_one_by_itself() -> None:
    async with polling(sports=SPORTS[:2], feeds=["odds"]) as (_, polled):
        assert polled.fixtures() is None
        listed = [poll async for poll in polled.discover()]
        assert [poll.cost for poll in listed] == [0, 0]
        one = polled.fixtures()
        assert one is not None
        assert [each.id for each in one] == [EVENT]
        asked = [poll async for poll in polled.poll_events(one)]
        assert [poll.request.path for poll in asked] == [f"/v4/sports/{one[0].sport}/events/{EVENT}/odds"]
        assert asked[0].events == (EVENT,)
        pair = [one[0], one[0]._replace(id="0" * 32)]
        both = [poll async for poll in polled.poll_events(pair)]
        assert both[0].request.params["eventIds"] == ",".join(sorted([EVENT, "0" * 32]))
        assert set(both[0].events) == {EVENT, "0" * 32}
        assert polled.most(pair) == polled.most(one) == 3


async def test_an_event_the_provider_does_not_know_any_more_is_forgotten() -> None:
    async with polling() as (provider, polled):
        async for _ in polled.discover():
            pass
        provider.fail_next("EVENT_NOT_FOUND")
        async for _ in polled.poll_events(polled.fixtures() or ()):
            pass
        assert polled.fixtures() == []


MARKETS = st.lists(st.sampled_from(["h2h", "spreads", "totals", "player_points", "btts"]), min_size=1, unique=True)
REGIONS = st.lists(st.sampled_from(["us", "us2", "eu", "uk", "au"]), min_size=1, unique=True)


@given(MARKETS, REGIONS, st.booleans())
def test_no_answer_costs_more_than_the_most(markets: list[str], regions: list[str], past: bool) -> None:
    """Exchanges add the lay side of a market unasked."""
    lays = [{"key": f"{key}_lay"} for key in markets if key == "h2h" and set(regions) - {"us", "us2"}]
    body = {"bookmakers": [{"key": "betfair", "markets": [*({"key": key} for key in markets), *lays]}]}
    request = Request(
        f"/v4/{'historical/' if past else ''}sports/a/events/b/odds",
        {"markets": ",".join(markets), "regions": ",".join(regions)},
    )
    text = str({"data": body} if past else body).replace("'", '"').encode()
    price = cost(request, text)
    assert price is not None
    assert price <= most(request)
