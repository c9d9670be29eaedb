"""Questions about the past, what they cost, and the time of which an answer tells."""

import json

import msgspec
import pytest

from stratumd.errors import BadPayload
from stratumd.plugin import HOUR, Observation, Past, Poll, Request, parse_iso
from stratumd_odds_api.past import request_of, told_of
from stratumd_odds_api.pricing import most

AT = parse_iso("2026-01-10T12:00:00Z")
US = {"regions": "us"}
DATE = "2026-01-10T12:00:00Z"
SPORT = "basketball_nba"


def test_all_quotes_at_a_time() -> None:
    asked = request_of(Past(SPORT, AT, ("h2h", "totals")), US)
    assert asked.path == "/v4/historical/sports/basketball_nba/odds"
    assert asked.params == {"regions": "us", "markets": "h2h,totals", "oddsFormat": "american", "date": DATE}
    assert most(asked) == 20


def test_quotes_of_some_events_cost_as_much_and_their_order_says_nothing() -> None:
    asked = request_of(Past(SPORT, AT, ("h2h",), ("b", "a")), US)
    assert asked.params["eventIds"] == "a,b"
    assert asked == request_of(Past(SPORT, AT, ("h2h",), ("a", "b")), US)
    assert most(asked) == 10


def test_one_event_by_itself() -> None:
    asked = request_of(Past(SPORT, AT, ("player_points",), ("a",), singly=True), {"bookmakers": "betmgm"})
    assert asked.path == "/v4/historical/sports/basketball_nba/events/a/odds"
    assert asked.params == {
        "bookmakers": "betmgm",
        "markets": "player_points",
        "oddsFormat": "american",
        "date": DATE,
    }


def test_the_list_of_events() -> None:
    asked = request_of(Past(SPORT, AT), US)
    assert asked == Request("/v4/historical/sports/basketball_nba/events", {"date": DATE})
    assert most(asked) == 1


def poll(body: object) -> Poll:
    request = request_of(Past(SPORT, AT, ("h2h",)), US)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Poll(request, AT + HOUR, 5, Observation("nba", "odds-api", AT + HOUR, request, 200, raw))


def test_an_answer_is_received_at_the_time_of_its_snapshot() -> None:
    told = told_of(poll({"timestamp": "2026-01-10T11:55:38Z", "data": []}))
    assert told.observation is not None
    assert told.observation.received_at == parse_iso("2026-01-10T11:55:38Z")
    assert told.observation.origin == "historical"
    assert told.started_at == AT + HOUR, "the poll log tells when it was asked for"


def test_the_same_answer_has_the_same_id_whenever_it_is_asked_for() -> None:
    asked = poll({"timestamp": "2026-01-10T11:55:38Z", "data": []})
    assert asked.observation is not None
    later = msgspec.structs.replace(asked.observation, received_at=AT + 9 * HOUR, id="")
    again = told_of(msgspec.structs.replace(asked, observation=later)).observation
    first = told_of(asked).observation
    assert first is not None
    assert again is not None
    assert first.id == again.id


@pytest.mark.parametrize("body", [b"[", {"data": []}, {"timestamp": "soon", "data": []}, {"timestamp": 7}, []])
def test_an_answer_without_its_time_is_no_answer(body: object) -> None:
    told = told_of(poll(body))
    assert isinstance(told.error, BadPayload)
    assert told.observation is not None
    assert told.observation.received_at == AT


def test_a_failure_stays_one() -> None:
    failed = Poll(Request("/x"), AT, 5, error=BadPayload("no"))
    assert told_of(failed) == failed
