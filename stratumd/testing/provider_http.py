"""A small HTTP/1.1 server on 127.0.0.1 whose answers can also be bad in every way that a network knows."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import anyio
import zstandard
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from stratumd.testing.listening import GONE, Listening, reset

MANNERS = (
    *("whole", "slow", "hang", "reset", "reset_midway", "truncated", "garbage", "gzip", "deflate", "zstd", "bad_gzip"),
    *("nested_gzip", "gzip_bomb", "deflate_bomb", "zstd_bomb", "br_bomb"),
)
"""How a reply can be sent: as it should be; a byte at a time without end; not at all; a reset connection, before or in
the middle of it; half of it; something that is no HTTP; packed; falsely said to be packed; packed twice; so packed that
it unpacks to as much as the server's `bomb` says. Nothing here packs brotli: its bomb only says so."""

_HEAD_LIMIT = 65536
BOMB = 64 * 1024 * 1024
_DRIP = 0.02


class HttpRequest(NamedTuple):
    """What was asked."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


class HttpReply(NamedTuple):
    """What to answer, and in which of `MANNERS`."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    manner: str = "whole"


Answer = Callable[[HttpRequest], Awaitable[HttpReply]]


class LoopbackServer(Listening):
    """Serves `answer` at `url` while it is entered.

    What `answer` raises ends the server and is raised by it.
    """

    def __init__(self, answer: Answer, *, bomb: int = BOMB) -> None:
        """`bomb` is how many bytes a bomb unpacks to."""
        super().__init__()
        self._answer = answer
        self._bomb = bomb

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, known once entered."""
        return f"http://127.0.0.1:{self.port}"

    async def _converse(self, stream: SocketStream) -> None:
        received = BufferedByteReceiveStream(stream)
        async with stream:
            try:
                while True:
                    head = await received.receive_until(b"\r\n\r\n", _HEAD_LIMIT)
                    request = _parse(head)
                    length = int(request.headers.get("content-length", "0"))
                    body = await received.receive_exactly(length) if length else b""
                    reply = await self._answer(request._replace(body=body))
                    await _send(stream, reply, self._bomb)
                    if reply.manner not in ("whole", *_PACKERS):
                        return
            except GONE:
                return


def _parse(head: bytes) -> HttpRequest:
    line, *rest = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ", 2)
    url = urlsplit(target)
    headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in rest)}
    return HttpRequest(method, unquote(url.path), dict(parse_qsl(url.query, keep_blank_values=True)), headers)


async def _send(stream: SocketStream, reply: HttpReply, bomb: int) -> None:
    manner = reply.manner
    if manner == "hang":
        await anyio.sleep_forever()
    if manner == "garbage":
        await stream.send(b"\x00\x01 this is no HTTP\r\n\r\n")
    elif manner == "reset":
        reset(stream)
    elif manner in ("truncated", "reset_midway"):
        await stream.send(_head(reply, len(reply.body) or 1) + reply.body[: len(reply.body) // 2])
        if manner == "reset_midway":
            reset(stream)
    elif manner == "slow":
        await _drip(stream, reply)
    else:
        body, encoding = _encoded(reply, bomb)
        await stream.send(_head(reply, len(body), encoding) + body)


async def _drip(stream: SocketStream, reply: HttpReply) -> None:
    """Send white space, which may stand before any JSON, until the client has had enough."""
    await stream.send(_head(reply, 10**9))
    while True:
        await stream.send(b" ")
        await anyio.sleep(_DRIP)


def _encoded(reply: HttpReply, bomb: int) -> tuple[bytes, dict[str, str]]:
    if reply.manner == "whole":
        return reply.body, {}
    name, _, is_bomb = reply.manner.removeprefix("bad_").removeprefix("nested_").partition("_")
    encoding = {"content-encoding": "gzip, gzip" if reply.manner == "nested_gzip" else name}
    if reply.manner == "bad_gzip":
        return reply.body, encoding
    if is_bomb:
        return _zeros(name, bomb), encoding
    packed = _PACKERS[name](reply.body)
    return gzipped(packed) if reply.manner == "nested_gzip" else packed, encoding


def gzipped(body: bytes) -> bytes:
    """Return `body` in gzip's format, the same bytes at any time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzipped,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@lru_cache(maxsize=4)
def _zeros(name: str, length: int) -> bytes:
    """Return `length` zeros, packed without ever holding them."""
    piece = bytes(1 << 20)
    pieces = length // len(piece)
    if name == "br":
        return piece
    if name == "zstd":
        zstd = zstandard.ZstdCompressor().compressobj()
        return b"".join([zstd.compress(piece) for _ in range(pieces)]) + zstd.flush()
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS + (16 if name == "gzip" else 0))
    return b"".join([packer.compress(piece) for _ in range(pieces)]) + packer.flush()


def _head(reply: HttpReply, length: int, more: Mapping[str, str] | None = None) -> bytes:
    headers = {"content-length": str(length), **reply.headers, **(more or {})}
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
