"""What The Odds API v4 answers: its errors, its credits, its formats and filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stratumd.odds import american_to_decimal
from stratumd.plugin import SECOND, Micros, parse_iso

Row = dict[str, Any]
"""A JSON object as the provider writes it."""

FEATURED = frozenset({"h2h", "spreads", "totals", "outrights", "h2h_lay", "outrights_lay"})
"""The markets of `/odds`; all others come from `/events/{id}/odds`."""
REGIONS = frozenset({"us", "us2", "us_dfs", "us_ex", "uk", "eu", "fr", "se", "au", "ca"})
BOOKS_PER_REGION = 10
"""So many named bookmakers, or a part of them, cost as much as one region."""
HISTORICAL_FACTOR = 10

_GUIDE = "https://the-odds-api.com/liveapi/guides/v4/api-error-codes.html"
_EVENT_ID = re.compile(r"[0-9a-f]{32}")

ERRORS: dict[str, tuple[int, str]] = {
    "MISSING_KEY": (401, "API key is missing. Get an API key at https://the-odds-api.com"),
    "INVALID_KEY": (401, "API key is not valid. Get an API key at https://the-odds-api.com"),
    "DEACTIVATED_KEY": (401, "API key is deactivated. This could be due to cancelation or a failed payment"),
    "OUT_OF_USAGE_CREDITS": (
        401,
        "Usage quota has been reached. See usage plans at https://the-odds-api.com",
    ),
    "HISTORICAL_UNAVAILABLE_ON_FREE_USAGE_PLAN": (
        401,
        "Historical odds are only available on paid usage plans. See usage plans at https://the-odds-api.com",
    ),
    "EXCEEDED_FREQ_LIMIT": (429, "Requests are too frequent"),
    "UNKNOWN_SPORT": (404, "Unknown sport"),
    "EVENT_NOT_FOUND": (404, "Event not found"),
    "INVALID_SPORT": (422, "Invalid sport"),
    "MISSING_REGION": (422, "Missing regions"),
    "INVALID_REGION": (422, "Invalid regions"),
    "INVALID_BOOKMAKERS": (422, "Invalid bookmakers"),
    "MISSING_MARKET": (422, "Missing markets"),
    "INVALID_MARKET": (422, "Invalid markets"),
    "INVALID_MARKET_COMBO": (422, "Markets not supported by this endpoint"),
    "INVALID_DATE_FORMAT": (422, "Invalid dateFormat"),
    "INVALID_ODDS_FORMAT": (422, "Invalid oddsFormat"),
    "INVALID_ALL_SPORTS_PARAM": (422, "Invalid all"),
    "INVALID_SCORES_DAYS_FROM": (422, "Invalid daysFrom"),
    "INVALID_EVENT_IDS": (422, "Invalid eventIds"),
    "INVALID_EVENT_ID": (422, "Invalid event id"),
    "MISSING_HISTORICAL_TIMESTAMP": (422, "Missing date"),
    "INVALID_HISTORICAL_TIMESTAMP": (422, "Invalid date"),
    "INVALID_COMMENCE_TIME_FROM": (422, "Invalid commenceTimeFrom"),
    "INVALID_COMMENCE_TIME_TO": (422, "Invalid commenceTimeTo"),
    "INVALID_COMMENCE_TIME_RANGE": (422, "commenceTimeTo must be after commenceTimeFrom"),
    "HISTORICAL_MARKETS_UNAVAILABLE_AT_DATE": (422, "Historical markets are unavailable at this date"),
    "INVALID_PARTICIPANT_ID": (422, "Invalid participant id"),
    "INVALID_INCLUDE_LINKS": (422, "Invalid includeLinks"),
    "INVALID_INCLUDE_SIDS": (422, "Invalid includeSids"),
    "INVALID_INCLUDE_BET_LIMITS": (422, "Invalid includeBetLimits"),
    "INVALID_INCLUDE_MULTIPLIERS": (422, "Invalid includeMultipliers"),
    "INVALID_INCLUDE_ROTATION_NUMBERS": (422, "Invalid includeRotationNumbers"),
    "INVALID_STATUS": (422, "Invalid status"),
}
"""Status and message by error code. Where nobody has published a message, it is ours."""

_SWITCHES = {
    "includeLinks": "INVALID_INCLUDE_LINKS",
    "includeSids": "INVALID_INCLUDE_SIDS",
    "includeBetLimits": "INVALID_INCLUDE_BET_LIMITS",
    "includeMultipliers": "INVALID_INCLUDE_MULTIPLIERS",
    "includeRotationNumbers": "INVALID_INCLUDE_ROTATION_NUMBERS",
}
_CHOICES = {
    "oddsFormat": ({"decimal", "american"}, "INVALID_ODDS_FORMAT"),
    "dateFormat": ({"iso", "unix"}, "INVALID_DATE_FORMAT"),
    "all": ({"true", "false"}, "INVALID_ALL_SPORTS_PARAM"),
    "daysFrom": ({"1", "2", "3"}, "INVALID_SCORES_DAYS_FROM"),
    **{name: ({"true", "false"}, code) for name, code in _SWITCHES.items()},
}
_TIMES = {
    "commenceTimeFrom": "INVALID_COMMENCE_TIME_FROM",
    "commenceTimeTo": "INVALID_COMMENCE_TIME_TO",
    "date": "INVALID_HISTORICAL_TIMESTAMP",
}


class Refusal(Exception):
    """A request that the provider refuses, by its error code."""

    def __init__(self, code: str, message: str | None = None) -> None:
        self.code = code
        self.status, usual = ERRORS[code]
        self.message = message or usual
        super().__init__(f"{code}: {self.message}")

    @property
    def body(self) -> Row:
        """The JSON object that says so."""
        anchor = self.code.lower().replace("_", "-")
        return {"message": self.message, "error_code": self.code, "details_url": f"{_GUIDE}#{anchor}"}


def listed(text: str) -> list[str]:
    """Split a list parameter. The provider does not trim spaces, so neither does this."""
    return [key for key in text.split(",") if key]


def check_params(params: Mapping[str, str]) -> None:
    """Refuse values that no endpoint takes."""
    for name, (allowed, code) in _CHOICES.items():
        if name in params and params[name] not in allowed:
            raise Refusal(code)
    for name, code in _TIMES.items():
        if name in params:
            _time(params[name], code)
    start, end = params.get("commenceTimeFrom"), params.get("commenceTimeTo")
    if start and end and parse_iso(start) >= parse_iso(end):
        raise Refusal("INVALID_COMMENCE_TIME_RANGE")
    if not all(_EVENT_ID.fullmatch(one) for one in listed(params.get("eventIds", ""))):
        raise Refusal("INVALID_EVENT_IDS")


def check_event_id(event: str) -> None:
    """Refuse what cannot be an event's id."""
    if not _EVENT_ID.fullmatch(event):
        raise Refusal("INVALID_EVENT_ID")


def check_markets(markets: Sequence[str], known: frozenset[str] | None, unknown: frozenset[str]) -> None:
    """Refuse markets with a space in them, markets in `unknown`, and those not in `known` where that is
    given.
    """
    bad = [key for key in markets if key.strip() != key or key in unknown or (known is not None and key not in known)]
    if bad:
        raise Refusal("INVALID_MARKET", f"Invalid markets: {','.join(bad)}")


def regions_asked(params: Mapping[str, str]) -> int:
    """Return how many regions the request costs: bookmakers win, each started ten of them are one."""
    bookmakers = listed(params.get("bookmakers", ""))
    if bookmakers:
        return -(-len(bookmakers) // BOOKS_PER_REGION)
    regions = listed(params.get("regions", ""))
    if not regions:
        raise Refusal("MISSING_REGION")
    if not REGIONS.issuperset(regions):
        raise Refusal("INVALID_REGION")
    return len(set(regions))


def markets_returned(event: Row) -> set[str]:
    """Return the market keys in an event's odds."""
    return {market["key"] for book in event.get("bookmakers", ()) for market in book["markets"]}


def selected(events: Iterable[Row], params: Mapping[str, str]) -> list[Row]:
    """Return the events that pass the request's filters on ids and start times."""
    ids = set(listed(params.get("eventIds", "")))
    start, end = params.get("commenceTimeFrom"), params.get("commenceTimeTo")
    return [
        event
        for event in events
        if (not ids or event["id"] in ids)
        and (start is None or parse_iso(event["commence_time"]) >= parse_iso(start))
        and (end is None or parse_iso(event["commence_time"]) <= parse_iso(end))
    ]


def narrowed(event: Row, markets: Sequence[str], bookmakers: Sequence[str]) -> Row:
    """Return the event with only the books and markets asked for; lay markets come unasked."""
    wanted = {*markets, *(f"{key}_lay" for key in markets)}
    books = []
    for book in event["bookmakers"]:
        kept = [market for market in book["markets"] if market["key"] in wanted]
        if kept and (not bookmakers or book["key"] in bookmakers):
            books.append({**book, "markets": kept})
    return {**event, "bookmakers": books}


def formatted(value: Any, params: Mapping[str, str]) -> Any:
    """Return a copy of `value`, which has American prices and ISO times, in the formats asked for."""
    decimal = params.get("oddsFormat", "decimal") == "decimal"
    unix = params.get("dateFormat", "iso") == "unix"
    return _formatted(value, decimal, unix) if decimal or unix else value


def _formatted(value: Any, decimal: bool, unix: bool) -> Any:
    if isinstance(value, list):
        return [_formatted(one, decimal, unix) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _field(key, one, decimal, unix) for key, one in value.items()}


def _field(key: str, value: Any, decimal: bool, unix: bool) -> Any:
    if key == "price" and decimal:
        return round(american_to_decimal(value), 6)
    if key in ("commence_time", "last_update") and unix and isinstance(value, str):
        return parse_iso(value) // SECOND
    return _formatted(value, decimal, unix)


def _time(text: str, code: str) -> Micros:
    try:
        return parse_iso(text)
    except ValueError:
        raise Refusal(code) from None
