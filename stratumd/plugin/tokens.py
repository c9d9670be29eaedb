"""Credentials as texts: `strm_live_<id>_<secret><checksum>`, and of another kind with another prefix.

The checksum tells a mistyped or made-up one without a look-up, and lets scanners of published code be sure.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from functools import cache
from typing import NamedTuple

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
SECRET_LENGTH = 32
"""Characters of 62: 190 bits."""
CHECKSUM_LENGTH = 6
LONGEST = 96
"""Characters; nothing longer is looked at."""


class Made(NamedTuple):
    """A credential, at the only time when it is seen."""

    id: str
    token: str
    hash: str

    def __repr__(self) -> str:
        """Leave out the token."""
        return f"Made(id={self.id!r})"


def make(prefix: str) -> Made:
    """Return a new credential; `prefix` is such as `strm_live`."""
    id = secrets.token_hex(8)
    body = f"{prefix}_{id}_{''.join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))}"
    token = body + checksum(body)
    return Made(id, token, digest(token))


def id_of(token: str, prefix: str) -> str | None:
    """Return the id in a credential of this kind; None where it is none, without asking anybody."""
    if len(token) > LONGEST:
        return None
    found = _form(prefix).fullmatch(token)
    if found is None or checksum(token[:-CHECKSUM_LENGTH]) != token[-CHECKSUM_LENGTH:]:
        return None
    return found[1]


def digest(token: str) -> str:
    """Return the SHA-256 in hex. A token has so many random bits that no slower hash is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def checksum(body: str) -> str:
    """Return CRC-32 as six digits of base 62: it finds every single mistake, and is no protection by itself."""
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


@cache
def _form(prefix: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(prefix)}_([0-9a-f]{{16}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}")
