"""What a receiver's answers mean for a delivery."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite

from stratumd.errors import DeliveryError
from stratumd.plugin import SECOND, Micros, micros

GONE = 410
SLOWER = frozenset({429, 502, 503, 504})
"""Answers that may say how long to wait."""


def judge(status: int, retry_after: str | None, now: Micros) -> None:
    """Return where the receiver took the delivery (2xx).

    Raises `DeliveryError` for everything else: with `disable` for 410, with `retry_after` where an overloaded receiver
    says how long to wait; else the delivery follows the schedule. No status makes it a dead letter at once. `status` is
    that of the answer.
    """
    if 200 <= status < 300:
        return
    if status == GONE:
        gone = "the receiver is gone (410): set a new URL, or have nothing sent there any more"
        raise DeliveryError(gone, disable=True, status=status)
    wait = seconds_until(retry_after, now) if status in SLOWER and retry_after else None
    raise DeliveryError(f"the receiver answered {status}", retry_after=wait, status=status)


def seconds_until(retry_after: str, now: Micros) -> float | None:
    """Read `Retry-After`: seconds, or an HTTP date. None where it is neither; a time that has passed is 0."""
    try:
        seconds = float(retry_after)
    except ValueError:
        return _until_date(retry_after, now)
    return max(0.0, seconds) if isfinite(seconds) else None


def _until_date(text: str, now: Micros) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date that says -0000 comes without a zone; it means UTC all the same.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, micros(aware) - now) / SECOND
