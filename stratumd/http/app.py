"""The application. It knows nothing of the daemon but what a `View` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from hashlib import blake2b
from typing import Any, Protocol

import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stratumd.http import problems
from stratumd.http.cors import Cors
from stratumd.http.endpoints import Straight, routes
from stratumd.http.headers import REQUEST_ID
from stratumd.http.openapi import document
from stratumd.http.problems import OPENAPI
from stratumd.http.refusals import Refusals
from stratumd.http.whole import SECURITY
from stratumd.plugin import Micros
from stratumd.plugin.pages import matches
from stratumd.plugin.routes import Endpoint, Scheme


class View(Protocol):
    """What the daemon shows of itself. All of it is at hand; nothing here waits for the store."""

    def unready(self) -> list[str]:
        """Return why the daemon is not ready, a line for each component; empty where it is."""

    def status(self) -> dict[str, Any]:
        """Return the state of everything, as JSON values."""

    def metrics(self) -> tuple[bytes, str]:
        """Return the metrics and their media type."""


class Api(Protocol):
    """What plugins answer."""

    endpoints: Sequence[Endpoint]
    schemes: Mapping[str, Scheme]
    version: str

    def now(self) -> Micros:
        """Return the present time."""


def create_app(view: View, api: Api | None = None, origins: Sequence[str] = ()) -> ASGIApp:
    """Build the application. With `api` it answers what plugins declare, too.

    `origins`: those of other pages that a browser lets read the answers.
    """
    pages = _Pages(view)
    plugins: list[Route] = []
    refuse: Callable[..., Any] = problems.of_exception
    if api is not None:
        refusals = Refusals(api.now)
        plugins = routes(api.endpoints, api.schemes, api.now, refusals)
        refuse = partial(_refuse, refusals)
    app = Starlette(
        routes=[
            *plugins,
            *([_description(api)] if api is not None else []),
            Route("/livez", pages.live),
            Route("/health/live", pages.live),
            Route("/readyz", pages.ready),
            Route("/health/ready", pages.ready),
            Route("/status", pages.status),
            Route("/metrics", pages.metrics),
        ],
        exception_handlers={HTTPException: refuse, Exception: problems.of_failure},
    )
    app.router.redirect_slashes = False  # a redirect would repeat the host that the caller named
    straight: ASGIApp = Straight(app, plugins)
    # Around everything, the answers to failures too.
    return SecurityHeaders(Cors(straight, origins) if origins else straight)


async def _refuse(refusals: Refusals, request: Request, error: Exception) -> Response:
    """Answer a path that is not there, or a method that a path does not answer."""
    answer = problems.of_exception(request, error)
    # No part of the path: whoever looks for holes writes into it what they like.
    refusals.tell(answer.status_code, answer.headers[REQUEST_ID], request.method, "none")
    return answer


def _description(api: Api) -> Route:
    """Return the route of the document that describes what plugins answer."""

    @cache
    def written() -> tuple[bytes, str]:
        body = msgspec.json.encode(document(api.endpoints, api.schemes, api.version))
        return body, f'"{blake2b(body, digest_size=12).hexdigest()}"'

    async def describe(request: Request) -> Response:
        """Return the OpenAPI document."""
        body, tag = await to_thread.run_sync(written)  # reading docstrings from the source takes a while
        headers = {"cache-control": "public, max-age=300", "etag": tag}
        if matches(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    return Route(OPENAPI, describe)


class _Pages:
    def __init__(self, view: View) -> None:
        self._view = view

    async def live(self, request: Request) -> Response:
        """Answer at all: the process runs and its event loop turns."""
        return PlainTextResponse("ok\n")

    async def ready(self, request: Request) -> Response:
        """Answer 200 where every required component is OK, else 503 with the reasons."""
        reasons = self._view.unready()
        if reasons:
            return problems.problem(503, "; ".join(reasons), {"retry-after": "5"}, reasons=reasons)
        return PlainTextResponse("ok\n")

    async def status(self, request: Request) -> Response:
        """Show the state of everything, indented for the eye."""
        body = msgspec.json.format(msgspec.json.encode(self._view.status()), indent=2)
        return Response(body + b"\n", media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """Show the metrics to Prometheus."""
        body, media_type = self._view.metrics()
        return Response(body, headers={"content-type": media_type})


class SecurityHeaders:
    """Adds `SECURITY` to every answer that has not its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in SECURITY.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *[each for each in self._headers if each[0] not in given]]
            await send(message)

        await self._app(scope, receive, send_safely if scope["type"] == "http" else send)
