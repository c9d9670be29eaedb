"""What a browser is told about pages of other origins, on each way that an answer can go out."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import Receive, Scope, Send

from stratumd.http.app import create_app
from stratumd.http.connections import OUTLET
from stratumd.http.cors import METHODS, Cors
from stratumd.http.server import address, bind, serve
from stratumd.http.whole import SECURITY
from stratumd.plugin.routes import Answer, Call, Endpoint, Handler, Scheme, Stream

pytestmark = pytest.mark.anyio

PAGE = "https://app.example.com"
ASKS = {"origin": PAGE, "access-control-request-method": "POST"}
ALLOWED = "access-control-allow-origin"
PATHS = ["/api/v1/whole", "/api/v1/stream", "/api/v1/part/1", "/livez", "/status", "/nowhere", "/api/v1/openapi.json"]


class View:
    """A daemon that is broken at `/status`."""

    def unready(self) -> list[str]:
        return []

    def status(self) -> dict[str, Any]:
        raise RuntimeError("broken")

    def metrics(self) -> tuple[bytes, str]:
        return b"", "text/plain"


async def whole(call: Call) -> Answer:
    return Answer(body={"a": 1}, headers={"vary": "Accept", "etag": '"x"'})


async def stream(call: Call) -> Stream:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    return Stream(chunks=chunks(), media_type="text/event-stream")


class Api:
    """Three paths: one that is answered in one piece, one in pieces, one with an open part."""

    def __init__(self) -> None:
        made: list[tuple[str, Handler]] = [("whole", whole), ("stream", stream), ("part/{part}", whole)]
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="GET", path=f"/api/v1/{path}", call=call, name=f"n{number}", summary="A path")
            for number, (path, call) in enumerate(made)
        ]
        self.schemes: Mapping[str, Scheme] = {}

    version = "1"

    def now(self) -> int:
        return 0


@asynccontextmanager
async def served(*origins: str) -> AsyncIterator[httpx.AsyncClient]:
    listener = bind("127.0.0.1", 0)
    async with anyio.create_task_group() as group:
        group.start_soon(serve, create_app(View(), Api(), origins), listener)
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # empty: reading the system's authorities takes long
        async with httpx.AsyncClient(base_url=address(listener), trust_env=False, verify=plain) as client:
            yield client
        group.cancel_scope.cancel()


async def test_a_listed_page_may_read_every_answer_and_no_other_page_any() -> None:
    async with served(PAGE, "http://localhost:3000") as client:
        for path in PATHS:
            for origin, told in [(PAGE, PAGE), ("http://localhost:3000", "http://localhost:3000"), (None, None)]:
                answer = await client.get(path, headers={"origin": origin} if origin else {})
                assert answer.headers.get(ALLOWED) == told
                assert "Origin" in answer.headers["vary"], "a cache must not give one page the answer to another"
                assert answer.headers["x-frame-options"] == SECURITY["x-frame-options"]
            for origin in (
                "https://app.example.com.evil.com",
                "https://APP.example.com",
                "http://app.example.com",
                "null",
            ):
                assert ALLOWED not in (await client.get(path, headers={"origin": origin})).headers


async def test_cookies_never_count() -> None:
    async with served(PAGE) as client:
        answers = [await client.get(path, headers={"origin": PAGE}) for path in PATHS]
        answers.append(await client.options("/api/v1/whole", headers=ASKS))
    assert all("access-control-allow-credentials" not in answer.headers for answer in answers)


async def test_headers_are_added_and_none_is_lost() -> None:
    async with served(PAGE) as client:
        for path in ("/api/v1/whole", "/api/v1/part/1"):
            headers = (await client.get(path, headers={"origin": PAGE})).headers
            assert headers.get_list("vary") == ["Accept, Origin"]
            assert headers["etag"] == '"x"'
            assert headers["access-control-expose-headers"] == "*"
        assert (await client.get("/api/v1/stream", headers={"origin": PAGE})).content == b"ab"


@pytest.mark.parametrize("path", ["/api/v1/whole", "/nowhere", "/livez"])
async def test_a_browser_may_ask_first(path: str) -> None:
    async with served(PAGE) as client:
        answer = await client.options(
            path, headers={**ASKS, "access-control-request-headers": "authorization, if-none-match"}
        )
        refused = await client.options(path, headers={**ASKS, "origin": "https://evil.example"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[ALLOWED] == PAGE
    assert answer.headers["access-control-allow-methods"] == METHODS
    assert answer.headers["access-control-allow-headers"] == "authorization, if-none-match"
    assert answer.headers["vary"] == "Origin, Access-Control-Request-Headers"
    assert refused.status_code in (404, 405)
    assert not [name for name in refused.headers if name.startswith("access-control-")]


async def test_what_is_no_list_of_headers_is_not_sent_back() -> None:
    async with served(PAGE) as client:
        answer = await client.options("/livez", headers={**ASKS, "access-control-request-headers": "a b; c"})
    assert answer.status_code == 204
    assert "access-control-allow-headers" not in answer.headers


async def test_without_origins_nothing_is_said() -> None:
    async with served() as client:
        answer = await client.get("/api/v1/part/1", headers={"origin": PAGE})
        asked = await client.options("/livez", headers=ASKS)
    assert (answer.headers["vary"], asked.status_code) == ("Accept", 405)
    assert not [name for each in (answer, asked) for name in each.headers if name.startswith("access-control-")]


async def test_an_answer_in_one_piece_keeps_its_way() -> None:
    """It is written past `send`: nothing may make it go round."""
    sent: list[str] = []

    class Outlet:
        def answer(self, status: int, headers: dict[str, str], body: bytes) -> bool:
            sent.append(headers[ALLOWED])
            return True

        def write(self, chunk: bytes) -> bool:
            return True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["extensions"][OUTLET].answer(200, {}, b"")

    scope: Scope = {
        "type": "http", "method": "GET", "headers": [(b"origin", PAGE.encode())], "extensions": {OUTLET: Outlet()},
    }  # fmt: skip
    await Cors(app, [PAGE])(scope, None, None)  # type: ignore[arg-type]  # neither is used
    assert sent == [PAGE]
