"""Credentials as texts: `strm_live_<id>_<secret><checksum>` for keys, `strm_sess_…` for sessions."""

from __future__ import annotations

import secrets

from stratumd.plugin.tokens import ALPHABET, Made, checksum, digest, id_of, make

__all__ = ["ALPHABET", "KEY", "SESSION", "Made", "checksum", "digest", "id_of", "make", "new_id", "one_time"]

KEY, SESSION = "strm_live", "strm_sess"


def one_time() -> str:
    """Return a token for a letter or a redirect: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    """Return an id that cannot be guessed."""
    return secrets.token_hex(8)
