"""Which pages of other origins a browser lets read the answers (CORS, as the Fetch standard has it)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stratumd.http.connections import OUTLET, Outlet
from stratumd.http.whole import Whole

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
KEPT = 3600
"""Seconds for which a browser need not ask again."""
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_VARY = {"vary": "Origin"}


class Cors:
    """Lets pages of `origins` read every answer, and answers what a browser asks before it sends a request of theirs.

    Cookies never count: no answer allows credentials, so a page shows a key, and a session stays with the daemon's own
    pages. Headers go on every way out: on what is sent message by message, and on what takes the `Outlet`.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset([origin.encode("ascii") for origin in origins])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, unless it is a question of a browser's own."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"])
        origin = given.get(b"origin")
        own = _VARY
        if origin in self._origins:
            own = {**_VARY, "access-control-allow-origin": origin.decode("ascii")}
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in given:
                await _preflight(given, own)(scope, receive, send)
                return
            own["access-control-expose-headers"] = "*"
        extensions = scope.get("extensions") or {}
        if OUTLET in extensions:
            scope["extensions"] = {**extensions, OUTLET: _Adding(extensions[OUTLET], own)}

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _in_bytes(message["headers"], own)
            await send(message)

        await self._app(scope, receive, send_with)


class _Adding:
    """An `Outlet` whose answers have further headers."""

    __slots__ = ("_headers", "_inner", "write")

    def __init__(self, inner: Outlet, headers: Mapping[str, str]) -> None:
        self._inner = inner
        self._headers = headers
        self.write = inner.write

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> bool:
        """Do what `Outlet.answer` does."""
        return self._inner.answer(status, _with(headers, self._headers), body)


def _with(head: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return `head` with `own` headers; what an answer varies by otherwise stays."""
    varies = head.get("vary")
    if varies is None:
        return {**head, **own}
    names = {name.strip().lower() for name in varies.split(",")}
    return {**head, **own, "vary": varies if names & {"origin", "*"} else f"{varies}, Origin"}


def _in_bytes(headers: Iterable[tuple[bytes, bytes]], own: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Do the same with headers as ASGI has them, of which some may be there twice."""
    replaced = {name.encode("ascii") for name in own}
    kept = [each for each in headers if each[0] not in replaced]
    varies = b", ".join([value for name, value in headers if name == b"vary"]).decode("latin-1")
    added = _with({"vary": varies}, own) if varies else own
    return [*kept, *[(name.encode("ascii"), value.encode("latin-1")) for name, value in added.items()]]


def _preflight(given: Mapping[bytes, bytes], own: Mapping[str, str]) -> Whole:
    """Allow a page that may read answers any method, and the headers that it asks for."""
    head = {
        **own,
        "vary": "Origin, Access-Control-Request-Headers",
        "access-control-allow-methods": METHODS,
        "access-control-max-age": str(KEPT),
    }
    asked = given.get(b"access-control-request-headers", b"")
    if _NAMES.fullmatch(asked):
        head["access-control-allow-headers"] = asked.decode("ascii")
    return Whole(None, 204, head, None)
