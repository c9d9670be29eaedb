"""Why a request did not come through, in the system's own words."""

from __future__ import annotations

import socket

import httpx
import pytest

from stratumd.client import Client, mapped
from stratumd.errors import TransientError

pytestmark = pytest.mark.anyio


def refusing() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


async def test_a_refused_connection_says_so() -> None:
    client = Client(refusing())
    try:
        with pytest.raises(TransientError, match=r"^cannot connect: Connection refused$") as caught:
            await client.get("/")
    finally:
        await client.close()
    assert caught.value.code == "connect"


def connect_error(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("All connection attempts failed https://host/?key=secret")
    error.__cause__ = cause
    return error


def test_a_name_that_is_not_known_says_so() -> None:
    attempts = OSError("All connection attempts failed")
    attempts.__cause__ = socket.gaierror(-2, "Name or service not known")
    assert str(mapped(connect_error(attempts))) == "cannot connect: Name or service not known"
    several = OSError("All connection attempts failed")
    several.__cause__ = ExceptionGroup("several", [OSError(101, "Network is unreachable"), OSError(111, "Refused")])
    assert str(mapped(connect_error(several))) == "cannot connect: Network is unreachable"


def test_nothing_is_told_that_the_system_does_not_say() -> None:
    """The text of an exception may hold an address with a key in it."""
    assert str(mapped(connect_error(ValueError("https://host/?key=secret")))) == "the request failed: ConnectError"
    assert str(mapped(httpx.ReadError("https://host/?key=secret"))) == "the request failed: ReadError"
