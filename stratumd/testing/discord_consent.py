"""The consent page of the fake Discord: codes for a webhook, as OAuth 2 with PKCE gives and takes them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

CLIENT_ID, CLIENT_SECRET = "4711", "canary-client-secret"  # opens nothing


class _Granted(NamedTuple):
    redirect_uri: str
    challenge: str


class Consent:
    """Gives codes to whoever was sent here, and takes each once, from the application alone."""

    def __init__(self) -> None:
        self._granted: dict[str, _Granted] = {}

    def give(self, url: str) -> dict[str, str]:
        """Consent to what the address asks for. Returns what Discord sends the browser back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if asked.get("client_id") != CLIENT_ID or asked.get("response_type") != "code":
            raise ValueError("Discord does not know this application")
        if asked.get("scope") != "webhook.incoming" or asked.get("code_challenge_method") != "S256":
            raise ValueError("expected the scope webhook.incoming, and PKCE with S256")
        code = secrets.token_urlsafe(12)
        self._granted[code] = _Granted(asked["redirect_uri"], asked["code_challenge"])
        return {"code": code, "state": asked["state"], "guild_id": "81384788765712384", "iss": "https://discord.com"}

    def judge(self, authorization: str, body: bytes) -> bool:
        """Say whether a request for a token is answered with one; its code is used up in any case."""
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        granted = self._granted.pop(form.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        return (
            granted is not None
            and authorization == f"Basic {expected}"
            and form.get("grant_type") == "authorization_code"
            and form.get("redirect_uri") == granted.redirect_uri
            and _challenge(form.get("code_verifier", "")) == granted.challenge
        )


def token(webhook: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a code is turned into."""
    return {
        "token_type": "Bearer",
        "access_token": secrets.token_urlsafe(12),
        "scope": "webhook.incoming",
        "expires_in": 604_800,
        "refresh_token": secrets.token_urlsafe(12),
        "webhook": dict(webhook),
    }


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
