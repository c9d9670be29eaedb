"""What a request asked for: the shape of its answer, and the scope inside which absence means something."""

from __future__ import annotations

import re
from typing import NamedTuple

from stratumd.plugin import Request, Scope

DEFAULT_MARKETS = "h2h"
"""What the provider answers with where no markets are asked for."""
LAYABLE = frozenset({"h2h", "outrights"})
"""Markets whose lay side (`h2h_lay`) an exchange adds without being asked."""

_PATH = re.compile(
    r"/v4/(?P<historical>historical/)?sports/(?P<sport>[^/]+)"
    r"(?:/odds|/events(?P<events>)|/events/(?P<event>[^/]+)/odds)"
)


class Asked(NamedTuple):
    """How to read an answer."""

    enveloped: bool
    """True for `/historical/…`, whose body wraps the answer as `data`."""
    event: str | None
    """The event whose odds were asked for; then the answer is one object, else a list."""
    priced: bool
    """True where bookmakers must be there; `/events` has none."""
    american: bool
    scope: Scope | None
    windowed: bool
    """True where a time window was asked for: an event may leave the window without being gone."""


def read_request(request: Request) -> Asked | None:
    """Return what `request` asked for, or None where its answer holds neither events nor odds."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        return None
    params, sport, event = request.params, found["sport"], found["event"]
    priced = found["events"] is None
    return Asked(
        enveloped=found["historical"] is not None,
        event=event,
        priced=priced,
        american=params.get("oddsFormat") == "american",
        scope=_scope(sport, event, params) if priced else None,
        windowed="commenceTimeFrom" in params or "commenceTimeTo" in params,
    )


def _scope(sport: str, event: str | None, params: dict[str, str]) -> Scope:
    """Return the scope.

    The pseudo sport `upcoming` lists some events of all sports, each with all of its books: no event is of that sport,
    so that one that is absent proves nothing, while an absent quote of a listed one does.
    """
    events = frozenset({event}) if event is not None else _keys(params.get("eventIds", "")) or None
    markets = _keys(params.get("markets") or DEFAULT_MARKETS)
    return Scope(
        sport=sport,
        lane=lane(params),
        events=events,
        markets=markets | {f"{market}_lay" for market in markets & LAYABLE},
        books=_keys(params.get("bookmakers", "")) or None,
    )


def lane(params: dict[str, str]) -> str:
    """Name the set of books that were asked for, in any order; `bookmakers` wins over `regions`."""
    by = "bookmakers" if params.get("bookmakers") else "regions"
    return f"{by}={','.join(sorted(_keys(params.get(by, ''))))}"


def _keys(text: str) -> frozenset[str]:
    return frozenset(key for part in text.split(",") if (key := part.strip()))
