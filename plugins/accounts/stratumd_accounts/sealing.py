"""Texts that have to be read again, such as the secret of a second factor, and must mean nothing to whoever copies
the database.

HMAC-SHA256 in counter mode gives the key stream, and another HMAC over nonce, purpose and sealed text authenticates
(encrypt then MAC): both rest on HMAC being a pseudorandom function, and need nothing but the standard library.
"""

from __future__ import annotations

import base64
import hmac
import secrets

from stratumd.plugin import Secret

_NONCE = 16
_TAG = 32
_BLOCK = 32


class Sealer:
    """Seals, opens and signs with keys that are derived from the file's secret, one for each use."""

    def __init__(self, secret: Secret) -> None:
        """`secret` has at least 32 random characters."""
        self._stream_key, self._tag_key, self._sign_key = (
            _mac(secret.reveal().encode(), b"stratumd accounts " + use) for use in (b"stream", b"tag", b"sign")
        )

    def seal(self, text: str, about: str) -> str:
        """Return `text` sealed. `about` says what it is and whose: it opens for the same alone."""
        nonce, plain = secrets.token_bytes(_NONCE), text.encode()
        sealed = nonce + _xor(plain, self._stream(nonce, len(plain)))
        return base64.urlsafe_b64encode(sealed + self._tag(sealed, about)).decode()

    def open(self, sealed: str, about: str) -> str | None:
        """Return what was sealed; None where it was changed, belongs to something else, or the secret is another."""
        raw = base64.urlsafe_b64decode(sealed)
        body, tag = raw[:-_TAG], raw[-_TAG:]
        if not hmac.compare_digest(tag, self._tag(body, about)):
            return None
        return _xor(body[_NONCE:], self._stream(body[:_NONCE], len(body) - _NONCE)).decode()

    def sign(self, *parts: str) -> str:
        """Return a keyed hash of the parts, in hex."""
        return _mac(self._sign_key, b"\0".join(part.encode("utf-8", "surrogatepass") for part in parts)).hex()

    def _stream(self, nonce: bytes, length: int) -> bytes:
        blocks = range(-(-length // _BLOCK))
        return b"".join(_mac(self._stream_key, nonce + block.to_bytes(8, "big")) for block in blocks)[:length]

    def _tag(self, body: bytes, about: str) -> bytes:
        return _mac(self._tag_key, len(body).to_bytes(8, "big") + body + about.encode())


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
