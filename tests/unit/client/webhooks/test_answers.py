"""The table of outcomes."""

from __future__ import annotations

from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.client.webhooks.answers import judge, seconds_until
from stratumd.errors import DeliveryError
from stratumd.plugin import SECOND, to_datetime

NOW = 1_784_000_000 * SECOND


def outcome(status: int, retry_after: str | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        judge(status, retry_after, NOW)
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_2xx_is_delivered(status: int) -> None:
    judge(status, "120", NOW)


def test_410_disables() -> None:
    error = outcome(410, "120")
    assert (error.disable, error.permanent, error.retry_after) == (True, False, None)
    assert "set a new URL" in str(error)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_receiver_says_how_long_to_wait(status: int) -> None:
    assert outcome(status, "120").retry_after == 120
    assert outcome(status).retry_after is None


@pytest.mark.parametrize(
    "status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 413, 422, 451, 500, 501, 599]
)
def test_everything_else_fails_and_comes_again(status: int) -> None:
    error = outcome(status, "120")
    assert (error.disable, error.permanent, error.retry_after) == (False, False, None)
    assert str(error) == f"the receiver answered {status}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("2.5", 2.5),
        ("-1", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Tue, 14 Jul 2026 03:33:25 GMT", 5.0),
        ("Tue, 14 Jul 2026 03:33:25 -0000", 5.0),
        ("Tue, 14 Jul 2026 05:33:25 +0200", 5.0),
        ("Tue, 14 Jul 2026 03:33:15 GMT", 0.0),
        ("Tue, 99 Jul 2026 03:33:15 GMT", None),
    ],
)
def test_reads_seconds_and_dates(text: str, seconds: float | None) -> None:
    assert seconds_until(text, NOW) == seconds


@given(st.integers(0, 10**6))
def test_a_date_says_the_same_as_its_seconds(seconds: int) -> None:
    date = format_datetime(to_datetime(NOW + seconds * SECOND), usegmt=True)
    assert seconds_until(date, NOW) == seconds_until(str(seconds), NOW) == seconds


@given(st.text())
def test_any_header_is_read_or_ignored(text: str) -> None:
    found = seconds_until(text, NOW)
    assert found is None or found >= 0
