"""Answers that are there in full: head and body go out in one piece where the server can do that."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stratumd.http.connections import OUTLET

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""What keeps a browser from doing anything with an answer but show it, where the answer has not its own."""


class Whole:
    """An answer with all of its body.

    A `Response` goes out in two messages through everything around it: at thousands of answers a second that is most
    of the work. This one asks the connection itself first, and is a `Response` where that is another server's.
    """

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(self, body: bytes | None, status: int, headers: Mapping[str, str], media_type: str | None) -> None:
        self.body = body
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.media_type = media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        outlet = scope.get("extensions", {}).get(OUTLET)
        if outlet is None or not outlet.answer(self.status, self._head(), self.body or b""):
            await Response(self.body, self.status, self.headers, self.media_type)(scope, receive, send)

    def _head(self) -> dict[str, str]:
        head = SECURITY | self.headers
        if self.media_type is not None and "content-type" not in head:
            bare = self.media_type.startswith("text/") and "charset=" not in self.media_type
            head["content-type"] = f"{self.media_type}; charset=utf-8" if bare else self.media_type
        if self.status >= 200 and self.status not in (204, 304):
            head["content-length"] = str(len(self.body or b""))
        return head
