"""Posting to a webhook without ever showing its URL, which is all that is needed to post there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import httpx

from stratumd.client import authorities
from stratumd.errors import DeliveryError
from stratumd.plugin import Secret
from stratumd_discord.answers import Answer, closed_for, is_shared, message_id, pause_after, text_of
from stratumd_discord.budget import OURS, Budget
from stratumd_discord.options import endpoint

DEADLINE = 15.0
"""Seconds for a whole exchange, however slowly it drips."""
LONGEST_PAUSE = 5.0
"""Seconds to wait for the bucket here; a longer wait is the delivery loop's."""
BODY_LIMIT = 65_536
"""Bytes of an answer that are read; what follows is dropped."""


class Veil(httpx.AsyncBaseTransport):
    """Puts the secret URL into a request at the very last.

    The client logs the URL of every request, and its exceptions hold it: it knows only a stand-in.
    """

    def __init__(self, webhook: Secret, inner: httpx.AsyncBaseTransport) -> None:
        self._webhook = webhook
        self._inner = inner
        url = endpoint(webhook)
        self.stand_in = f"{url.scheme}://{url.netloc}/api/webhooks/hidden"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to the webhook."""
        url = endpoint(self._webhook)
        target = httpx.URL(f"{url.scheme}://{url.netloc}{url.path}", params=request.url.params)
        real = httpx.Request(
            request.method, target, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return await self._inner.handle_async_request(real)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class Webhook:
    """One webhook. Follows no redirect, asks no proxy, and obeys the rate limit that Discord's headers tell."""

    def __init__(self, webhook: Secret, *, deadline: float = DEADLINE, budget: Budget | None = None) -> None:
        """`budget` is what all webhooks of the process have in common; by default the process's own."""
        veil = Veil(webhook, httpx.AsyncHTTPTransport(verify=authorities(), trust_env=False))
        self._url = veil.stand_in
        self._client = httpx.AsyncClient(
            transport=veil,
            trust_env=False,
            follow_redirects=False,
            timeout=deadline,
            headers={"accept-encoding": "identity", "user-agent": "stratumd"},
        )
        self._deadline = deadline
        self._budget = budget or OURS
        self._room_at = 0.0

    async def post(self, message: Mapping[str, Any]) -> str | None:
        """Post a message and return its id. `DeliveryError` as in `answers.message_id`.

        After a broken connection or no answer in time the message may have arrived: Discord has no way to ask, so a
        repeat is possible.
        """
        await self._wait_for_room()
        answer = await self._asked("POST", message)
        self._room_at = anyio.current_time() + pause_after(answer.headers)
        return message_id(answer)

    async def name(self) -> str | None:
        """Return the webhook's name, None where the answer does not say it. `DeliveryError` as for `post`."""
        answer = await self._asked("GET")
        message_id(answer)  # raises where it is an error
        return text_of(answer, "name")

    async def _asked(self, method: str, message: Mapping[str, Any] | None = None) -> Answer:
        try:
            with anyio.fail_after(self._deadline):
                answer = await self._exchange(method, message)
        except TimeoutError:
            raise DeliveryError(f"Discord did not answer within {self._deadline:g} s") from None
        except httpx.HTTPError as error:
            raise DeliveryError(f"Discord cannot be reached ({type(error).__name__})") from error
        self._budget.count(answer.status, shared=is_shared(answer))
        self._budget.close(closed_for(answer))
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _wait_for_room(self) -> None:
        wait = max(self._room_at - anyio.current_time(), self._budget.wait())
        if wait > LONGEST_PAUSE:
            raise DeliveryError("Discord's rate limit is reached", retry_after=wait)
        await anyio.sleep(max(0.0, wait))

    async def _exchange(self, method: str, message: Mapping[str, Any] | None) -> Answer:
        params = {} if message is None else {"wait": "true"}
        async with self._client.stream(method, self._url, params=params, json=message) as response:
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) >= BODY_LIMIT:
                    break
            return Answer(response.status_code, response.headers, body)
