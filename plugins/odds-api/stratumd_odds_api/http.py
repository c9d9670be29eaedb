"""One request over HTTP: bounded in time and size, and without a word of the key in anything that comes back."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import NamedTuple

import anyio
import httpx

from stratumd.errors import BadPayload, SourceError, TransientError
from stratumd.plugin import Secret

MOST_BYTES = 10 * 1024 * 1024
"""The longest body that is read, unpacked."""

_GZIP = 16 + zlib.MAX_WBITS

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


class Keyed(httpx.AsyncBaseTransport):
    """Adds the key where a request leaves the process: no log line, exception or request of httpx ever holds it."""

    def __init__(self, key: Secret, inner: httpx.AsyncBaseTransport) -> None:
        self._key = key
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` with the key."""
        url = request.url.copy_add_param("apiKey", self._key.reveal())
        keyed = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return await self._inner.handle_async_request(keyed)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def connect(base_url: str, key: Secret, connections: int) -> httpx.AsyncClient:
    """Return a client that follows no redirect and no proxy variable: the key goes to `base_url` and nowhere else."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0)
    return httpx.AsyncClient(
        base_url=base_url,
        transport=Keyed(key, httpx.AsyncHTTPTransport(limits=limits, trust_env=False)),
        headers={
            "user-agent": f"stratumd/{version('stratumd')}",
            "accept": "application/json",
            "accept-encoding": "gzip",
        },
        timeout=None,  # noqa: S113  # `get` has a deadline for the whole exchange, which a dripping body cannot stretch
        trust_env=False,
        follow_redirects=False,
    )


async def get(client: httpx.AsyncClient, path: str, params: Mapping[str, str], deadline: float) -> Answer:
    """Return the answer within `deadline` seconds, or raise a `SourceError`."""
    try:
        with anyio.fail_after(deadline):
            async with client.stream("GET", path, params=dict(params)) as response:
                body = await _read(response)
                return Answer(response.status_code, response.headers, body)
    except TimeoutError:
        raise TransientError(f"no whole answer within {deadline:g} s", code="timeout") from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict) as error:
        raise mapped(error) from None


def mapped(error: Exception) -> SourceError:
    """Return what an exception of httpx means here."""
    if _is_tls(error):
        return TransientError("the provider's certificate was not accepted", code="tls")
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


async def _read(response: httpx.Response) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        unpack = _Plain()
    elif encoding == "gzip":
        unpack = _Gzip()
    else:
        raise BadPayload(f"an answer packed as {encoding[:20]}, which was not asked for", code="encoding")
    async for chunk in response.aiter_raw():
        unpack.add(chunk)
    return unpack.whole()


class _Plain:
    """A body as it is sent, up to `MOST_BYTES`."""

    def __init__(self) -> None:
        self._body = bytearray()

    def add(self, chunk: bytes) -> None:
        self._keep(chunk)

    def whole(self) -> bytes:
        return bytes(self._body)

    def _keep(self, part: bytes) -> None:
        if len(self._body) + len(part) > MOST_BYTES:
            raise BadPayload(f"an answer of more than {MOST_BYTES >> 20} MB", code="too_large")
        self._body += part


class _Gzip(_Plain):
    """A gzip body, unpacked no further than one byte past `MOST_BYTES`: a megabyte can hold a gigabyte."""

    def __init__(self) -> None:
        super().__init__()
        self._packed = zlib.decompressobj(_GZIP)

    def add(self, chunk: bytes) -> None:
        try:
            self._keep(self._packed.decompress(chunk, MOST_BYTES + 1 - len(self._body)))
        except zlib.error:
            raise BadPayload("an answer that is no gzip although it says so", code="encoding") from None

    def whole(self) -> bytes:
        if not self._packed.eof:
            raise TransientError("the answer ended in the middle", code="truncated")
        return super().whole()
