"""An answer in one piece is the answer that the usual way gives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from anyio.abc import SocketStream
from starlette.types import Receive, Scope, Send

from stratumd.http.app import SecurityHeaders
from stratumd.http.connections import OUTLET
from stratumd.http.server import address, bind, serve
from stratumd.http.whole import Whole

pytestmark = pytest.mark.anyio

ANSWERS = {
    "/json": Whole(b'{"a":1}', 200, {"ETag": '"x"', "Cache-Control": "private"}, "application/json"),
    "/text": Whole(b"text", 200, {}, "text/plain"),
    "/own": Whole(b"<p>", 200, {"content-type": "text/html"}, "application/json"),
    "/none": Whole(None, 200, {}, None),
    "/made": Whole(b"{}", 201, {"location": "/json"}, "application/json"),
    "/empty": Whole(None, 204, {}, None),
    "/same": Whole(None, 304, {"etag": '"x"'}, None),
    "/latin": Whole(b"1", 200, {"x-name": "Émile"}, "text/plain"),
}


async def give(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/read":
        message = await receive()
        await Whole(b"read %d" % len(message["body"]), 200, {}, "text/plain")(scope, receive, send)
    elif scope["path"].startswith("/usual"):
        del scope["extensions"][OUTLET]
        await ANSWERS[scope["path"].removeprefix("/usual")](scope, receive, send)
    elif scope["path"] == "/broken":
        await Whole(b"1", 200, {"x-name": "a\r\nset-cookie: b"}, "text/plain")(scope, receive, send)
    elif scope["path"] == "/twice":
        outlet = scope["extensions"][OUTLET]
        await ANSWERS["/text"](scope, receive, send)
        assert not outlet.answer(200, {}, b"again"), "an answer is given once"
    else:
        await ANSWERS[scope["path"]](scope, receive, send)


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    listener = bind("127.0.0.1", 0)
    async with anyio.create_task_group() as group:
        group.start_soon(serve, SecurityHeaders(give), listener)
        yield address(listener)
        group.cancel_scope.cancel()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [*ANSWERS])
async def test_it_is_what_the_usual_way_gives(path: str, method: str) -> None:
    async with served() as url, httpx.AsyncClient(base_url=url) as client:
        one, other = await client.request(method, path), await client.request(method, "/usual" + path)
    assert (one.status_code, one.content) == (other.status_code, other.content)
    mine, usual = ({k: v for k, v in each.headers.items() if k != "date"} for each in (one, other))
    assert mine == usual
    assert "date" in one.headers


async def test_a_header_cannot_begin_another() -> None:
    async with served() as url:
        assert await asked(url, b"GET /broken HTTP/1.1\r\nhost: x\r\n\r\n") == b""


async def asked(url: str, raw: bytes) -> bytes:
    """Send bytes, and return all that comes until the other side ends."""
    stream: SocketStream
    async with await anyio.connect_tcp("127.0.0.1", int(url.rpartition(":")[2])) as stream:
        await stream.send(raw)
        got = b""
        with anyio.fail_after(10):
            while True:
                try:
                    got += await stream.receive()
                except anyio.EndOfStream:
                    return got


CLOSE = b"host: x\r\nconnection: close\r\n\r\n"


async def test_a_connection_that_is_to_close_closes() -> None:
    async with served() as url:
        for raw in (b"GET /text HTTP/1.1\r\n" + CLOSE, b"GET /text HTTP/1.0\r\nhost: x\r\n\r\n"):
            got = await asked(url, raw)
            head, _, body = got.partition(b"\r\n\r\n")
            assert b"connection: close" in head.split(b"\r\n")
            assert body == b"text"


async def test_several_requests_at_once_are_answered_in_turn() -> None:
    async with served() as url:
        first = b"GET /json HTTP/1.1\r\nhost: x\r\n\r\nHEAD /text HTTP/1.1\r\nhost: x\r\n\r\n"
        got = await asked(url, first + b"GET /twice HTTP/1.1\r\n" + CLOSE)
    heads = got.split(b"HTTP/1.1 200 OK\r\n")
    assert len(heads) == 4
    assert [head.partition(b"\r\n\r\n")[2] for head in heads] == [b"", b'{"a":1}', b"", b"text"]


async def test_a_body_that_was_promised_is_asked_for() -> None:
    async with served() as url:
        got = await asked(url, b"POST /read HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 3\r\n" + CLOSE + b"abc")
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert got.endswith(b"read 3")
