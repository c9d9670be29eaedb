"""Discord's HTTP interface, as much as connections need: a webhook's name, a message, a code for a webhook.

What is secret in an address is put in where a request leaves the process: no log and no exception of the client holds
it. No redirect is followed and no proxy asked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

import anyio
import httpx

from stratumd.client import authorities
from stratumd.plugin import Secret
from stratumd_accounts.options import DiscordOptions

DEADLINE = 10.0
"""Seconds for a whole exchange."""
MOST_BYTES = 65_536
"""Of an answer, what is read."""
_URL = re.compile(
    r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?"
    r"webhooks/([0-9]{1,20})/([A-Za-z0-9_-]{20,100})/?"
)
_PLACE = re.compile(r"[0-9]{1,20}/[A-Za-z0-9_-]{20,100}")
_HIDDEN = "stratumd.path"


class Unreachable(Exception):
    """Discord gave no whole answer."""


class Answer(NamedTuple):
    """What came back; `body` is empty where it was no JSON object."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def retry_after(self) -> float:
        """Seconds until the next message may be sent; 0 where there is room."""
        if self.status == 429:
            return max(0.5, _seconds(self.body.get("retry_after")) or _seconds(self.headers.get("retry-after")) or 1.0)
        if _seconds(self.headers.get("x-ratelimit-remaining")) == 0:
            return _seconds(self.headers.get("x-ratelimit-reset-after")) or 0.0
        return 0.0

    @property
    def is_global(self) -> bool:
        """Whether the limit is one of the whole process."""
        return self.status == 429 and self.body.get("global") is True


class Webhook(NamedTuple):
    """A webhook. `place` is its id and its token, which is all that is needed to post there."""

    place: str
    name: str
    channel: str

    def __repr__(self) -> str:
        """Leave out the place."""
        return f"Webhook(name={self.name!r})"


def place_of(url: str) -> str | None:
    """Return id and token in the address of one of Discord's webhooks; None where it is no such address."""
    found = _URL.fullmatch(url.strip())
    return f"{found[1]}/{found[2]}" if found else None


class Discord:
    """One client for all connections. Nothing that a person pastes is connected to: the host is the file's."""

    def __init__(self, options: DiscordOptions) -> None:
        self._options = options
        self._api = httpx.URL(options.api_url)
        self._client = httpx.AsyncClient(
            transport=_Veil(httpx.AsyncHTTPTransport(verify=authorities(), trust_env=False)),
            trust_env=False,
            follow_redirects=False,
            timeout=DEADLINE,
            headers={"accept-encoding": "identity", "user-agent": "stratumd"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def webhook(self, place: str) -> Webhook | None:
        """Return what Discord says of a webhook; None where it knows none."""
        answer = await self._asked("GET", place)
        if answer.status == 200:
            return _webhook(answer.body, place)
        if answer.status in (401, 403, 404):
            return None
        raise Unreachable(f"Discord answered {answer.status}")

    async def post(self, place: str, message: Mapping[str, Any]) -> Answer:
        """Post a message, and return the answer whatever it is."""
        return await self._asked("POST", place, message)

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Webhook | None:
        """Turn the code of a consent into the webhook that came with it; None where Discord refuses it."""
        secret = self._options.client_secret or Secret("")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        request = self._client.build_request(
            "POST", self._options.token_url, data=form, headers=_basic(self._options.client_id, secret)
        )
        answer = await self._sent(request)
        if 400 <= answer.status < 500 and answer.status != 429:
            return None
        if answer.status != 200:
            raise Unreachable(f"Discord answered {answer.status}")
        hook = answer.body.get("webhook")
        place = f"{hook.get('id')}/{hook.get('token')}" if isinstance(hook, Mapping) else ""
        return _webhook(hook, place) if isinstance(hook, Mapping) and _PLACE.fullmatch(place) else None

    async def _asked(self, method: str, place: str, message: Mapping[str, Any] | None = None) -> Answer:
        stand_in = self._api.copy_with(path=f"{self._api.path.rstrip('/')}/webhooks/hidden")
        params = {"wait": "true"} if message is not None else None
        extensions = {_HIDDEN: f"{self._api.path.rstrip('/')}/webhooks/{place}"}
        request = self._client.build_request(method, stand_in, params=params, json=message, extensions=extensions)
        return await self._sent(request)

    async def _sent(self, request: httpx.Request) -> Answer:
        try:
            with anyio.fail_after(DEADLINE):
                response = await self._client.send(request, stream=True)
                try:
                    body = await _read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise Unreachable(f"Discord did not answer within {DEADLINE:g} s") from None
        except httpx.HTTPError as error:
            raise Unreachable(f"Discord cannot be reached ({type(error).__name__})") from None
        return Answer(response.status_code, response.headers, _object(body))


class _Veil(httpx.AsyncBaseTransport):
    """Puts the path that holds a webhook's token into a request at the very last."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to where it is meant to go."""
        path = request.extensions.get(_HIDDEN)
        if path is None:
            return await self._inner.handle_async_request(request)
        url = request.url.copy_with(path=path)
        extensions = {name: each for name, each in request.extensions.items() if name != _HIDDEN}
        real = httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=extensions)
        return await self._inner.handle_async_request(real)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def challenge(verifier: str) -> str:
    """Return PKCE's S256 challenge (RFC 7636) of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _basic(user: str, secret: Secret) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{secret.reveal()}".encode()).decode()}


async def _read(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= MOST_BYTES:
            break
    return body


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _webhook(shown: Mapping[str, Any], place: str) -> Webhook:
    return Webhook(place, str(shown.get("name") or "Discord")[:80], str(shown.get("channel_id") or "")[:40])


def _seconds(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if isfinite(found) and found >= 0 else None
