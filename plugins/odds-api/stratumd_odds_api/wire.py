"""The Odds API's JSON: read at once where it is sound, part by part where it is not."""

from __future__ import annotations

import re
from sys import intern
from typing import Any, NamedTuple, TypeVar

import msgspec

from stratumd.plugin import Issue, Place, Severity

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Everything that decoding any bytes can raise."""

REFUSED = "stratumd-refused"
"""The header under which an observation notes why its body is not strict JSON: then nothing is read of it."""

Stamp = str | int | None
"""A time as ISO 8601 or, with `dateFormat=unix`, in seconds."""
Part = TypeVar("Part")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST = 256


class WireMarket(msgspec.Struct, gc=False):
    """One market of one book; its outcomes stay bytes until they are known to have changed."""

    key: str
    outcomes: msgspec.Raw
    last_update: Stamp = None


class WireBook(msgspec.Struct, gc=False):
    """One bookmaker of one event."""

    key: str
    markets: list[WireMarket]
    last_update: Stamp = None


class Fixture(msgspec.Struct, gc=False):
    """One event; winner markets have no teams, `/events` has no bookmakers."""

    id: str
    sport_key: str
    commence_time: str | int
    home_team: str | None = None
    away_team: str | None = None
    bookmakers: list[WireBook] | None = None


class Body(NamedTuple):
    """What could be read of an answer."""

    fixtures: list[Fixture]
    issues: list[Issue]
    unreadable: dict[int, list[Place]]
    """By position in `fixtures`: where parts were left out because they are malformed."""
    complete: bool
    """False where an event could not be named."""


class _Envelope(msgspec.Struct):
    data: list[Fixture]


class _OneEnvelope(msgspec.Struct):
    data: Fixture


class _RawEnvelope(msgspec.Struct):
    data: msgspec.Raw


_NULL = msgspec.Raw(b"null")


class _LooseFixture(msgspec.Struct):
    id: str
    sport_key: str
    commence_time: str | int
    home_team: str | None = None
    away_team: str | None = None
    bookmakers: msgspec.Raw = _NULL


class _LooseBook(msgspec.Struct):
    key: str
    markets: msgspec.Raw
    last_update: Any = None


class _Key(msgspec.Struct):
    key: str


class _Id(msgspec.Struct):
    id: str


_MANY: msgspec.json.Decoder[list[Fixture]] = msgspec.json.Decoder(list[Fixture])
_ONE = msgspec.json.Decoder(Fixture)
_MANY_ENVELOPED = msgspec.json.Decoder(_Envelope)
_ONE_ENVELOPED = msgspec.json.Decoder(_OneEnvelope)
_PARTS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


def read_body(body: bytes, *, enveloped: bool, one: bool) -> Body | None:
    """Return the answer's events, or None where not even its outermost brackets can be read."""
    try:
        return Body(_read_whole(body, enveloped, one), [], {}, True)
    except UNREADABLE:
        return _read_loosely(body, enveloped, one)


def is_name(text: str) -> bool:
    """Say whether `text` can name something: not empty, not endless, no control characters."""
    return 0 < len(text) <= _LONGEST and _CONTROL.search(text) is None


def one_copy(name: str) -> str:
    """Return the copy of `name` that is kept while anybody has it: every answer brings its names anew."""
    return intern(name)


def _read_whole(body: bytes, enveloped: bool, one: bool) -> list[Fixture]:
    if one:
        return [_ONE_ENVELOPED.decode(body).data if enveloped else _ONE.decode(body)]
    return _MANY_ENVELOPED.decode(body).data if enveloped else _MANY.decode(body)


def _read_loosely(body: bytes, enveloped: bool, one: bool) -> Body | None:
    parts = _parts(body, enveloped, one)
    if parts is None:
        return None
    loose = _Loose()
    for part in parts:
        loose.read_fixture(part)
    return Body(loose.fixtures, loose.issues, loose.unreadable, loose.complete)


def _parts(body: bytes, enveloped: bool, one: bool) -> list[msgspec.Raw] | None:
    try:
        whole = msgspec.json.decode(body, type=_RawEnvelope).data if enveloped else msgspec.Raw(body)
        return [msgspec.json.decode(whole, type=msgspec.Raw)] if one else _PARTS.decode(whole)
    except UNREADABLE:
        return None


class _Loose:
    """Reads an answer part by part, and notes the parts that it has to leave out."""

    def __init__(self) -> None:
        self.fixtures: list[Fixture] = []
        self.issues: list[Issue] = []
        self.unreadable: dict[int, list[Place]] = {}
        self.complete = True

    def read_fixture(self, raw: msgspec.Raw) -> None:
        loose = _try(raw, _LooseFixture)
        if loose is None:
            named = _try(raw, _Id)
            self._note("malformed_event", None if named is None else named.id)
            self.complete = False
            return
        unreadable: list[Place] = []
        books = self._books(loose, unreadable)
        if unreadable:
            self.unreadable[len(self.fixtures)] = unreadable
        self.fixtures.append(
            Fixture(loose.id, loose.sport_key, loose.commence_time, loose.home_team, loose.away_team, books)
        )

    def _books(self, loose: _LooseFixture, unreadable: list[Place]) -> list[WireBook] | None:
        parts = _try(loose.bookmakers, list[msgspec.Raw])
        if parts is None:
            return None
        books = [self._book(part, loose.id, unreadable) for part in parts]
        return [book for book in books if book is not None]

    def _book(self, raw: msgspec.Raw, event: str, unreadable: list[Place]) -> WireBook | None:
        loose = _try(raw, _LooseBook)
        parts = None if loose is None else _try(loose.markets, list[msgspec.Raw])
        if loose is None or parts is None:
            named = _try(raw, _Key)
            place = Place(None if named is None else named.key)
            self._note("malformed_book", event, place)
            unreadable.append(place)
            return None
        markets = [self._market(part, event, loose.key, unreadable) for part in parts]
        return WireBook(loose.key, [market for market in markets if market is not None], _stamp(loose.last_update))

    def _market(self, raw: msgspec.Raw, event: str, book: str, unreadable: list[Place]) -> WireMarket | None:
        market = _try(raw, WireMarket)
        if market is None:
            named = _try(raw, _Key)
            place = Place(book, None if named is None else named.key)
            self._note("malformed_market", event, place)
            unreadable.append(place)
        return market

    def _note(self, rule: str, event: str | None, place: Place = Place()) -> None:  # noqa: B008  # immutable
        detail = f"a part of the answer is not as documented: {rule.removeprefix('malformed_')} left out"
        self.issues.append(Issue(rule, detail, Severity.WARNING, event, place.book, place.market))


def _try(raw: msgspec.Raw, kind: type[Part]) -> Part | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE:
        return None


def _stamp(value: Any) -> Stamp:
    """Keep a time that can be one; a book's malformed time costs the book nothing but its time."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None
