"""What a request costs: at most before it is made, and to the credit once its answer is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from stratumd.plugin import Request
from stratumd_odds_api.asked import DEFAULT_MARKETS, LAYABLE
from stratumd_odds_api.wire import UNREADABLE

BOOKS_A_REGION = 10
"""So many named bookmakers, or a part of them, cost as much as one region."""
HISTORICAL = 10
"""The factor of historical odds."""
AMERICAN = frozenset({"us", "us2", "us_dfs"})
"""Regions without an exchange: no lay market comes unasked."""

_PATH = re.compile(
    r"/v4/(?P<historical>historical/)?sports"
    r"(?:/[^/]+/(?:(?P<list>odds|events|scores|participants)|events/[^/]+/(?P<event>odds|markets)))?"
)


class _Key(msgspec.Struct):
    key: str


class _Book(msgspec.Struct):
    markets: list[_Key] = []


class _Event(msgspec.Struct):
    bookmakers: list[_Book] = []


class _Envelope(msgspec.Struct):
    data: msgspec.Raw


def most(request: Request) -> int:
    """Return the most credits that `request` can cost. A path that is not known costs nothing."""
    kind, factor = _kind(request)
    if kind == "odds":
        return factor * len(_markets(request.params)) * regions(request.params)
    if kind == "event odds":
        return factor * _most_markets(request.params) * regions(request.params)
    return _flat(kind, request, 1)


def cost(request: Request, body: bytes) -> int | None:
    """Return what the answer `body` (status 200) costs; None where it cannot be read."""
    kind, factor = _kind(request)
    try:
        content = msgspec.json.decode(body, type=_Envelope).data if factor > 1 else msgspec.Raw(body)
        if kind == "odds":
            full = factor * len(_markets(request.params)) * regions(request.params)
            return full if _entries(content) else 0
        if kind == "event odds":
            event = msgspec.json.decode(content, type=_Event)
            returned = {market.key for book in event.bookmakers for market in book.markets}
            return factor * len(returned) * regions(request.params)
        return _flat(kind, request, _entries(content) if kind == "events" and factor > 1 else 1)
    except UNREADABLE:
        return None


def regions(params: Mapping[str, str]) -> int:
    """Return how many regions are paid for: bookmakers win, each started ten of them are one."""
    books = _keys(params.get("bookmakers", ""))
    return -(-len(books) // BOOKS_A_REGION) if books else len(set(_keys(params.get("regions", ""))))


def _kind(request: Request) -> tuple[str, int]:
    """Return what is asked for, and the factor: 10 for historical odds."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        return "", 1
    kind = found["list"] or (f"event {found['event']}" if found["event"] else "sports")
    return kind, HISTORICAL if found["historical"] else 1


def _flat(kind: str, request: Request, entries: int) -> int:
    """Return the price of what does not depend on markets. Only the historical list of events costs anything."""
    if kind == "events":
        return int("historical/" in request.path and entries > 0)
    if kind == "scores":
        return 2 if "daysFrom" in request.params else 1
    return {"participants": 1, "event markets": 1}.get(kind, 0)


def _markets(params: Mapping[str, str]) -> list[str]:
    return _keys(params.get("markets") or DEFAULT_MARKETS)


def _most_markets(params: Mapping[str, str]) -> int:
    """Return how many markets can come back: exchanges add the lay side, and what comes back is paid for."""
    asked = _markets(params)
    plain = not params.get("bookmakers") and AMERICAN.issuperset(_keys(params.get("regions", "")))
    return len(asked) + (0 if plain else len(LAYABLE.intersection(asked)))


def _keys(text: str) -> list[str]:
    return [key for key in text.split(",") if key]


def _entries(content: bytes | msgspec.Raw) -> int:
    rows: list[Any] = msgspec.json.decode(content, type=list[msgspec.Raw])
    return len(rows)
