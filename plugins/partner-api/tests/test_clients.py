"""What is put in comes out once and in order, by the task or past it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd_partner_api.clients import HEART, Client

pytestmark = pytest.mark.anyio


class Connection:
    """Takes what is written, unless it is full."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.full = False

    def write(self, chunk: bytes) -> bool:
        if self.full:
            return False
        self.got.append(chunk)
        return True


async def taking(client: Client, connection: Connection) -> None:
    """Send what the client is given, as the task of its answer does."""
    while not client.ended:
        chunk = await client.take()
        while connection.full:  # noqa: ASYNC110  # a turn of the loop
            await asyncio.sleep(0)
        if chunk:
            connection.got.append(chunk)
    connection.got.append(client.ended)


@given(st.lists(st.sampled_from(["put", "put", "turn", "full", "free"]), max_size=60))
def test_messages_keep_their_order(deeds: list[str]) -> None:
    async def lived() -> list[bytes]:
        client, connection = Client(100), Connection()
        client.write = connection.write
        task = asyncio.create_task(taking(client, connection))
        for number, deed in enumerate(deeds):
            if deed == "put":
                assert client.put(number, b"%d;" % number)
            elif deed == "turn":
                await asyncio.sleep(0)
            else:
                connection.full = deed == "full"
        connection.full = False
        for _ in range(5):
            await asyncio.sleep(0)
        client.end(b"end")
        await task
        return connection.got

    told = [b"%d;" % number for number, deed in enumerate(deeds) if deed == "put"]
    assert b"".join(asyncio.run(lived())) == b"".join(told) + b"end"


async def test_who_waits_is_written_to_at_once_and_who_is_full_is_dropped() -> None:
    client, connection = Client(2), Connection()
    client.write = connection.write
    task = asyncio.create_task(taking(client, connection))
    await asyncio.sleep(0)
    assert client.put(1, b"a")
    client.beat()
    assert connection.got == [b"a", HEART]
    connection.full = True
    assert [client.put(number, b"b") for number in (2, 3, 4)] == [True, True, False]
    assert client.ended == b'event: lagged\ndata: {"after":3}\n\n'
    connection.full = False
    await task
    assert connection.got == [b"a", HEART, client.ended]


async def test_who_has_ended_is_told_no_more() -> None:
    client, connection = Client(2), Connection()
    client.write = connection.write
    task = asyncio.create_task(taking(client, connection))
    await asyncio.sleep(0)
    client.end(b"closed")
    assert not client.put(1, b"a")
    await task
    assert connection.got == [b"closed"]
