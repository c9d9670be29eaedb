"""What each answer of Discord's means for the delivery."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.errors import DeliveryError
from stratumd_discord.answers import Answer, Refused, message_id, pause_after


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    found = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, found)


def failure(given_answer: Answer) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        message_id(given_answer)
    return raised.value


@pytest.mark.parametrize(
    ("body", "id"),
    [({"id": "14"}, "14"), ({"id": 14}, None), ([], None), (b"", None), (b'{"id": "14", "embeds": [{"ti', None)],
)
def test_a_posted_message_may_have_an_id(body: Any, id: str | None) -> None:
    assert message_id(answer(200, body)) == id


@pytest.mark.parametrize(
    ("status", "permanent", "disable"),
    [
        (302, False, False),
        (400, True, False),
        (401, False, True),
        (403, False, True),
        (404, False, True),
        (405, True, False),
        (413, True, False),
        (500, False, False),
        (502, False, False),
        (503, False, False),
    ],
)
def test_an_error_is_tried_again_given_up_or_the_end(status: int, permanent: bool, disable: bool) -> None:
    error = failure(answer(status, {"message": "why"}))
    assert (error.permanent, error.disable, error.retry_after) == (permanent, disable, None)
    assert "why" in str(error)


@pytest.mark.parametrize(
    ("body", "header", "seconds"),
    [
        ({"retry_after": 64.57, "global": False}, "65", 64.57),
        (b"<html>banned</html>", "30", 30.0),
        ({"retry_after": "soon"}, None, None),
        ({"retry_after": -1}, None, None),
        (b'{"retry_after": 1e999}', None, None),
    ],
)
def test_the_wait_is_the_bodys_float_before_the_headers_whole_seconds(
    body: Any, header: str | None, seconds: float | None
) -> None:
    headers = {"retry_after": header} if header is not None else {}
    error = failure(answer(429, body, **headers))
    assert error.retry_after == seconds
    assert not error.permanent


def test_a_refusal_names_the_places_in_the_message() -> None:
    errors = {"embeds": {"0": {"title": {"_errors": [{"code": "MAX", "message": "Must be 256 or fewer."}]}}}}
    error = failure(answer(400, {"message": "Invalid Form Body", "code": 50035, "errors": errors}))
    assert isinstance(error, Refused)
    expected = "Discord refused the message: Invalid Form Body; embeds.0.title: Must be 256 or fewer."
    assert str(error) == expected


@pytest.mark.parametrize(
    ("remaining", "reset_after", "pause"),
    [("4", "1.5", 0.0), ("0", "1.5", 1.5), ("0", None, 0.0), (None, "1.5", 0.0), ("0", "nan", 0.0), ("0", "-1", 0.0)],
)
def test_an_empty_bucket_is_waited_for(remaining: str | None, reset_after: str | None, pause: float) -> None:
    named = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset-after": reset_after}
    assert pause_after({name: value for name, value in named.items() if value is not None}) == pause


@given(st.integers(300, 599), st.binary(max_size=60))
def test_any_body_gives_a_delivery_error_in_one_line(status: int, body: bytes) -> None:
    assert "\n" not in str(failure(answer(status, body)))
