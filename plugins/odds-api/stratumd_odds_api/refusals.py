"""What the provider's refusals mean, by its own error codes: a status says too little, 401 is also an empty quota."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from stratumd.errors import RateLimited, SourceError, TransientError, Unauthorized
from stratumd.plugin import SECOND, Micros, micros, to_datetime

WHOLE_KEY = frozenset({"INVALID_KEY", "MISSING_KEY", "DEACTIVATED_KEY", "OUT_OF_USAGE_CREDITS"})
"""Refusals that every further request with this key would meet too."""
BUSY = "EXCEEDED_FREQ_LIMIT"
"""Refused for a moment: a couple of seconds help."""
GONE = "EVENT_NOT_FOUND"
"""The event ended between the list of events and the request for its odds; asking again does not bring it back."""

_KEY_ADVICE = {
    "INVALID_KEY": "the provider does not know this key; check api_key",
    "MISSING_KEY": "the provider got no key; check api_key",
    "DEACTIVATED_KEY": "the key is deactivated; check the subscription, or put another key in api_key",
    "HISTORICAL_UNAVAILABLE_ON_FREE_USAGE_PLAN": "historical odds need a paid plan",
}
_OPTION_TO_EDIT = {
    "UNKNOWN_SPORT": "sports",
    "INVALID_SPORT": "sports",
    "MISSING_REGION": "regions",
    "INVALID_REGION": "regions",
    "INVALID_BOOKMAKERS": "bookmakers",
    "MISSING_MARKET": "markets",
    "INVALID_MARKET": "markets",
    "INVALID_MARKET_COMBO": "markets",
    "INVALID_SCORES_DAYS_FROM": "scores_days",
}
_LONGEST_MESSAGE = 200


class _ErrorBody(msgspec.Struct):
    error_code: str = ""
    message: str = ""


def refusal(status: int, body: bytes, *, by_event: bool, now: Micros, retry_after: float | None) -> SourceError:
    """Return the error that an answer with a status other than 200 stands for."""
    found = _read(body)
    code, said = found.error_code, found.message[:_LONGEST_MESSAGE]
    if code in _KEY_ADVICE:
        return Unauthorized(f"{_KEY_ADVICE[code]} ({code})", code=code, status=status)
    if code == "OUT_OF_USAGE_CREDITS":
        text = f"no credits left this month; they return on {_next_month(now):%Y-%m-%d} ({code})"
        return RateLimited(text, code=code, status=status, retry_after=_until_next_month(now))
    if code == BUSY or status == 429:
        text = "the provider asks for fewer requests; lower concurrency or poll less often"
        return RateLimited(text, code=code or "429", status=status, retry_after=retry_after)
    if code == GONE:
        return TransientError(f"the event is over or was withdrawn ({code})", code=code, status=status)
    if code in _OPTION_TO_EDIT:
        option = "event_markets" if by_event and _OPTION_TO_EDIT[code] == "markets" else _OPTION_TO_EDIT[code]
        return SourceError(f"{said or 'refused'}: edit {option} ({code})", code=code, status=status)
    if code:
        return SourceError(f"{said or 'refused'} ({code})", code=code, status=status)
    return _by_status(status)


def _by_status(status: int) -> SourceError:
    """Judge an answer that names no error code: it is not the provider's own."""
    if status >= 500:
        return TransientError(f"the provider has a problem (status {status})", code=str(status), status=status)
    if 300 <= status < 400:
        text = f"base_url answers with a redirect (status {status}): put the final address there"
        return SourceError(text, code="redirect", status=status)
    text = f"an unexpected answer (status {status}): is base_url The Odds API?"
    return SourceError(text, code=str(status), status=status)


def _read(body: bytes) -> _ErrorBody:
    try:
        return msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _ErrorBody()


def _next_month(now: Micros) -> datetime:
    """Return when the month's credits return: the first of the next month, UTC."""
    at = to_datetime(now)
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)


def _until_next_month(now: Micros) -> float:
    return (micros(_next_month(now)) - now) / SECOND
