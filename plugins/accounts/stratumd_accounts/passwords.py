"""Passwords: Argon2id, the same work for an address that nobody has, and never on the event loop."""

from __future__ import annotations

import unicodedata

import anyio
import anyio.to_thread
from argon2 import exceptions

from stratumd.plugin.routes import Refused
from stratumd_accounts.options import Argon2Options

LONGEST = 256
"""Characters of a password that are looked at; a longer one is refused before."""


class Passwords:
    """Hashes and checks. What waits for its turn waits without a thread."""

    def __init__(self, options: Argon2Options) -> None:
        self._hasher = options.hasher()
        self._turns = anyio.CapacityLimiter(options.at_once)
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Return the hash of a new password."""
        return await anyio.to_thread.run_sync(self._hasher.hash, _normal(password), limiter=self._turns)

    async def matches(self, known: str | None, password: str) -> bool:
        """Say whether the password is right. Without a hash it takes as long, and is wrong."""
        right = await anyio.to_thread.run_sync(
            self._verify, known or self._nobody, _normal(password), limiter=self._turns
        )
        return right and bool(known)

    def is_outdated(self, known: str) -> bool:
        """Say whether a hash was made with other parameters than those of the file."""
        return self._hasher.check_needs_rehash(known)

    def _verify(self, known: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(known, password)
        except exceptions.VerificationError:
            return False


def check_password(password: str, email: str, shortest: int) -> None:
    """Refuse a new password that is too short, or that anybody would try first."""
    name = email.partition("@")[0]
    if len(password) < shortest:
        raise Refused(422, f"The password is too short: use at least {shortest} characters.")
    if password.strip().lower() in (email, name, name * 2) or len(set(password)) < 4:
        raise Refused(422, "The password is too easy to guess: use another one.")


def _normal(password: str) -> bytes:
    """Return the same bytes however a keyboard writes an accent."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
