"""The fake provider keeps to the provider's documented behaviour."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from stratumd.plugin import Observation, Request
from stratumd.testing.provider import FakeOddsApi, RecordedContent
from stratumd.testing.provider_answers import ERRORS
from stratumd.testing.provider_recorded import is_as_asked
from tests.support.odds_api import EVENT, EVENTS, answer
from tests.support.provider import OneGame

pytestmark = pytest.mark.anyio

KEY = {"apiKey": "fake-key"}
ODDS = "/v4/sports/basketball_nba/odds"
ONE = f"/v4/sports/basketball_nba/events/{EVENT}/odds"
US = {**KEY, "regions": "us"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeOddsApi]:
    async with FakeOddsApi(OneGame(), credits=100) as provider:
        yield provider


async def get(fake: FakeOddsApi, path: str, params: dict[str, str], **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=fake.url, trust_env=False, verify=False) as client:
        return await client.get(path, params=params, **options)


def counts(response: httpx.Response) -> tuple[int, int, int]:
    return tuple(int(response.headers[f"x-requests-{name}"]) for name in ("remaining", "used", "last"))  # type: ignore[return-value]  # three of them


async def test_odds_cost_markets_times_regions(fake: FakeOddsApi) -> None:
    response = await get(fake, ODDS, {**KEY, "regions": "us,eu", "markets": "h2h,spreads"})
    assert response.status_code == 200
    assert counts(response) == (96, 4, 4)


@pytest.mark.parametrize(("books", "cost"), [(1, 1), (10, 1), (11, 2), (20, 2), (21, 3)])
async def test_each_started_ten_bookmakers_cost_as_a_region(fake: FakeOddsApi, books: int, cost: int) -> None:
    response = await get(fake, ODDS, {**US, "bookmakers": ",".join(f"b{number}" for number in range(books))})
    assert counts(response)[2] == cost


async def test_an_empty_answer_costs_nothing(fake: FakeOddsApi) -> None:
    response = await get(fake, ODDS, {**US, "eventIds": "0" * 32})
    assert (response.json(), counts(response)) == ([], (100, 0, 0))


async def test_an_event_costs_the_markets_that_come_back(fake: FakeOddsApi) -> None:
    response = await get(fake, ONE, {**US, "markets": "h2h,player_points,player_assists"})
    assert counts(response)[2] == 2
    nothing = await get(fake, ONE, {**US, "markets": "player_assists"})
    assert (nothing.json()["bookmakers"], counts(nothing)[2]) == ([], 0)


@pytest.mark.parametrize(
    ("path", "params", "cost"),
    [
        ("/v4/sports", {}, 0),
        ("/v4/sports/basketball_nba/events", {}, 0),
        ("/v4/sports/basketball_nba/scores", {}, 1),
        ("/v4/sports/basketball_nba/scores", {"daysFrom": "3"}, 2),
        ("/v4/sports/basketball_nba/participants", {}, 1),
        (f"/v4/sports/basketball_nba/events/{EVENT}/markets", {"regions": "us"}, 1),
        ("/v4/historical/sports/basketball_nba/odds", {"regions": "us", "date": "2026-01-01T00:00:00Z"}, 10),
        ("/v4/historical/sports/basketball_nba/events", {"date": "2026-01-01T00:00:00Z"}, 1),
    ],
)
async def test_what_the_other_requests_cost(fake: FakeOddsApi, path: str, params: dict[str, str], cost: int) -> None:
    response = await get(fake, path, {**KEY, **params})
    assert (response.status_code, counts(response)[2]) == (200, cost)


async def test_sports_out_of_season_come_only_where_all_are_asked_for(fake: FakeOddsApi) -> None:
    active = (await get(fake, "/v4/sports", KEY)).json()
    every = (await get(fake, "/v4/sports", {**KEY, "all": "true"})).json()
    assert len(every) == len(active) + 1


async def test_historical_answers_come_in_an_envelope(fake: FakeOddsApi) -> None:
    path, date = "/v4/historical/sports/basketball_nba/odds", "2026-01-01T00:10:00Z"
    body = (await get(fake, path, {**US, "date": date})).json()
    assert (body["timestamp"], body["previous_timestamp"]) == (date, "2026-01-01T00:05:00Z")
    assert body["data"][0]["id"] == EVENT


async def test_prices_are_decimal_unless_asked_otherwise(fake: FakeOddsApi) -> None:
    def price(response: httpx.Response) -> float:
        return float(response.json()[0]["bookmakers"][0]["markets"][0]["outcomes"][1]["price"])

    assert price(await get(fake, ODDS, US)) == 2.3
    assert price(await get(fake, ODDS, {**US, "oddsFormat": "american"})) == 130


async def test_times_come_in_seconds_where_asked(fake: FakeOddsApi) -> None:
    body = (await get(fake, ODDS, {**US, "dateFormat": "unix"})).json()
    assert body[0]["commence_time"] == 1_768_075_200
    assert body[0]["bookmakers"][0]["markets"][0]["last_update"] == 1_768_046_370


async def test_bookmakers_and_markets_are_filtered(fake: FakeOddsApi) -> None:
    body = (await get(fake, ODDS, {**KEY, "bookmakers": "betmgm", "markets": "spreads"})).json()
    (only,) = body[0]["bookmakers"]
    assert (only["key"], [market["key"] for market in only["markets"]]) == ("betmgm", ["spreads"])


@pytest.mark.parametrize(
    ("window", "found"),
    [
        ({"commenceTimeFrom": "2026-01-10T20:00:00Z"}, 1),
        ({"commenceTimeFrom": "2026-01-10T20:00:01Z"}, 0),
        ({"commenceTimeTo": "2026-01-10T20:00:00Z"}, 1),
        ({"commenceTimeTo": "2026-01-10T19:59:59Z"}, 0),
    ],
)
async def test_start_times_are_filtered(fake: FakeOddsApi, window: dict[str, str], found: int) -> None:
    assert len((await get(fake, ODDS, {**US, **window})).json()) == found


async def test_both_spellings_of_the_key_work(fake: FakeOddsApi) -> None:
    assert (await get(fake, "/v4/sports", {"api_key": "fake-key"})).status_code == 200


REFUSED: list[tuple[str, dict[str, str], str]] = [
    (ODDS, {"regions": "us"}, "MISSING_KEY"),
    (ODDS, {"regions": "us", "apiKey": "other"}, "INVALID_KEY"),
    (ODDS, KEY, "MISSING_REGION"),
    (ODDS, {**KEY, "regions": "mars"}, "INVALID_REGION"),
    (ODDS, {**US, "markets": "player_points"}, "INVALID_MARKET"),
    (ODDS, {**US, "markets": "h2h, spreads"}, "INVALID_MARKET"),
    (ONE, {**US, "markets": "player_free_throws"}, "INVALID_MARKET"),
    ("/v4/sports/basketball_nba_championship_winner/odds", US, "INVALID_MARKET_COMBO"),
    ("/v4/sports/nope/odds", US, "UNKNOWN_SPORT"),
    (ODDS, {**US, "oddsFormat": "roman"}, "INVALID_ODDS_FORMAT"),
    (ODDS, {**US, "dateFormat": "roman"}, "INVALID_DATE_FORMAT"),
    (ODDS, {**US, "eventIds": "1"}, "INVALID_EVENT_IDS"),
    (ODDS, {**US, "includeLinks": "yes"}, "INVALID_INCLUDE_LINKS"),
    (ODDS, {**US, "commenceTimeFrom": "now"}, "INVALID_COMMENCE_TIME_FROM"),
    (ODDS, {**US, "commenceTimeTo": "now"}, "INVALID_COMMENCE_TIME_TO"),
    (
        ODDS,
        {**US, "commenceTimeFrom": "2026-01-02T00:00:00Z", "commenceTimeTo": "2026-01-01T00:00:00Z"},
        "INVALID_COMMENCE_TIME_RANGE",
    ),
    ("/v4/sports/basketball_nba/scores", {**KEY, "daysFrom": "4"}, "INVALID_SCORES_DAYS_FROM"),
    ("/v4/sports/basketball_nba/events/1/odds", US, "INVALID_EVENT_ID"),
    (f"/v4/sports/basketball_nba/events/{'0' * 32}/odds", US, "EVENT_NOT_FOUND"),
    ("/v4/historical/sports/basketball_nba/odds", US, "MISSING_HISTORICAL_TIMESTAMP"),
    ("/v4/historical/sports/basketball_nba/odds", {**US, "date": "x"}, "INVALID_HISTORICAL_TIMESTAMP"),
    ("/v4/sports", {**KEY, "all": "1"}, "INVALID_ALL_SPORTS_PARAM"),
]


@pytest.mark.parametrize(("path", "params", "code"), REFUSED)
async def test_what_is_wrong_is_refused_by_its_code_and_costs_nothing(
    fake: FakeOddsApi, path: str, params: dict[str, str], code: str
) -> None:
    response = await get(fake, path, params)
    assert (response.json()["error_code"], response.status_code) == (code, ERRORS[code][0])
    assert counts(response) == (100, 0, 0)


async def test_the_quota_has_an_end_and_free_requests_go_on() -> None:
    async with FakeOddsApi(OneGame(), credits=1) as fake:
        assert (await get(fake, ODDS, US)).status_code == 200
        refused = await get(fake, ODDS, US)
        assert (refused.status_code, refused.json()["error_code"]) == (401, "OUT_OF_USAGE_CREDITS")
        assert (await get(fake, "/v4/sports", KEY)).status_code == 200


async def test_a_free_plan_has_no_history() -> None:
    async with FakeOddsApi(OneGame(), paid=False) as fake:
        response = await get(fake, "/v4/historical/sports/basketball_nba/odds", {**US, "date": "2026-01-01T00:00:00Z"})
        assert response.json()["error_code"] == "HISTORICAL_UNAVAILABLE_ON_FREE_USAGE_PLAN"


@pytest.mark.parametrize("code", ERRORS)
async def test_every_error_can_be_asked_for(fake: FakeOddsApi, code: str) -> None:
    fake.fail_next(code)
    response = await get(fake, ODDS, US)
    assert (response.status_code, response.json()["error_code"]) == (ERRORS[code][0], code)
    assert response.json()["details_url"].startswith("https://")
    assert (await get(fake, ODDS, US)).status_code == 200


def test_an_unknown_fault_is_a_mistake_of_the_test() -> None:
    with pytest.raises(ValueError, match="unknown fault 'flood'"):
        FakeOddsApi(OneGame()).fail_next("flood")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", httpx.ReadError),
        ("truncated", httpx.RemoteProtocolError),
        ("garbage", httpx.RemoteProtocolError),
        ("bad_gzip", httpx.DecodingError),
        ("hang", httpx.ReadTimeout),
    ],
)
async def test_faults_of_the_network(fake: FakeOddsApi, kind: str, error: type[Exception]) -> None:
    fake.fail_next(kind)
    with pytest.raises(error):
        await get(fake, ODDS, US, timeout=httpx.Timeout(30, read=0.5 if kind == "hang" else 30))


async def test_gzip_gives_the_same_answer(fake: FakeOddsApi) -> None:
    fake.fail_next("gzip")
    packed = await get(fake, ODDS, US)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == (await get(fake, ODDS, US)).json()


async def test_what_was_asked_can_be_looked_up(fake: FakeOddsApi) -> None:
    await get(fake, ODDS, US)
    (served,) = fake.served
    assert (served.path, served.params, served.status, served.cost) == (ODDS, US, 200, 1)


async def test_a_mistake_in_the_content_is_not_hidden() -> None:
    class Broken(OneGame):
        def sports(self) -> list[dict[str, Any]]:
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        async with FakeOddsApi(Broken()) as fake:
            await get(fake, "/v4/sports", KEY)
    assert caught.group_contains(ZeroDivisionError)


def poll(number: int, *, path: str = ODDS, status: int = 200) -> Observation:
    body = [{**EVENTS[0], "sport_title": f"poll {number}"}]
    return answer(body, at=number, path=path, status=status)


ASKED = {**US, "markets": "h2h,spreads,totals", "oddsFormat": "american"}


async def served(content: RecordedContent, times: int, params: dict[str, str] = ASKED) -> list[httpx.Response]:
    async with FakeOddsApi(content) as fake:
        return [await get(fake, ODDS, params) for _ in range(times)]


async def test_a_recording_is_served_answer_by_answer_and_byte_by_byte() -> None:
    answers = [poll(1), poll(2)]
    content = RecordedContent(answers)
    assert [response.content for response in await served(content, 2)] == [one.body for one in answers]
    assert content.exhausted
    assert content.served_at == 2


@pytest.mark.parametrize(("at_end", "third"), [("repeat", "poll 2"), ("loop", "poll 1")])
async def test_what_follows_the_end_of_a_recording(at_end: Any, third: str) -> None:
    *_, last = await served(RecordedContent([poll(1), poll(2)], at_end=at_end), 3)
    assert last.json()[0]["sport_title"] == third


async def test_a_recording_may_just_stop() -> None:
    *_, last = await served(RecordedContent([poll(1)], at_end="stop"), 2)
    assert last.status_code == 503


async def test_a_recorded_error_is_served_as_it_was() -> None:
    (response,) = await served(RecordedContent([poll(1, status=422)]), 1)
    assert response.status_code == 422


async def test_a_recorded_answer_costs_what_it_cost() -> None:
    (response,) = await served(RecordedContent([poll(1)]), 1)
    assert counts(response)[2] == 3


async def test_another_question_gets_the_recorded_answer_converted() -> None:
    (response,) = await served(RecordedContent([poll(1)]), 1, {**US, "markets": "h2h", "bookmakers": "betmgm"})
    (only,) = response.json()[0]["bookmakers"]
    assert [market["key"] for market in only["markets"]] == ["h2h"]
    assert only["markets"][0]["outcomes"][1]["price"] == 2.3


async def test_a_recording_names_its_sports_and_events() -> None:
    content = RecordedContent([poll(1), poll(2, path="/v4/sports/basketball_wnba/odds")])
    async with FakeOddsApi(content) as fake:
        sports = (await get(fake, "/v4/sports", KEY)).json()
        events = (await get(fake, "/v4/sports/basketball_nba/events", KEY)).json()
    assert [row["key"] for row in sports] == ["basketball_nba", "basketball_wnba"]
    assert [(row["id"], "bookmakers" in row) for row in events] == [(EVENT, False)]


def test_a_recorded_question_is_recognised_without_its_key() -> None:
    recorded = Observation("x", "odds-api", 1, Request(ODDS, {"regions": "us"}), 200, b"[]")
    assert is_as_asked(recorded, US)
    assert not is_as_asked(recorded, {**US, "markets": "h2h"})
