"""Listening, answering, stopping."""

from __future__ import annotations

import signal
import socket

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from stratumd.errors import StartupError
from stratumd.http.server import address, bind, serve

pytestmark = pytest.mark.anyio


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello)])


async def test_answers_until_cancelled_and_leaves_signals_alone() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    listener = bind("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=address(listener), trust_env=False) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(serve, APP, listener)
            assert (await client.get("/")).text == "hello"
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
            group.cancel_scope.cancel()
        with pytest.raises(httpx.ConnectError):
            await client.get("/")


def test_answers_do_not_wait_for_what_was_sent_before() -> None:
    """asyncio turns off Nagle's algorithm only for sockets that name their protocol, and those that they accept."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_free_port_is_shown_as_it_is() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert address(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_port_in_use_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StartupError, match="the port is in use; stop"):
        bind("127.0.0.1", taken.getsockname()[1])


def test_an_address_of_another_machine_says_what_to_do() -> None:
    with pytest.raises(StartupError, match="this machine has no such address"):
        bind("192.0.2.1", 8080)
