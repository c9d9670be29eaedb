"""The way to Stripe: the official asynchronous client, with its errors sorted by what to do about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import httpx
import stripe

from stratumd.plugin import Secret

if TYPE_CHECKING:
    from stripe._v1_services import V1Services  # what `StripeClient.v1` is; it has no public name

VERSION = "2026-10-28.endive"
"""The version of the API that this plugin was written for: Stripe answers in its terms, whatever the account's is."""
TIMEOUT = 8.0
"""Seconds for one request."""
MOST = 10_000
"""Objects of a list that are read at most."""

Ask = Callable[["V1Services"], Awaitable[Any]]
"""Asks one thing, such as `lambda v1: v1.customers.retrieve_async("cus_1")`."""

# The client would write an id of this machine to the home directory, and send it and how long requests took.
stripe.enable_telemetry = False


class Unreachable(Exception):
    """Stripe cannot answer at present. What was asked may have been done or not."""


class Declined(Exception):
    """Stripe does not do what it is asked, and will not however often it is asked."""

    def __init__(self, message: str, code: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Unauthorized(Declined):
    """The key is wrong, or may not do this. Its message is Stripe's word for it, without what shows of the key."""


class _Http(stripe.HTTPClient):
    """The client's requests by httpx: its own way to do so gives bodies in a form that httpx calls deprecated."""

    name: ClassVar[str] = "httpx"

    def __init__(self) -> None:
        super().__init__()
        self._httpx = httpx.AsyncClient(timeout=TIMEOUT)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Return body, status and headers of the answer."""
        try:
            answer = await self._httpx.request(method, url, headers=dict(headers), content=post_data)
        except httpx.HTTPError as error:
            reason = f"no answer ({type(error).__name__})"
            raise stripe.APIConnectionError(reason, should_retry=True) from error  # type: ignore[no-untyped-call]  # stripe leaves it untyped
        return answer.content, answer.status_code, answer.headers

    async def sleep_async(self, secs: float) -> None:
        """Wait before the request is tried again."""
        await anyio.sleep(secs)

    async def close_async(self) -> None:
        """Let go of the connections."""
        await self._httpx.aclose()


class Gateway:
    """Asks Stripe. Between `open` and `close`."""

    def __init__(self, key: Secret, base_url: str) -> None:
        self._key = key
        self._base_url = base_url
        self._http: _Http | None = None
        self._client: stripe.StripeClient | None = None

    def open(self) -> None:
        """Get ready; nothing is asked yet."""
        self._http = _Http()
        self._client = stripe.StripeClient(
            self._key.reveal(),
            stripe_version=VERSION,
            base_addresses={"api": self._base_url},
            http_client=self._http,
            max_network_retries=1,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http is not None:
            await self._http.close_async()
        self._http = self._client = None

    async def ask(self, ask: Ask) -> dict[str, Any]:
        """Return an object as JSON values. `Unreachable` or `Declined`."""
        found: dict[str, Any] = (await self._asked(ask)).to_dict()
        return found

    async def all(self, ask: Ask) -> list[dict[str, Any]]:
        """Return a list whole, page by page, in the order in which Stripe gives it."""
        listed = await self._asked(ask)
        found: list[dict[str, Any]] = []
        while True:
            found += [each.to_dict() for each in listed.data]
            if not listed.has_more or len(found) >= MOST:
                return found
            page = listed
            listed = await self._asked(lambda _, page=page: page.next_page_async())  # type: ignore[misc]  # mypy knows no lambda with a default

    async def _asked(self, ask: Ask) -> Any:
        if self._client is None:
            raise Unreachable("the way to Stripe is closed")
        try:
            return await ask(self._client.v1)
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            # Stripe's own sentence shows the ends of the key.
            raise Unauthorized("Stripe refuses the key", status=error.http_status or 401) from None
        except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError) as error:
            if error.http_status == 409:
                raise Unreachable(_told(error)) from None
            raise Declined(_told(error), error.code or "", error.http_status or 400) from None
        except stripe.StripeError as error:
            raise Unreachable(_told(error)) from None


def _told(error: stripe.StripeError) -> str:
    """Return the first line of what went wrong."""
    text = error.user_message or type(error).__name__
    return text.splitlines()[0][:300] if text else type(error).__name__
