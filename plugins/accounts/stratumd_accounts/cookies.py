"""The cookie of a session, and what a request has to show beside it: a cookie alone is sent by any page's form."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from stratumd.plugin import SECOND, Micros
from stratumd.plugin.routes import Call, Refused
from stratumd_accounts.sealing import Sealer

CSRF = "x-csrf-token"
READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Cookies:
    """Sets and reads the session's cookie. Where people come by https it is bound to that very host."""

    def __init__(self, public_url: str, sealer: Sealer) -> None:
        self._origin = public_url
        self._secure = public_url.startswith("https://")
        self._sealer = sealer
        self.name = "__Host-stratumd" if self._secure else "stratumd"

    def set(self, token: str, length: Micros) -> str:
        """Return the header that sets the cookie for so long."""
        return f"{self.name}={token}; Max-Age={length // SECOND}; {self._attributes()}"

    def clear(self) -> str:
        """Return the header that takes the cookie away."""
        return f"{self.name}=; Max-Age=0; {self._attributes()}"

    def _attributes(self) -> str:
        return "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self._secure else "")

    def token(self, headers: Mapping[str, str]) -> str | None:
        """Return the cookie's value; None where there is none, or two: then one of them was planted."""
        pairs = [pair.strip().partition("=") for pair in headers.get("cookie", "").split(";")]
        found = [value for name, _, value in pairs if name == self.name]
        return found[0] if len(found) == 1 else None

    def csrf(self, session: str) -> str:
        """Return what `x-csrf-token` has to be in a session."""
        return self._sealer.sign("csrf", session)

    def check(self, call: Call, session: str) -> None:
        """Refuse what changes something and does not come from the own pages."""
        if call.method in READS:
            return
        self.check_origin(call, required=True)
        shown = call.headers.get(CSRF, "")
        if not hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), self.csrf(session).encode()):
            raise Refused(403, f"Send the header {CSRF} with the value that GET /api/v1/session gives.")

    def check_origin(self, call: Call, *, required: bool = False) -> None:
        """Refuse a request from another site's page; one without `Origin` only where it is `required`."""
        origin = call.headers.get("origin")
        if origin != self._origin and (required or origin is not None):
            raise Refused(403, f"Requests with a cookie come from pages of {self._origin} alone.")
