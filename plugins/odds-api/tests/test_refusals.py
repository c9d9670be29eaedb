"""What the provider's refusals mean: judged by the error code."""

import json

import pytest

from stratumd.errors import RateLimited, SourceError, TransientError, Unauthorized
from stratumd.plugin import parse_iso
from stratumd.testing.provider_answers import ERRORS
from stratumd_odds_api.refusals import refusal


def refused(status: int, body: object, *, by_event: bool = False, now: str = "2026-12-31T23:00:00Z") -> SourceError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusal(status, raw, by_event=by_event, now=parse_iso(now), retry_after=None)


@pytest.mark.parametrize("code", ERRORS)
def test_every_code_is_named_in_what_the_operator_reads(code: str) -> None:
    status, message = ERRORS[code]
    error = refused(status, {"message": message, "error_code": code})
    assert (error.code, error.status) == (code, status)
    if code != "EXCEEDED_FREQ_LIMIT":
        assert code in str(error)


def test_a_status_alone_does_not_decide() -> None:
    assert isinstance(refused(401, {"error_code": "OUT_OF_USAGE_CREDITS"}), RateLimited)
    assert isinstance(refused(401, {"error_code": "INVALID_KEY"}), Unauthorized)
    assert type(refused(401, b"<html>log in to this hotspot</html>")) is SourceError


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"null", b'{"error_code": 5}', b"\xff", b"[" * 100_000])
def test_a_body_that_says_nothing_leaves_the_status(body: bytes) -> None:
    assert isinstance(refused(503, body), TransientError)
    assert isinstance(refused(429, body), RateLimited)
    assert refused(302, body).code == "redirect"
    assert type(refused(418, body)) is SourceError


@pytest.mark.parametrize(
    ("code", "option"),
    [
        ("UNKNOWN_SPORT", "sports"),
        ("INVALID_REGION", "regions"),
        ("INVALID_BOOKMAKERS", "bookmakers"),
        ("INVALID_MARKET", "markets"),
    ],
)
def test_a_mistake_in_the_file_names_the_option(code: str, option: str) -> None:
    assert f"edit {option} " in str(refused(422, {"error_code": code}))


def test_a_market_of_an_event_is_another_option() -> None:
    assert "edit event_markets" in str(refused(422, {"error_code": "INVALID_MARKET"}, by_event=True))


@pytest.mark.parametrize(
    ("now", "seconds"),
    [("2026-12-31T23:00:00Z", 3600), ("2026-02-01T00:00:00Z", 28 * 86400), ("2028-02-29T23:59:59Z", 1)],
)
def test_credits_return_on_the_first_of_the_month(now: str, seconds: float) -> None:
    error = refused(401, {"error_code": "OUT_OF_USAGE_CREDITS"}, now=now)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def test_a_long_message_is_cut() -> None:
    assert len(str(refused(422, {"error_code": "INVALID_STATUS", "message": "x" * 5000}))) < 300
