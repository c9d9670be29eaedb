"""Bodies that no provider should send: by hand, each with its name, and any number of mutations."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from tests.support.odds_api import EVENTS, MONEYLINE, SPREAD, TOTAL, book, event, market, outcome

GOOD = json.dumps(EVENTS, separators=(",", ":")).encode()
"""What the provider sends where nothing is wrong."""

WRONG: tuple[Any, ...] = (None, True, 0, -1, 1.5, "", "text", [], {}, [[]], "\u0000", "9" * 400, -(10**30), 10**400)
"""Values of every type, in place of those that are expected."""


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _texts() -> Iterator[tuple[str, bytes]]:
    """Bodies that are no JSON, or not in UTF-8."""
    page = b"<!doctype html><html><title>503</title><body>Down for maintenance</body></html>"
    yield from {
        "empty": b"",
        "space": b" \r\n\t",
        "nul": b"\0" * 64,
        "html": page,
        "xml": b"<?xml version='1.0'?><odds/>",
        "text": b"Service Unavailable",
        "byte order mark": b"\xef\xbb\xbf" + GOOD,
        "UTF-16": GOOD.decode().encode("utf-16"),
        "UTF-16 big-endian": GOOD.decode().encode("utf-16-be"),
        "UTF-32": GOOD.decode().encode("utf-32"),
        "Latin-1": GOOD.replace(b"Utah", b"\xdctah"),
        "overlong UTF-8": GOOD.replace(b"Utah", b"\xc0\xaftah"),
        "lone surrogate": GOOD.replace(b"Utah", b"\\ud800tah"),
        "surrogate bytes": GOOD.replace(b"Utah", b"\xed\xa0\x80tah"),
        "NUL in a name": GOOD.replace(b"Utah", b"\\u0000tah"),
        "raw control character": GOOD.replace(b"Utah", b"\x01tah"),
        "JSON Lines": GOOD + b"\n" + GOOD,
        "trailing comma": GOOD[:-1] + b",]",
        "trailing text": GOOD + b"x",
        "comment": b"/* odds */" + GOOD,
        "single quotes": GOOD.replace(b'"', b"'"),
        "Python literals": GOOD.replace(b"null", b"None"),
        "JSONP": b"callback(" + GOOD + b")",
        "hexadecimal": GOOD.replace(b"-150", b"0x96"),
        "leading zero": GOOD.replace(b"-150", b"-0150"),
        "plus sign": GOOD.replace(b"130", b"+130"),
        "bare fraction": GOOD.replace(b"-3.5", b"-.5"),
        "gzip inside": b"\x1f\x8b\x08\x00" + GOOD,
        "random": random.Random(1).randbytes(4_000),
    }.items()


def _numbers() -> Iterator[tuple[str, bytes]]:
    """Numbers that are none, or too large, in every place where one may stand."""
    for number in (
        *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e308", "-0", "-0.0", "0", "1e-400", "9" * 400),
        *("123456789012345678901234567890", "1E+2", "true", "null", '"-150"', "[]", "{}", "99", "-99", "100000000"),
    ):
        yield f"price {number[:20]}", GOOD.replace(b"-150", number.encode())
        yield f"point {number[:20]}", GOOD.replace(b"-3.5", number.encode())


def _duplicates() -> Iterator[tuple[str, bytes]]:
    """Names and things that come twice."""
    for name in ("id", "sport_key", "commence_time", "home_team", "bookmakers", "key", "markets", "outcomes", "price"):
        mark = f'"{name}":'.encode()
        yield f"{name} twice", GOOD.replace(mark, mark + b"null," + mark, 1)
        yield f"{name} twice, escaped", GOOD.replace(mark, f'"\\u{ord(name[0]):04x}{name[1:]}":7,'.encode() + mark, 1)
    yield "event twice", _json([*EVENTS, *EVENTS])
    yield "book twice", _json([event(book("fanduel", MONEYLINE), book("fanduel", SPREAD))])
    yield "market twice", _json([event(book("fanduel", MONEYLINE, MONEYLINE))])
    twice = market("h2h", outcome("Utah Jazz", -110), outcome("Utah Jazz", 120))
    yield "outcome twice", _json([event(book("fanduel", twice))])


def _depths() -> Iterator[tuple[str, bytes]]:
    """Nesting."""
    for depth in (65, 1_000, 100_000):
        yield f"{depth} lists", b"[" * depth + b"]" * depth
        yield f"{depth} lists without an end", b"[" * depth
        yield f"{depth} objects", b'{"a":' * depth + b"1" + b"}" * depth
        nested = GOOD.replace(b'"h2h"', b"[" * depth + b"]" * depth)
        yield f"{depth} lists as a market's key", nested


def _types() -> Iterator[tuple[str, bytes]]:
    """A value of another type in each place of an event."""
    places: tuple[tuple[str, ...], ...] = (
        *((name,) for name in ("id", "sport_key", "commence_time", "home_team", "away_team", "bookmakers")),
        *(("bookmakers", "0", name) for name in ("key", "markets", "last_update")),
        *(("bookmakers", "0", "markets", "0", name) for name in ("key", "outcomes", "last_update")),
        *(("bookmakers", "0", "markets", "0", "outcomes", "0", name) for name in ("name", "price", "point")),
    )
    for number, place in enumerate(places):
        for wrong in (WRONG[number % len(WRONG)], WRONG[(5 * number + 3) % len(WRONG)], None, {"a": [1]}):
            yield f"{'.'.join(place)} = {str(wrong)[:12]!r}", _json([_with(event(book("b", SPREAD)), place, wrong)])
        yield f"no {'.'.join(place)}", _json([_with(event(book("b", SPREAD)), place, ...)])
    for name in ("list", "text", "number", "null", "object"):
        value = {"list": [], "text": "odds", "number": 7, "null": None, "object": {"data": []}}[name]
        yield f"the whole is a {name}", _json(value)
    yield "errors", _json({"message": "no", "error_code": "NOPE"})


def _with(part: Any, place: tuple[str, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(part))
    inner = copy
    for step in place[:-1]:
        inner = inner[int(step) if step.isdigit() else step]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return copy


def _names() -> Iterator[tuple[str, bytes]]:
    """Names that are long, strange or unknown."""
    for name in (
        "x" * 100_000,
        "",
        " ",
        "a\nb",
        "\u202e",
        "😀",
        "../../etc/passwd",
        "'; DROP TABLE events; --",
        "${env:HOME}",
    ):
        shown = name[:10].encode("unicode_escape").decode()
        yield f"book {shown}", _json([event(book(name, MONEYLINE))])
        yield f"market {shown}", _json([event(book("fanduel", {**MONEYLINE, "key": name}))])
        yield f"team {shown}", _json([event(book("fanduel", MONEYLINE), home_team=name)])
    yield "renamed market", _json([event(book("fanduel", {**TOTAL, "key": "totals_v2"}))])
    yield "new book", _json([event(book("a_new_book", MONEYLINE))])
    yield "ten thousand books", _json([event(*(book(f"book{n}", MONEYLINE) for n in range(10_000)))])
    yield "year 1", _json([event(book("fanduel", MONEYLINE), commence_time="0001-01-01T00:00:00Z")])
    yield "year 9999", _json([event(book("fanduel", MONEYLINE), commence_time="9999-12-31T23:59:59Z")])
    yield "no such day", _json([event(book("fanduel", MONEYLINE), commence_time="2026-02-30T00:00:00Z")])


MANNERS = (
    *("429", "500", "502", "503", "504", "not_json", "html", "redirect", "wrong_types", "reset", "reset_midway"),
    *("truncated", "garbage", "bad_gzip", "nested_gzip", "gzip_bomb", "deflate_bomb", "zstd_bomb", "br_bomb", "slow"),
)
"""What the fake provider does by itself, besides these bodies."""


def shapes() -> list[tuple[str, bytes]]:
    """Return bodies of every shape, each with its name."""
    makers = (_texts, _numbers, _duplicates, _depths, _types, _names)
    return [shape for maker in makers for shape in maker()]


_TOKENS = (
    *(
        b"NaN",
        b"Infinity",
        b"1e400",
        b"-0",
        b"null",
        b"true",
        b'""',
        b"[]",
        b"{}",
        b"[[[[",
        b"}}",
        b'"a":1,',
        b"\\u0000",
    ),
    *(b"\\ud800", b"\xff", b"\xc0\xaf", b"\0", b'"price":', b'"id":"x",', b"999999999999999999999999", b"\xef\xbb\xbf"),
)


def mutated(draw: random.Random, base: bytes) -> bytes:
    """Return `base` with a few changes of any kind."""
    body = bytearray(base)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(body) + 1)
        end = min(len(body), at + draw.randint(1, 40))
        what = draw.randrange(8)
        if what == 0 and at < len(body):
            body[at] ^= 1 << draw.randrange(8)
        elif what == 1:
            body[at:end] = b""
        elif what == 2:
            body[at:at] = draw.choice(_TOKENS)
        elif what == 3:
            body[at:end] = draw.choice(_TOKENS)
        elif what == 4:
            body[at:at] = body[at:end]
        elif what == 5:
            other = draw.randrange(len(body) + 1)
            body[other:other] = body[at:end]
        elif what == 6:
            _swap_number(draw, body)
        else:
            del body[at : len(body) if draw.random() < 0.3 else end]
        if not body:
            return b""
    return bytes(body)


def _swap_number(draw: random.Random, body: bytearray) -> None:
    digits = [at for at, byte in enumerate(body) if 48 <= byte <= 57]
    if digits:
        at = draw.choice(digits)
        body[at : at + 1] = draw.choice((b"1e309", b"-", b"NaN", b"0.0000001", b"99999999", b'"', b"null", b"."))


def hostile(draw: random.Random) -> bytes:
    """Return a body with changes to its bytes, or to what it says."""
    return mutated(draw, GOOD) if draw.random() < 0.5 else grafted(draw)


def grafted(draw: random.Random) -> bytes:
    """Return a good body in which some parts are others: JSON still, whatever it says."""
    root = json.loads(GOOD)
    for _ in range(draw.randint(1, 3)):
        _graft(draw, root)
    return _json(root)


def _graft(draw: random.Random, part: Any) -> None:
    """Replace, remove or repeat something at random inside of `part`, rather deep down."""
    if not isinstance(part, (dict, list)) or not part:
        return
    keys: list[Any] = [*part] if isinstance(part, dict) else [*range(len(part))]
    key = draw.choice(keys)
    if isinstance(part[key], (dict, list)) and part[key] and draw.random() < 0.85:
        _graft(draw, part[key])
    elif draw.random() < 0.2:
        del part[key]
    elif isinstance(part, list) and draw.random() < 0.3:
        part.append(deepcopy(part[key]))
    else:
        part[key] = (
            deepcopy(draw.choice(WRONG))
            if draw.random() < 0.5
            else draw.choice((draw.uniform(-1e6, 1e6), draw.randint(-(10**6), 10**6), "Over", "h2h"))
        )
