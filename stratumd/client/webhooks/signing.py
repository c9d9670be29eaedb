"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, keyed by what follows `whsec_`."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable

from stratumd.plugin import Secret

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a key."""


def key(secret: Secret) -> bytes:
    """Return the key of a secret. `ValueError` says what a secret looks like, and never shows it."""
    text = secret.reveal().strip()
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not text.startswith(PREFIX) or not SHORTEST <= len(found) <= LONGEST:
        raise ValueError(f"expected {PREFIX} and the base64 of {SHORTEST} to {LONGEST} random bytes")
    return found


def signatures(secrets: Iterable[Secret], id: str, timestamp: int, body: bytes) -> str:
    """Return the header `webhook-signature`: one signature per secret. `timestamp` is in seconds since 1970 UTC."""
    return " ".join(_signature(secret, id, timestamp, body) for secret in secrets)


def _signature(secret: Secret, id: str, timestamp: int, body: bytes) -> str:
    content = b"%b.%d.%b" % (id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key(secret), content, "sha256")).decode()
