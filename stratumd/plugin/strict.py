"""Strict JSON: what two readers could understand in two ways is refused.

RFC 8259 leaves open what a name that comes twice in one object means, and how large a number may be; some writers send
NaN and Infinity, which are no JSON at all. A price must not depend on the reader.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from stratumd.errors import BadPayload

MOST_DEPTH = 64
"""Brackets inside of brackets that are read; what providers send has less than ten."""

_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SPACED = tuple(b'"' + space for space in (b" ", b"\t", b"\n", b"\r"))
_PARTS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_LONGEST_WHOLE = 1 << 16
"""Bytes up to which an array is looked at in one piece; a longer one element by element, which takes less memory."""


def check_json(body: bytes, *, depth: int = MOST_DEPTH) -> None:
    """Raise `BadPayload` where `body` is not JSON in UTF-8 of one meaning.

    Its `code` says why: `not_json`, `not_finite` (a number that no float holds), `duplicate_key`, `too_deep`.
    It takes about a millisecond for each 200 kB; call it in a thread where that matters.
    """
    if _depth_exceeds(body, depth):
        raise BadPayload(f"the answer nests deeper than {depth} levels", code="too_deep")
    try:
        if b"\\" in body or any(spaced in body for spaced in _SPACED):
            msgspec.json.decode(body)
            json.loads(body, object_pairs_hook=_once, parse_constant=_no_number)
        else:
            for part in _pieces(body):
                _check_compact(part)
    except _Twice as twice:
        raise BadPayload(f"the answer has an object with {twice} twice", code="duplicate_key") from None
    except msgspec.ValidationError:
        raise BadPayload("the answer has a number that is none", code="not_finite") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadPayload(f"the answer is no JSON: {type(error).__name__}", code="not_json") from None


def _depth_exceeds(body: bytes, depth: int) -> bool:
    """Take away innermost pairs of brackets, `depth` times; what stays lies deeper, or stands in a text."""
    if _left(body.translate(None, _OTHERS), depth):
        return bool(_left(_TEXT.sub(b"", body).translate(None, _OTHERS), depth))
    return False


def _left(brackets: bytes, depth: int) -> bytes:
    for _ in range(depth):
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(fewer) == len(brackets):
            # Nothing pairs any more. That is no JSON, which is found out soon; it matters here only if it is too deep.
            return fewer if len(fewer) > depth else b""
        brackets = fewer
    return brackets


def _pieces(body: bytes) -> list[Any]:
    if len(body) <= _LONGEST_WHOLE or not body.startswith(b"["):
        return [body]
    return list(_PARTS.decode(body))


def _check_compact(part: Any) -> None:
    """Look at JSON without a backslash and without space behind a text: there every `":` ends a name.

    What is read and written again has each name once; where it has fewer, one came twice. It is ten times as fast as
    looking at every object.
    """
    raw = bytes(part)
    if msgspec.json.encode(msgspec.json.decode(raw)).count(b'":') != raw.count(b'":'):
        json.loads(raw, object_pairs_hook=_once, parse_constant=_no_number)
        raise _Twice("a name")


class _Twice(Exception):
    """A name comes twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(repr(next(name for name in names if names.count(name) > 1))[:60])
    return found


def _no_number(constant: str) -> NoReturn:
    raise ValueError(constant)
