"""A receiver of webhooks on this machine: it keeps what arrives, checks signatures, and answers as it is told.

```python
async with Receiver("whsec_…") as receiver:
    receiver.answer_next(503, headers={"Retry-After": "2"})
    ...  # deliver to receiver.url
    assert receiver.requests[0].verified
```
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from stratumd.testing.listening import GONE, Listening, reset

TOLERANCE = 300
"""Seconds that a timestamp may be off, either way."""
_HEAD_LIMIT = 65_536
_DRIP = 0.02
_FLOOD = b"x" * 65_536
_PHRASES = {each.value: each.phrase for each in HTTPStatus}


@dataclass(frozen=True)
class Received:
    """A request that arrived whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    """With lower-case names."""
    body: bytes
    problem: str | None
    """Why its signature is refused; None where it is good, or the receiver has no secret."""

    @property
    def verified(self) -> bool:
        """Say whether nothing is wrong with it."""
        return self.problem is None

    @property
    def id(self) -> str:
        """The header `webhook-id`: a receiver that remembers it takes every message once."""
        return self.headers.get("webhook-id", "")

    def json(self) -> Any:
        """Return its body, decoded."""
        return json.loads(self.body)


class Manner(NamedTuple):
    """How to answer a request."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    delay: float = 0.0
    """Seconds before the answer begins."""
    way: str = "whole"
    """`whole`; `drip`: a body that never ends, a byte now and then; `flood`: one that never ends, as fast as it can;
    `hang`: no answer; `reset`: a broken connection instead of one."""


class Receiver(Listening):
    """An asynchronous context manager: inside it, `url` is on a free port of 127.0.0.1."""

    def __init__(self, *secrets: str, path: str = "/hooks/stratumd", now: Callable[[], float] = time.time) -> None:
        """A request is good if one of `secrets` signed it. `now` is in seconds since 1970 UTC."""
        super().__init__()
        self.requests: list[Received] = []
        """Every request that arrived whole, in order, whatever was answered."""
        self.taken: list[Received] = []
        """Those that were answered with a 2xx."""
        self.connections = 0
        """How many connections were made."""
        self.sent = 0
        """How many bytes of bodies were handed to the network."""
        self.usual = Manner()
        """How it answers where it was told nothing else."""
        self._secrets = secrets
        self._path = path
        self._now = now
        self._script: deque[Manner] = deque()
        self._news = anyio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    # ---- what it is told

    def answer_next(
        self,
        status: int,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        times: int = 1,
    ) -> None:
        """Answer the next `times` requests like this."""
        self._script.extend([Manner(status, headers or {}, body, delay)] * times)

    def drip_next(self, status: int = 200) -> None:
        """Answer the next request with a body that never ends, a byte now and then."""
        self._script.append(Manner(status, way="drip"))

    def flood_next(self, status: int = 200) -> None:
        """Answer the next request with a body that never ends, as fast as it is read."""
        self._script.append(Manner(status, way="flood"))

    def hang_next(self) -> None:
        """Take the next request and never answer."""
        self._script.append(Manner(way="hang"))

    def reset_next(self) -> None:
        """Take the next request and break the connection."""
        self._script.append(Manner(way="reset"))

    async def arrived(self, count: int) -> None:
        """Wait until `count` requests have arrived."""
        while len(self.requests) < count:
            await self._news.wait()

    # ---- the server

    async def _converse(self, stream: SocketStream) -> None:
        self.connections += 1
        incoming = BufferedByteReceiveStream(stream)
        async with stream:
            try:
                while True:
                    await self._answer(stream, await self._read(incoming))
            except GONE:
                return

    async def _read(self, incoming: BufferedByteReceiveStream) -> Received:
        head = (await incoming.receive_until(b"\r\n\r\n", _HEAD_LIMIT)).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        body = await incoming.receive_exactly(length) if length else b""
        return Received(method, path, headers, body, self._judge(headers, body))

    def _judge(self, headers: Mapping[str, str], body: bytes) -> str | None:
        return verify(self._secrets, headers, body, self._now()) if self._secrets else None

    async def _answer(self, stream: SocketStream, request: Received) -> None:
        manner = self._script.popleft() if self._script else self.usual
        self.requests.append(request)
        self._news.set()
        self._news = anyio.Event()
        await anyio.sleep(manner.delay)
        if manner.way == "hang":
            await anyio.sleep_forever()
        if manner.way == "reset":
            reset(stream)
            raise anyio.ClosedResourceError
        if not request.verified:
            manner = Manner(400, body=f"{request.problem}".encode())
        if 200 <= manner.status < 300:
            self.taken.append(request)
        await stream.send(_head(manner))
        await self._send_body(stream, manner)

    async def _send_body(self, stream: SocketStream, manner: Manner) -> None:
        if manner.way == "whole":
            await self._send(stream, manner.body)
            return
        while True:
            await self._send(stream, b"x" if manner.way == "drip" else _FLOOD)
            await anyio.sleep(_DRIP if manner.way == "drip" else 0)

    async def _send(self, stream: SocketStream, content: bytes) -> None:
        await stream.send(content)
        self.sent += len(content)


def verify(secrets: tuple[str, ...], headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    """Return what a receiver finds wrong with a request, as Standard Webhooks says; None where it is good.

    `headers` have lower-case names; `now` is in seconds since 1970 UTC.
    """
    try:
        id, timestamp = headers["webhook-id"], int(headers["webhook-timestamp"])
        offered = headers["webhook-signature"].split(" ")
    except (KeyError, ValueError):
        return "a header is missing or malformed"
    if abs(now - timestamp) > TOLERANCE:
        return "too old" if timestamp < now else "from the future"
    good = [_signature(secret, id, timestamp, body) for secret in secrets]
    if any(hmac.compare_digest(each.encode(), own.encode()) for each in offered for own in good):
        return None
    return "no signature fits"


def _signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(mac.digest()).decode()


def _head(manner: Manner) -> bytes:
    length = len(manner.body) if manner.way == "whole" else 10**15
    lines = [f"HTTP/1.1 {manner.status} {_PHRASES.get(manner.status, 'Unknown')}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in manner.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()
