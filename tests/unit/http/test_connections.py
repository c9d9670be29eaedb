"""Connections that ask nothing, ask for ever, or take nothing are cut off, and the others notice nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import httpx
import pytest
from anyio.abc import SocketStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stratumd.http import connections
from stratumd.http.connections import OUTLET
from stratumd.http.server import address, bind, serve

pytestmark = pytest.mark.anyio

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def much(request: Request) -> PlainTextResponse:
    return PlainTextResponse("y" * 30_000_000)


async def late(request: Request) -> PlainTextResponse:
    await anyio.sleep(0.6)
    return PlainTextResponse("late")


async def past(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a body by the task and past it in turn, and say in the end when that could be."""
    write = scope["extensions"][OUTLET].write
    could = [write(b"before")]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"1", "more_body": True})
    could.append(write(b"2"))
    await send({"type": "http.response.body", "body": b"3", "more_body": True})
    could.append(write(b"4"))
    await send({"type": "http.response.body", "body": str(could).encode(), "more_body": False})
    could.append(write(b"after"))
    WRITTEN.append(could)


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """Write past the task until that cannot be any more."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    write = scope["extensions"][OUTLET].write
    count = 0
    while count < 10_000 and write(b"y" * 100_000):
        count += 1
        await anyio.lowlevel.checkpoint()
    WRITTEN.append([count < 10_000])


WRITTEN: list[list[bool]] = []
APP = Starlette(routes=[Route("/", hello, methods=["GET", "POST"]), Route("/much", much), Route("/late", late)])
APP.mount("/past", past)
APP.mount("/flood", flood)


@asynccontextmanager
async def served(proxies: Sequence[str] = (), per_address: int | None = None) -> AsyncIterator[str]:
    listener = bind("127.0.0.1", 0)
    async with anyio.create_task_group() as group:
        group.start_soon(serve, APP, listener, proxies, per_address)
        yield address(listener)
        group.cancel_scope.cancel()


async def connected(url: str, whence: str | None = None) -> SocketStream:
    return await anyio.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]), local_host=whence)


async def lasts(stream: SocketStream, again: bytes = b"") -> float:
    """Return for how many seconds the connection lasts, while `again` is sent again and again."""
    began = time.monotonic()
    with anyio.move_on_after(3):
        while True:
            try:
                if again:
                    await stream.send(again)
                with anyio.move_on_after(0.05):
                    while await stream.receive():
                        pass
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                break
    return time.monotonic() - began


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ASKING", 0.3)
    monkeypatch.setattr(connections, "STUCK", 0.3)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"", b""),
        (HEAD, b""),
        (HEAD, b"x: 1\r\n"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n", b"1"),
        (HEAD + b"\r\n", b""),
    ],
    ids=["says nothing", "stops in the headers", "headers without end", "a body without end", "asks no more"],
)
async def test_who_does_not_ask_is_cut_off(first: bytes, again: bytes) -> None:
    async with served() as url, await connected(url) as stream:
        if first:
            await stream.send(first)
        assert await lasts(stream, again) < 1.5


async def test_headers_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ASKING", 60.0)
    async with served() as url, await connected(url) as stream:
        await stream.send(HEAD)
        assert await lasts(stream, b"x: " + b"y" * 20_000 + b"\r\n") < 1.5


async def test_who_takes_nothing_is_cut_off() -> None:
    async with served() as url, await connected(url) as stream:
        await stream.send(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
        await anyio.sleep(1)
        assert await lasts(stream) < 2.5


async def test_the_others_notice_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer may take its time, a connection may be used again, and requests may come at once."""
    monkeypatch.setattr(connections, "STUCK", 5.0)  # this process may be the one that takes nothing for a while
    async with served() as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/late")).text == "late"
        for _ in range(5):
            assert (await client.get("/")).text == "hello"
            await anyio.sleep(0.1)
        assert len((await client.get("/much")).content) == 30_000_000
        async with await connected(url) as stream:
            await stream.send(2 * (b"GET /late HTTP/1.1\r\nhost: x\r\n\r\n"))
            found = b""
            with anyio.fail_after(5):
                while found.count(b"\r\n\r\nlate") < 2:
                    found += await stream.receive()


async def test_the_rest_of_the_daemon_keeps_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ASKING", 60.0)
    monkeypatch.setattr(connections, "most", lambda: 3)
    async with served() as url:
        streams = [await connected(url) for _ in range(5)]
        assert [await lasts(stream) < 1 for stream in streams[3:]] == [True, True]
        await streams[0].send(HEAD + b"\r\n")
        assert b"hello" in await streams[0].receive()
        for stream in streams:
            await stream.aclose()


async def test_a_body_may_be_written_past_its_task() -> None:
    WRITTEN.clear()
    async with served() as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/past/")).text == "1234[False, True, True]"
        assert (await client.get("/past/")).text == "1234[False, True, True]"
        assert (await client.head("/past/")).text == ""
    assert WRITTEN == [[False, True, True, False], [False, True, True, False], [False, False, False, False]]


async def test_who_takes_nothing_is_written_nothing() -> None:
    WRITTEN.clear()
    async with served() as url, await connected(url) as stream:
        await stream.send(b"GET /flood/ HTTP/1.1\r\nhost: x\r\n\r\n")
        with anyio.fail_after(10):
            while not WRITTEN:  # noqa: ASYNC110  # the server takes its time
                await anyio.sleep(0.02)
    assert WRITTEN == [[True]]


async def test_one_address_leaves_connections_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ASKING", 60.0)
    async with served(per_address=2) as url:
        streams = [await connected(url) for _ in range(4)]
        assert [await lasts(stream) < 1 for stream in streams[2:]] == [True, True]
        async with await connected(url, "127.0.0.2") as other:
            assert await hello_of(other)
        await streams[0].aclose()
        await anyio.sleep(0.1)
        async with await connected(url) as again:
            assert await hello_of(again)
        for stream in streams[1:]:
            await stream.aclose()
    async with served(["127.0.0.0/24"], per_address=2) as url:
        streams = [await connected(url) for _ in range(4)]
        assert [await hello_of(stream) for stream in streams] == [True] * 4
        for stream in streams:
            await stream.aclose()


async def hello_of(stream: SocketStream) -> bool:
    await stream.send(HEAD + b"\r\n")
    return b"hello" in await stream.receive()


def test_a_crowd_counts_networks() -> None:
    crowd = connections.Crowd(1, ["10.0.0.0/8", "fd00::/8"])
    assert [crowd.enter(each) for each in ("1.2.3.4", "1.2.3.5", "::ffff:1.2.3.4")] == [True, True, False]
    assert [crowd.enter(each) for each in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")] == [True, False, True]
    assert [crowd.enter(each) for each in ("10.1.1.1", "10.1.1.1", "fd00::1%eth0", "fd00::2")] == [True] * 4
    assert [crowd.enter(""), crowd.enter("")] == [True, False], "who hung up before it was looked at has no address"
    crowd.leave("1.2.3.5")
    assert crowd.enter("1.2.3.5")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: y\r\nHOST: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nx: y\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
    ],
)
async def test_a_request_names_its_host_once(head: bytes, status: bytes) -> None:
    async with served() as url, await connected(url) as stream:
        await stream.send(head)
        assert (await stream.receive()).split()[1] == status
