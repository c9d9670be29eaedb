"""A fake of The Odds API v4 on loopback: real HTTP, its credits, its errors, and faults on demand."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from stratumd.plugin import Observation, parse_iso
from stratumd.testing.provider_answers import (
    ERRORS,
    FEATURED,
    HISTORICAL_FACTOR,
    Refusal,
    Row,
    check_event_id,
    check_markets,
    check_params,
    formatted,
    listed,
    markets_returned,
    narrowed,
    regions_asked,
    selected,
)
from stratumd.testing.provider_history import History, Stamps
from stratumd.testing.provider_http import BOMB, MANNERS, HttpReply, HttpRequest, LoopbackServer
from stratumd.testing.provider_recorded import AtEnd, RecordedContent, is_as_asked

__all__ = ["AtEnd", "Content", "FakeOddsApi", "History", "RecordedContent", "Served"]

FAULTS = ("429", "500", "502", "503", "504", "not_json", "html", "redirect", "wrong_types", *MANNERS[1:])
"""What `fail_next` takes besides the provider's error codes."""

_GIVEN = "given"
_JSON = {"content-type": "application/json; charset=utf-8"}
_HTML = {"content-type": "text/html"}
_STEP = 5 * 60 * 1_000_000  # historical snapshots are five minutes apart
_ROUTE = re.compile(
    r"/v4/(?P<historical>historical/)?sports"
    r"(?:/(?P<sport>[^/]+)/(?:(?P<list>odds|events|scores|participants)"
    r"|events/(?P<event>[^/]+)/(?P<part>odds|markets)))?"
)


class Content(Protocol):
    """What the fake provider serves.

    Prices are American and times ISO 8601; it converts where asked otherwise.
    """

    def sports(self) -> list[dict[str, Any]]:
        """Return the rows of `/sports`."""

    def events(self, sport: str) -> list[dict[str, Any]]:
        """Return the events of `sport`, without bookmakers."""

    def odds(
        self, sport: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Return the events of `sport` with the bookmakers that were asked for, by name or else by region."""

    def event_odds(
        self,
        sport: str,
        event_id: str,
        markets: Sequence[str],
        regions: Sequence[str],
        bookmakers: Sequence[str],
    ) -> dict[str, Any] | None:
        """Return one event with its bookmakers, or None where there is no such event."""

    def scores(self, sport: str, days_from: int | None) -> list[dict[str, Any]]:
        """Return the scores of `sport`; also of completed games where `days_from` says how many days back."""


class Served(NamedTuple):
    """One exchange, as the provider saw it."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    status: int
    cost: int


class _Fault(NamedTuple):
    kind: str
    headers: dict[str, str]
    body: bytes = b""
    """What is answered where the kind is `_GIVEN`."""


class _Answer(NamedTuple):
    body: bytes
    cost: int = 0
    status: int = 200


class FakeOddsApi:
    """The provider at `url` while entered. `key` is the key it accepts, `credits` what is left of the month's quota.

    `paid=False` refuses historical requests, as the free plan does. Markets in `unknown_markets` are refused.
    """

    def __init__(
        self,
        content: Content | RecordedContent,
        *,
        key: str = "fake-key",
        credits: int = 1_000_000,
        paid: bool = True,
        unknown_markets: frozenset[str] = frozenset({"player_free_throws"}),
        bomb: int = BOMB,
    ) -> None:
        """`bomb` is how many bytes a bomb unpacks to."""
        self.content = content
        self.key = key
        self.remaining = credits
        self.used = 0
        self.paid = paid
        self.unknown_markets = unknown_markets
        self.served: deque[Served] = deque(maxlen=10_000)
        """The newest exchanges, oldest first."""
        self._faults: deque[_Fault] = deque()
        self._server = LoopbackServer(self._reply, bomb=bomb)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, known once entered."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> bool | None:
        return await self._server.__aexit__(*error)

    def fail_next(self, kind: str, count: int = 1, **headers: str) -> None:
        """Answer the next `count` requests with an error code of `ERRORS` or a fault of `FAULTS`.

        `headers` go with them, with `_` for `-`: `retry_after="2"`.
        """
        if kind not in ERRORS and kind not in FAULTS:
            raise ValueError(f"unknown fault {kind!r}; there are {', '.join([*FAULTS, *ERRORS])}")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._faults.extend([_Fault(kind, named)] * count)

    def answer_next(self, body: bytes, **headers: str) -> None:
        """Answer the next request with status 200 and exactly these bytes."""
        self._faults.append(_Fault(_GIVEN, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    async def _reply(self, request: HttpRequest) -> HttpReply:
        fault = self._faults.popleft() if self._faults else None
        if fault is not None and fault.kind not in MANNERS:
            return self._record(request, _faulty(fault), 0)
        try:
            answer = self._answer(request)
        except Refusal as refusal:
            return self._record(request, _refused(refusal), 0)
        self.remaining -= answer.cost
        self.used += answer.cost
        reply = HttpReply(answer.status, answer.body, _JSON, fault.kind if fault else "whole")
        return self._record(request, reply, answer.cost)

    def _record(self, request: HttpRequest, reply: HttpReply, cost: int) -> HttpReply:
        self.served.append(Served(request.path, request.params, request.headers, reply.status, cost))
        counts = {"remaining": self.remaining, "used": self.used, "last": cost}
        credits = {f"x-requests-{name}": str(count) for name, count in counts.items()}
        return reply._replace(headers={**credits, **reply.headers})

    def _answer(self, request: HttpRequest) -> _Answer:
        params = request.params
        self._check_key(params)
        if isinstance(self.content, RecordedContent) and self.content.has(request.path):
            return self._recorded(self.content, request)
        route = _ROUTE.fullmatch(request.path)
        if route is None or request.method != "GET":
            return _Answer(b'{"message":"Not found"}', status=404)
        check_params(params)
        if route["historical"]:
            return self._historical(route, params)
        body, cost = self._present(route, params)
        return self._charged(formatted(body, params), cost)

    def _check_key(self, params: Mapping[str, str]) -> None:
        key = params.get("apiKey") or params.get("api_key")
        if key is None:
            raise Refusal("MISSING_KEY")
        if key != self.key:
            raise Refusal("INVALID_KEY")

    def _charged(self, body: Any, cost: int) -> _Answer:
        if cost > 0 and self.remaining <= 0:
            raise Refusal("OUT_OF_USAGE_CREDITS")
        return _Answer(msgspec.json.encode(body), cost)

    def _recorded(self, content: RecordedContent, request: HttpRequest) -> _Answer:
        recorded = content.next(request.path)
        if recorded is None:
            return _Answer(b'{"message":"the recording is over"}', status=503)
        if recorded.status != 200:
            return _Answer(recorded.body, status=recorded.status)
        cost = _recorded_cost(recorded, request.params)
        if cost > 0 and self.remaining <= 0:
            raise Refusal("OUT_OF_USAGE_CREDITS")
        if is_as_asked(recorded, request.params):
            return _Answer(recorded.body, cost)
        return _Answer(_converted(recorded, request.params), cost)

    def _present(self, route: re.Match[str], params: Mapping[str, str]) -> tuple[Any, int]:
        sport = route["sport"]
        if sport is None:
            rows = self.content.sports()
            return [row for row in rows if row["active"] or params.get("all") == "true"], 0
        known = {row["key"]: row for row in self.content.sports()}
        if sport not in known and sport != "upcoming":
            raise Refusal("UNKNOWN_SPORT")
        if route["event"] is not None:
            return self._event(sport, route["event"], route["part"], params)
        if route["list"] == "odds":
            winner = known.get(sport, {}).get("has_outrights", False)
            return self._odds(sport, params, winner)
        return self._unpriced(sport, route["list"], params)

    def _odds(self, sport: str, params: Mapping[str, str], winner: bool) -> tuple[Any, int]:
        content, regions = self._live(), regions_asked(params)
        markets = listed(params.get("markets") or "h2h")
        check_markets(markets, FEATURED, self.unknown_markets)
        if winner and not {"outrights", "outrights_lay"}.issuperset(markets):
            raise Refusal("INVALID_MARKET_COMBO")
        bookmakers = listed(params.get("bookmakers", ""))
        found = content.odds(sport, markets, listed(params.get("regions", "")), bookmakers)
        events = [narrowed(event, markets, bookmakers) for event in selected(found, params)]
        return events, len(markets) * regions if events else 0

    def _event(self, sport: str, event: str, part: str, params: Mapping[str, str]) -> tuple[Any, int]:
        check_event_id(event)
        content = self._live()
        markets = listed(params.get("markets") or ("h2h" if part == "odds" else ",".join(sorted(FEATURED))))
        check_markets(markets, None, self.unknown_markets)
        regions = regions_asked(params)
        bookmakers = listed(params.get("bookmakers", ""))
        found = content.event_odds(sport, event, markets, listed(params.get("regions", "")), bookmakers)
        if found is None:
            raise Refusal("EVENT_NOT_FOUND")
        narrow = narrowed(found, markets, bookmakers)
        if part == "markets":
            return _market_keys(narrow), 1
        return narrow, len(markets_returned(narrow)) * regions

    def _unpriced(self, sport: str, part: str, params: Mapping[str, str]) -> tuple[Any, int]:
        if part == "events":
            return selected(self.content.events(sport), params), 0
        if part == "participants":
            return _participants(self.content.events(sport)), 1
        days = int(params["daysFrom"]) if "daysFrom" in params else None
        return selected(self._live().scores(sport, days), params), 1 if days is None else 2

    def _live(self) -> Content:
        """Return the content where it can answer any question; a recording answers only those it heard."""
        if isinstance(self.content, RecordedContent):
            raise Refusal("EVENT_NOT_FOUND")
        return self.content

    def _historical(self, route: re.Match[str], params: Mapping[str, str]) -> _Answer:
        if not self.paid:
            raise Refusal("HISTORICAL_UNAVAILABLE_ON_FREE_USAGE_PLAN")
        if "date" not in params:
            raise Refusal("MISSING_HISTORICAL_TIMESTAMP")
        at = parse_iso(params["date"])
        if isinstance(self.content, History):
            stamps = self.content.travel(route["sport"], at)
        else:
            stamps = Stamps(at, at - _STEP, at + _STEP)
        body, cost = self._present(route, params)
        envelope = {**stamps.fields(), "data": formatted(body, params)}
        price = int(bool(body)) if route["list"] == "events" else HISTORICAL_FACTOR * cost
        return self._charged(envelope, price)


_WRONG = [
    {"id": 7, "sport_key": None, "commence_time": [], "bookmakers": {}},
    {"id": "e", "sport_key": "s", "commence_time": True, "home_team": 1, "away_team": {}, "bookmakers": "none"},
    "an event",
    None,
]
"""Events whose parts are of other types than documented."""


def _faulty(fault: _Fault) -> HttpReply:
    if fault.kind == _GIVEN:
        reply = HttpReply(200, fault.body, _JSON)
    elif fault.kind in ERRORS:
        reply = _refused(Refusal(fault.kind))
    elif fault.kind == "redirect":
        reply = HttpReply(302, b"", {"location": "http://127.0.0.1:9/"})
    elif fault.kind.isdigit():
        reply = HttpReply(int(fault.kind), b"<html><body>The server has a problem</body></html>", _HTML)
    elif fault.kind == "wrong_types":
        reply = HttpReply(200, msgspec.json.encode(_WRONG), _JSON)
    elif fault.kind == "html":
        reply = HttpReply(200, b"<!doctype html><title>Down for maintenance</title>", _HTML)
    else:
        reply = HttpReply(200, b"[{", _JSON)
    return reply._replace(headers={**reply.headers, **fault.headers})


def _refused(refusal: Refusal) -> HttpReply:
    return HttpReply(refusal.status, msgspec.json.encode(refusal.body), _JSON)


def _recorded_cost(recorded: Observation, params: Mapping[str, str]) -> int:
    """Return what the answer cost its recorder, by the provider's rules."""
    path = recorded.request.path
    if path.endswith("/scores"):
        return 2 if "daysFrom" in params else 1
    if not path.endswith("/odds"):
        return 0
    body = msgspec.json.decode(recorded.body)
    content = body["data"] if "/historical/" in path else body
    factor = regions_asked(params) * (HISTORICAL_FACTOR if "/historical/" in path else 1)
    if isinstance(content, dict):
        return len(markets_returned(content)) * factor
    return len(listed(params.get("markets") or "h2h")) * factor if content else 0


def _converted(recorded: Observation, params: Mapping[str, str]) -> bytes:
    """Return the recorded answer as one to a question that differs in markets, books, events or formats."""
    body = msgspec.json.decode(recorded.body)
    if not recorded.request.path.endswith("/odds"):
        return msgspec.json.encode(formatted(body, params))
    if recorded.request.params.get("oddsFormat") != "american":
        raise ValueError("a recording in decimal odds can only be served as it is")
    markets = listed(params.get("markets") or "h2h")
    bookmakers = listed(params.get("bookmakers", ""))
    wrapped = isinstance(body, dict) and "data" in body
    content = body["data"] if wrapped else body
    if isinstance(content, list):
        content = [narrowed(event, markets, bookmakers) for event in selected(content, params)]
    else:
        content = narrowed(content, markets, bookmakers)
    return msgspec.json.encode(formatted({**body, "data": content} if wrapped else content, params))


def _market_keys(event: Row) -> Row:
    books = [
        {
            "key": book["key"],
            "title": book["title"],
            "markets": [{"key": market["key"], "last_update": market.get("last_update")} for market in book["markets"]],
        }
        for book in event["bookmakers"]
    ]
    return {**event, "bookmakers": books}


def _participants(events: Sequence[Row]) -> list[Row]:
    names = sorted({event[side] for event in events for side in ("home_team", "away_team")})
    return [{"id": f"par_{hashlib.sha256(name.encode()).hexdigest()[:26]}", "full_name": name} for name in names]
