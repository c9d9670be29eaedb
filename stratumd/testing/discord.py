"""A Discord that takes webhooks on this machine: its limits, its rate limits, and every error it is told to give."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from stratumd.testing.discord_consent import Consent, token
from stratumd.testing.discord_form import mistakes

UNKNOWN_WEBHOOK = {"message": "Unknown Webhook", "code": 10015}
WEBHOOK_ID, TOKEN = "1199", "canary-T0ken_never-to-be-seen"  # opens nothing


class Message(NamedTuple):
    """A message that Discord took."""

    id: str
    payload: dict[str, Any]

    @property
    def embeds(self) -> list[dict[str, Any]]:
        """Its embeds."""
        found: list[dict[str, Any]] = self.payload.get("embeds", [])
        return found


class Answer(NamedTuple):
    """What to answer instead of the truth."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class FakeDiscord:
    """An asynchronous context manager: inside it, `webhook` is a URL on a free port of 127.0.0.1.

    The bucket lets `limit` messages through in `window` seconds, as Discord's headers then say.
    """

    def __init__(self, *, limit: int = 1_000, window: float = 2.0) -> None:
        self.messages: list[Message] = []
        """What was taken, in order."""
        self.statuses: list[int] = []
        """The status of every answer that was begun, in order; 0 where none is ever given."""
        self.token = TOKEN
        self.consent = Consent()
        """Its consent page."""
        self._limit = limit
        self._window = window
        self._window_ends = 0.0
        self._left = limit
        self._script: deque[Answer] = deque()
        self._hanging = 0
        self._dripping = 0
        self._closing = anyio.Event()
        self._stack = AsyncExitStack()
        self._port = 0

    @property
    def webhook(self) -> str:
        """The webhook's URL, with its secret token."""
        return f"http://127.0.0.1:{self._port}/api/webhooks/{WEBHOOK_ID}/{self.token}"

    @property
    def api(self) -> str:
        """Where its webhooks are, without a secret."""
        return f"http://127.0.0.1:{self._port}/api"

    # ---- what it is told

    def answer_next(
        self, status: int, body: Any = None, *, headers: Mapping[str, str] | None = None, times: int = 1
    ) -> None:
        """Answer the next `times` requests like this. A `body` that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body or {"message": "", "code": 0}).encode()
        self._script.extend([Answer(status, content, headers or {})] * times)

    def limit_next(self, retry_after: float, *, is_global: bool = False, times: int = 1) -> None:
        """Answer the next requests with 429, to come again after that many seconds (a float)."""
        body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": is_global}
        scope = {"X-RateLimit-Global": "true"} if is_global else {"X-RateLimit-Scope": "shared"}
        headers = {"Retry-After": str(int(retry_after) + 1)} | scope
        self.answer_next(429, body, headers=headers, times=times)

    def hang_next(self, times: int = 1) -> None:
        """Take the next requests and never answer."""
        self._hanging += times

    def drip_next(self, times: int = 1) -> None:
        """Answer the next requests with a body that never ends, a byte now and then."""
        self._dripping += times

    def delete_webhook(self) -> None:
        """Know the webhook no more."""
        self.token = "deleted"  # noqa: S105  # no token at all

    # ---- the server

    async def __aenter__(self) -> FakeDiscord:
        """Start to listen."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._stack.callback(listener.close)
        self._port = listener.getsockname()[1]
        path = "/api/webhooks/{id}/{token}"
        routes = [
            Route(path, self._take, methods=["POST"]),
            Route(path, self._show, methods=["GET"]),
            Route("/api/oauth2/token", self._exchange, methods=["POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False, lifespan="off", ws="none")
        server = _Server(config)
        group = await self._stack.enter_async_context(anyio.create_task_group())
        group.start_soon(server.serve, [listener])
        self._stack.callback(setattr, server, "force_exit", True)
        self._stack.callback(setattr, server, "should_exit", True)
        self._stack.callback(self._closing.set)
        await server.listening.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, whatever still hangs."""
        await self._stack.aclose()

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        if self._hanging:
            self._hanging -= 1
            self.statuses.append(0)
            await self._closing.wait()
        response = self._scripted() or self._judge(request, body)
        self.statuses.append(response.status_code)
        return response

    async def _show(self, request: Request) -> Response:
        if request.path_params != {"id": WEBHOOK_ID, "token": self.token}:
            return JSONResponse(UNKNOWN_WEBHOOK, 404)
        return JSONResponse(self._described())

    async def _exchange(self, request: Request) -> Response:
        if not self.consent.judge(request.headers.get("authorization", ""), await request.body()):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(token(self._described()))

    def _described(self) -> dict[str, Any]:
        return {"id": WEBHOOK_ID, "type": 1, "name": "signals", "channel_id": "1200", "token": self.token}

    def _scripted(self) -> Response | None:
        if self._dripping:
            self._dripping -= 1
            return StreamingResponse(self._drip(), media_type="application/json")
        if not self._script:
            return None
        answer = self._script.popleft()
        headers = {"Content-Type": "application/json"} | dict(answer.headers)
        return Response(answer.body, answer.status, headers)

    def _judge(self, request: Request, body: bytes) -> Response:
        if request.path_params != {"id": WEBHOOK_ID, "token": self.token}:
            return JSONResponse(UNKNOWN_WEBHOOK, 404)
        payload, wrong = _read(request, body)
        if wrong:
            return JSONResponse({"message": "Invalid Form Body", "code": 50035, "errors": wrong}, 400)
        headers = self._count()
        if headers["X-RateLimit-Remaining"] == "-1":
            return self._too_many(headers | {"X-RateLimit-Remaining": "0"})
        message = Message(str(1_400_000_000_000_000_000 + len(self.messages)), payload)
        self.messages.append(message)
        if request.query_params.get("wait") != "true":
            return Response(status_code=204, headers=headers)
        return JSONResponse({"id": message.id, "type": 0, "embeds": message.embeds}, headers=headers)

    def _too_many(self, headers: dict[str, str]) -> Response:
        wait = float(headers["X-RateLimit-Reset-After"])
        body = {"message": "You are being rate limited.", "retry_after": wait, "global": False}
        return JSONResponse(body, 429, headers | {"Retry-After": str(int(wait) + 1)})

    def _count(self) -> dict[str, str]:
        """Take one from the bucket; −1 remain where nothing was left."""
        now = time.monotonic()
        if now >= self._window_ends:
            self._left, self._window_ends = self._limit, now + self._window
        self._left = max(-1, self._left - 1)
        rest = self._window_ends - now
        return {
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(self._left),
            "X-RateLimit-Reset": f"{time.time() + rest:.3f}",
            "X-RateLimit-Reset-After": f"{rest:.3f}",
            "X-RateLimit-Bucket": "webhook-messages",
        }

    async def _drip(self) -> AsyncIterator[bytes]:
        while not self._closing.is_set():
            yield b" "
            with anyio.move_on_after(0.02):
                await self._closing.wait()


def _read(request: Request, body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return {}, {"content-type": "expected application/json"}
    try:
        payload = json.loads(body)
    except ValueError:
        return {}, {"body": "not JSON"}
    return payload, mistakes(payload)


class _Server(uvicorn.Server):
    """uvicorn inside a test: it says when it listens, and leaves the process's signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
