"""Questions about the past: the historical endpoints, and the time of which an answer tells."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stratumd.errors import BadPayload
from stratumd.plugin import Micros, Observation, Past, Poll, Request, iso, parse_iso
from stratumd_odds_api.wire import UNREADABLE

FEATURE = "historical"
"""The budget that questions about the past are paid from."""


class _Stamped(msgspec.Struct):
    timestamp: str


def request_of(past: Past, books: Mapping[str, str]) -> Request:
    """Return the request that asks how `past` was; `books` says whose odds are wanted."""
    path = f"/v4/historical/sports/{past.sport}"
    date = {"date": iso(past.at)}
    if not past.markets:
        return Request(f"{path}/events", date)
    params = {**books, "markets": ",".join(past.markets), "oddsFormat": "american", **date}
    if past.singly:
        return Request(f"{path}/events/{past.events[0]}/odds", params)
    only = {"eventIds": ",".join(sorted(past.events))} if past.events else {}
    return Request(f"{path}/odds", {**params, **only})


def told_of(poll: Poll) -> Poll:
    """Return `poll` with its observation at the time of which it tells: the snapshot's, not when it was asked for.

    The provider answers with the snapshot at the time that was asked for, or the last one before it.
    """
    observation = poll.observation
    if observation is None:
        return poll
    at, error = _stamp(observation.body), poll.error
    if at is None:
        at = parse_iso(poll.request.params["date"])
        error = error or BadPayload("the answer does not say of which time it tells", code="no_timestamp", status=200)
    return msgspec.structs.replace(poll, observation=_moved(observation, at), error=error)


def _moved(observation: Observation, at: Micros) -> Observation:
    return msgspec.structs.replace(observation, received_at=at, origin="historical", id="")


def _stamp(body: bytes) -> Micros | None:
    try:
        return parse_iso(msgspec.json.decode(body, type=_Stamped).timestamp)
    except (*UNREADABLE, ValueError, OverflowError):
        return None
