"""Internal keys: 63-bit hashes of what they stand for, so that no look-up and no counter is needed to write a row.

With a hundred million series the chance that any two share a key is below one in a thousand; an event or a series
never changes its key.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from stratumd.plugin import Change, Micros, Request

_FRAMES = msgspec.json.Encoder(order="deterministic")
_POSITIVE = (1 << 63) - 1

SeriesKey = tuple[str, str, str, str | None, str, float | None]
"""Event, book, market, player, outcome, rung."""


def event_key(event: str) -> int:
    """Return the key of the event with the provider's id `event`."""
    return _hash(event.encode(errors="replace"))


def series_key(pipeline: str, series: SeriesKey) -> int:
    """Return the key of one quote's series. The pipeline is part of it: its observations made the series."""
    *identity, rung = series
    return _hash(_FRAMES.encode([pipeline, *identity, None if rung is None else float(rung)]))


def request_key(source: str, request: Request) -> int:
    """Return the key of everything that is asked of a source in the same words."""
    return _hash(_FRAMES.encode([source, request.path, request.params]))


def poll_key(source: str, request: Request, started_at: Micros, elapsed: Micros, outcome: str) -> str:
    """Return the id of a poll: the same exchange logged twice is one row."""
    frame: list[Any] = [source, request.path, request.params, started_at, elapsed, outcome]
    return blake2b(_FRAMES.encode(frame), digest_size=16).hexdigest()


def identity(change: Change) -> SeriesKey:
    """Return the part of a change that names its series."""
    return change[:6]


def _hash(frame: bytes) -> int:
    return int.from_bytes(blake2b(frame, digest_size=8).digest(), "big") & _POSITIVE
