"""Time as stratumd counts it: whole microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import overload

Micros = int
"""Microseconds since 1970-01-01T00:00:00Z, or a length in microseconds. An integer, so that it compares fast,
hashes exactly and is the same in every database."""

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR
NEVER: Micros = -(1 << 63)
"""Before every instant."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


@overload
def micros(value: datetime) -> Micros: ...
@overload
def micros(value: timedelta) -> Micros: ...
def micros(value: datetime | timedelta) -> Micros:
    """Convert an aware datetime or a length of time to microseconds. A naive datetime raises `TypeError`."""
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    return (value - _EPOCH) // _MICROSECOND


def to_datetime(at: Micros) -> datetime:
    """Return the UTC datetime of `at`."""
    return _EPOCH + timedelta(microseconds=at)


def iso(at: Micros) -> str:
    """Return `at` as `2026-07-15T15:45:30.123456Z`, without a fraction where it is zero."""
    return to_datetime(at).replace(tzinfo=None).isoformat() + "Z"


def parse_iso(text: str) -> Micros:
    """Read an ISO 8601 time with its zone. `ValueError` where it is malformed or names no zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return micros(moment)


def parse_duration(text: str) -> timedelta:
    """Read `30s`, `10m`, `2h`, `14d` or a sum such as `1h30m`. `ValueError` says what is accepted."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError("expected a duration such as 30s, 10m, 2h or 14d")
    try:
        return timedelta(microseconds=sum(round(float(number) * _UNITS[unit]) for number, unit in parts))
    except OverflowError:
        raise ValueError("expected a duration of less than a million years") from None


def format_duration(length: timedelta) -> str:
    """Return the shortest text that `parse_duration` reads back as `length`."""
    rest, parts = micros(length), []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
