"""Signatures of Stripe's webhooks: HMAC-SHA256 over `t.body` under `v1` (docs.stripe.com/webhooks).

The official client takes a timestamp from the future, which makes a recorded request good for ever: here it is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from stratumd.plugin import SECOND, Micros, Secret

TOLERANCE: Micros = 300 * SECOND
"""How old, and how far in the future, a signature may be."""
LONGEST = 4_096
"""Characters of a header that are looked at."""
MOST = 16
"""Signatures of a header that are looked at: Stripe sends one for each secret that is in use."""
_HEX = 64


def good(secrets: Sequence[Secret], header: str, body: bytes, now: Micros) -> bool:
    """Say whether one of the secrets signed this body, neither too long ago nor in the future.

    Whatever is wrong, the same work is done: every secret's signature, compared with as many as are looked at.
    """
    stamp, offered = _taken_apart(header[:LONGEST])
    signed = stamp.encode("ascii", "replace") + b"." + body
    own = [hmac.digest(secret.reveal().encode(), signed, "sha256").hex().encode() for secret in secrets]
    fits = [hmac.compare_digest(mine, each) for mine in own for each in offered]
    return any(fits) & _is_recent(stamp, now)


def _taken_apart(header: str) -> tuple[str, list[bytes]]:
    """Return the timestamp and always the same number of signatures."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamp = next((value for name, _, value in pairs if name == "t"), "")
    found = [value.encode("ascii", "replace") for name, _, value in pairs if name == "v1" and len(value) == _HEX][:MOST]
    return stamp[:20], found + [bytes(_HEX)] * (MOST - len(found))


def _is_recent(stamp: str, now: Micros) -> bool:
    return stamp.isascii() and stamp.isdigit() and abs(int(stamp) * SECOND - now) <= TOLERANCE
