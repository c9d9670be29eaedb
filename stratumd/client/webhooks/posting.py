"""Posting to one endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

import anyio
import httpcore

from stratumd.client import authorities
from stratumd.client.webhooks.guard import CONNECTING, Guard
from stratumd.client.webhooks.urls import endpoint, port_of
from stratumd.errors import DeliveryError
from stratumd.plugin import Secret

DEADLINE = 15.0
"""Seconds for a whole exchange, however slowly it drips."""
BODY_LIMIT = 8_192
"""Bytes of an answer's body that are read, so that the connection can be used again; they are dropped."""
BODY_PATIENCE = 1.0
"""Seconds to wait for these: the status has said all there is to know."""

_BROKEN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol)


class Answer(NamedTuple):
    """A status, and the header that says when to come back."""

    status: int
    retry_after: str | None


class Endpoint:
    """One URL. It follows no redirect, asks no proxy, and has no more `connections` open than that."""

    def __init__(self, url: Secret, guard: Guard, *, deadline: float = DEADLINE, connections: int = 1) -> None:
        parts = endpoint(url)
        self._guard = guard
        port = port_of(parts)
        self._host = parts.netloc.decode("ascii")
        self._url = httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=port, target=parts.raw_path)
        self._deadline = deadline
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=authorities(), max_connections=connections, network_backend=guard
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post `body` and return the answer. `DeliveryError` where none came in time or the guard refused."""
        with self._told_apart():
            return await self._exchange(body, headers)

    async def reach(self) -> None:
        """Connect, as a post would, and let go; nothing is asked. `DeliveryError` where that cannot be."""
        host, port = self._url.host.decode("ascii"), self._url.port
        assert port is not None, "it was worked out"
        with self._told_apart():
            stream = await self._guard.connect_tcp(host, port)
            try:
                if self._url.scheme == b"https":
                    stream = await stream.start_tls(authorities(), host, CONNECTING)
            finally:
                await stream.aclose()

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        """Turn what keeps a receiver from answering in time into a `DeliveryError` that says it."""
        try:
            with anyio.fail_after(self._deadline):
                yield
        except TimeoutError:
            raise DeliveryError(f"the receiver did not answer within {self._deadline:g} s") from None
        except _BROKEN as error:
            reason = str(error) or "the connection broke"
            raise DeliveryError(f"the receiver cannot be reached ({type(error).__name__}: {reason})") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._pool.aclose()

    async def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        sent = [(name.encode(), value.encode()) for name, value in ({"host": self._host} | dict(headers)).items()]
        async with self._pool.stream("POST", self._url, headers=sent, content=body) as response:
            found = {name.lower(): value for name, value in response.headers}
            # The receiver has decided: whatever becomes of the rest, it is not asked to decide again.
            with anyio.move_on_after(BODY_PATIENCE), suppress(*_BROKEN):
                await _drop(response)
            retry_after = found.get(b"retry-after")
            return Answer(response.status, retry_after.decode("latin-1") if retry_after else None)


async def _drop(response: httpcore.Response) -> None:
    """Read a short body to its end; of a long one no more than the limit, which costs the connection."""
    read = 0
    async for chunk in response.aiter_stream():
        read += len(chunk)
        if read >= BODY_LIMIT:
            return
