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


def put(client: Client, number: int) -> bool:
    return client.put([(number, b"%d" % number)], b"%d" % number)


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
        client, connection = Client(200), Connection()
        client.write = connection.write
        task = asyncio.create_task(taking(client, connection))
        for number, deed in enumerate(deeds):
            if deed == "put":
                pair = [(number, b"%d;" % number), (number, b"%d," % number)]
                assert client.put(pair, b"%d;%d," % (number, number))
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

    told = [b"%d;%d," % (number, number) for number, deed in enumerate(deeds) if deed == "put"]
    assert b"".join(asyncio.run(lived())) == b"".join(told) + b"end"


async def test_who_waits_is_written_to_at_once_and_who_is_full_is_dropped() -> None:
    client, connection = Client(2), Connection()
    client.write = connection.write
    task = asyncio.create_task(taking(client, connection))
    await asyncio.sleep(0)
    assert put(client, 1)
    client.beat(1)
    assert client.put([(2, b"b"), (3, b"c"), (4, b"d")], b"bcd"), "what goes out at once is not held against the buffer"
    assert connection.got == [b"1", HEART, b"bcd"]
    connection.full = True
    assert [put(client, number) for number in (5, 6, 7)] == [True, True, False]
    assert client.ended == b'event: lagged\ndata: {"after":4}\n\n'
    connection.full = False
    await task
    assert connection.got == [b"1", HEART, b"bcd", client.ended]


async def test_a_beat_says_how_far_the_stream_is_where_that_is_news() -> None:
    client, connection = Client(2), Connection()
    assert put(client, 1)
    client.beat(5)
    assert await client.take() == b"1", "what waits is sign enough"
    client.beat(5)
    client.beat(6)
    assert await client.take() == b": still here\nid: 5\n\n", "one waits"
    client.beat(4)
    assert await client.take() == HEART, "no way back"
    client.write = connection.write
    task = asyncio.create_task(taking(client, connection))
    await asyncio.sleep(0)
    client.beat(6)
    client.beat(6)
    client.end(b"end")
    await task
    assert connection.got == [b": still here\nid: 6\n\n", HEART, b"end"]
    assert client.sent == 6, "who lags from here on is told to come back with that"


async def test_who_has_ended_is_told_no_more() -> None:
    client, connection = Client(2), Connection()
    client.write = connection.write
    task = asyncio.create_task(taking(client, connection))
    await asyncio.sleep(0)
    client.end(b"closed")
    assert not put(client, 1)
    await task
    assert connection.got == [b"closed"]
