"""HTTP for sources: one request, bounded in time and size, and without a word of a key in anything that comes back.

```python
client = Client("https://api.example.com", query_key=("apiKey", options.api_key))
answer = await client.get("/v1/odds", {"sport": "nba"}, deadline=25.0)
error = await checked(answer.body)
```
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

import anyio
import httpx
from anyio import to_thread

from stratumd.client.unpacking import ENCODINGS, unpacking
from stratumd.errors import BadPayload, SourceError, TransientError
from stratumd.plugin import Secret, check_json

__all__ = ["FAILURES", "MOST_BYTES", "Answer", "Client", "authorities", "checked", "mapped"]

MOST_BYTES = 10 << 20
"""The longest body that is read, unpacked."""
_INLINE = 256 << 10
"""Bytes that are checked at once; a longer body is checked in a thread."""

FAILURES: tuple[tuple[type[Exception], type[SourceError], str], ...] = (
    (httpx.TimeoutException, TransientError, "timeout"),
    (httpx.ConnectError, TransientError, "connect"),
    (httpx.ProxyError, TransientError, "proxy"),
    (httpx.NetworkError, TransientError, "network"),
    (httpx.RemoteProtocolError, TransientError, "protocol"),
    (httpx.LocalProtocolError, SourceError, "request"),
    (httpx.UnsupportedProtocol, SourceError, "base_url"),
    (httpx.InvalidURL, SourceError, "base_url"),
    (httpx.DecodingError, BadPayload, "encoding"),
    (httpx.TooManyRedirects, SourceError, "redirect"),
    (httpx.HTTPStatusError, SourceError, "status"),
    (httpx.StreamError, TransientError, "stream"),
    (httpx.CookieConflict, SourceError, "cookies"),
    (httpx.HTTPError, TransientError, "http"),
)
"""Every exception of httpx, the more special ones first, with the error it becomes and its short name."""


class Answer(NamedTuple):
    """What came back: status, headers with lower-case names, and the whole body, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Asks one provider. It follows no redirect and no proxy variable: a key goes to `base_url` and nowhere else."""

    def __init__(
        self,
        base_url: str,
        *,
        query_key: tuple[str, Secret] | None = None,
        header_key: tuple[str, Secret] | None = None,
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        connections: int = 4,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """`query_key` and `header_key` are a name with the key that is sent under it, in the address or in a header.

        `headers` are sent besides the client's own, or instead of one of the same name in any case.
        """
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0)
        inner = httpx.AsyncHTTPTransport(verify=authorities(), limits=limits, trust_env=False)
        self._most = most_bytes
        self._client = httpx.AsyncClient(
            base_url=base_url,
            transport=_Keyed(query_key, header_key, inner),
            headers={
                "user-agent": f"stratumd/{version('stratumd')}",
                "accept": accept,
                "accept-encoding": ", ".join(ENCODINGS),
                **{name.lower(): value for name, value in (headers or {}).items()},
            },
            timeout=None,  # noqa: S113  # `get` has a deadline for the whole exchange
            trust_env=False,
            follow_redirects=False,
        )

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, deadline: float = 25.0) -> Answer:
        """Return the answer, whatever its status, or raise a `SourceError`.

        All of it, from connecting to the last byte, takes no longer than `deadline` seconds: a body that drips does
        not stretch it. A body longer than `most_bytes`, or one that unpacks to more, is a `BadPayload`.
        """
        try:
            with anyio.fail_after(deadline):
                async with self._client.stream("GET", path, params=dict(params or {})) as response:
                    return Answer(response.status_code, response.headers, await self._read(response))
        except TimeoutError:
            raise TransientError(f"no whole answer within {deadline:g} s", code="timeout") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict) as error:
            raise mapped(error) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        body = unpacking(response.headers.get("content-encoding", ""), self._most)
        async for chunk in response.aiter_raw():
            body.add(chunk)
        return body.whole()


class _Keyed(httpx.AsyncBaseTransport):
    """Adds the key where a request leaves the process: no log line, exception or request of httpx ever holds it."""

    def __init__(
        self,
        query_key: tuple[str, Secret] | None,
        header_key: tuple[str, Secret] | None,
        inner: httpx.AsyncBaseTransport,
    ) -> None:
        self._query = query_key
        self._header = header_key
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` with the key."""
        url, headers = request.url, request.headers.copy()
        if self._query is not None:
            name, key = self._query
            url = url.copy_add_param(name, key.reveal())
        if self._header is not None:
            name, key = self._header
            headers[name] = key.reveal()
        keyed = httpx.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        return await self._inner.handle_async_request(keyed)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


@cache
def authorities() -> ssl.SSLContext:
    """Return whom every client of this process believes who a server is. To read them takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)


async def checked(body: bytes) -> BadPayload | None:
    """Return what is wrong with `body` as strict JSON, None where nothing is. A long one is looked at in a thread."""
    return _wrong(body) if len(body) <= _INLINE else await to_thread.run_sync(_wrong, body)


def _wrong(body: bytes) -> BadPayload | None:
    try:
        check_json(body)
    except BadPayload as error:
        return error
    return None


def mapped(error: Exception) -> SourceError:
    """Return what an exception of httpx means here."""
    if _is_tls(error):
        return TransientError("the provider's certificate was not accepted", code="tls")
    why = _system_words(error) if isinstance(error, httpx.ConnectError) else None
    if why is not None:
        return TransientError(f"cannot connect: {why}", code="connect")
    for kind, reaction, code in FAILURES:
        if isinstance(error, kind):
            return reaction(f"the request failed: {type(error).__name__}", code=code)
    raise error


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _system_words(error: BaseException | None) -> str | None:
    """Return what the system said, such as `Connection refused`: no address and no key is in its words."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            return _system_words(error.exceptions[0])
        if isinstance(error, OSError) and error.errno:
            # What does not resolve has numbers of its own; the text of other errors may be asyncio's, with the address.
            return error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno)
        error = error.__cause__ or error.__context__
    return None
