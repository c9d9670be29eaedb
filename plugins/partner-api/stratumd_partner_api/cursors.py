"""Cursors: where a walk through pages stands, signed, so that nobody reads on as somebody else or somewhere else."""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import msgspec

from stratumd.plugin import Micros
from stratumd.plugin.routes import Refused

LONGEST = 512
"""Characters of a cursor."""
_MAC = 16
_PERSON = b"stratumd.cursor"
_DETAIL = "This cursor is not one of yours for this question, or has expired: begin again without it."


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A place in a walk."""

    expires: int
    """Seconds since 1970 UTC."""
    at: Micros
    """When the walk began: all pages show what could be seen then."""
    position: tuple[Any, ...]
    """The place of the last row that was shown, in the order of the list."""


_DECODER = msgspec.msgpack.Decoder(Mark)
_QUESTIONS = msgspec.json.Encoder(order="deterministic")


class Cursors:
    """Signs marks, and reads them back. `use` first."""

    def __init__(self, lifetime: Micros) -> None:
        self._lifetime = lifetime
        self._key = b""

    def use(self, key: bytes) -> None:
        """Derive the key of cursors from the plugin's own."""
        self._key = hmac.digest(key, b"cursors", "sha256")

    def sign(self, account: str, question: bytes, at: Micros, now: Micros, position: tuple[Any, ...]) -> str:
        """Return the cursor with which `account` goes on with `question` (see `question_of`) behind `position`."""
        # Whole hours, so that the same page mostly has the same cursor.
        expires = (now + self._lifetime) // 3_600_000_000 * 3_600 + 3_600
        packed = msgspec.msgpack.encode(Mark(expires, at, position))
        return urlsafe_b64encode(self._mac(account, question, packed) + packed).rstrip(b"=").decode()

    def read(self, cursor: str, account: str, question: bytes, now: Micros) -> Mark:
        """Return what was signed. `Refused` (400) where not a bit of it may be other than it was."""
        signed = _decoded(cursor)
        mac, packed = signed[:_MAC], signed[_MAC:]
        if not hmac.compare_digest(mac, self._mac(account, question, packed)):
            raise Refused(400, _DETAIL)
        mark = _DECODER.decode(packed)
        if mark.expires * 1_000_000 <= now:
            raise Refused(400, _DETAIL)
        return mark

    def _mac(self, account: str, question: bytes, packed: bytes) -> bytes:
        framed = b"%d:%b%d:%b%b" % (len(account.encode()), account.encode(), len(question), question, packed)
        return hmac.digest(self._key, _PERSON + framed, "sha256")[:_MAC]


def question_of(name: str, query: msgspec.Struct) -> bytes:
    """Return a hash of what is asked: the endpoint and its query but for how many rows, and behind which."""
    asked = {key: value for key, value in msgspec.structs.asdict(query).items() if key not in ("cursor", "limit")}
    return blake2b(name.encode() + b"\n" + _QUESTIONS.encode(asked), digest_size=16).digest()


def _decoded(cursor: str) -> bytes:
    """Decode one spelling of each cursor only: base64 has spare bits at its end, which would be free to flip."""
    try:
        text = cursor.encode("ascii")
        if len(text) > LONGEST:
            raise ValueError
        signed = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise Refused(400, _DETAIL) from None
    if urlsafe_b64encode(signed).rstrip(b"=") != text or len(signed) <= _MAC:
        raise Refused(400, _DETAIL)
    return signed
