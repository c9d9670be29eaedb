"""How the fake Stripe tells of events: signed, and as often, as late and in whatever order as it is told to."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import anyio
import httpx

from stratumd.testing.stripe_shelf import Shelf
from stratumd.testing.stripe_wire import Obj

PAUSE = 0.05
"""Seconds between attempts where delivery is automatic; the real one takes hours, over three days."""


class Delivered(NamedTuple):
    """An attempt to tell of an event."""

    event: str
    status: int
    """0 where there was no answer."""


def signature(body: bytes, secrets: Iterable[str], at: int) -> str:
    """Return the header `Stripe-Signature` for a body: a `v1` for each secret, and the `v0` of test events
    (docs.stripe.com/webhooks, "Verify manually")."""
    signed = f"{at}.".encode() + body
    marks = [f"v1={hmac.new(secret.encode(), signed, 'sha256').hexdigest()}" for secret in secrets]
    return ",".join([f"t={at}", *marks, f"v0={hmac.new(b'v0', signed, 'sha256').hexdigest()}"])


class Webhooks:
    """One endpoint, and what it was told."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.url = ""
        self.secrets: Sequence[str] = ()
        """All of them sign, as while a secret is rolled."""
        self.delivered: list[Delivered] = []
        self.pending: list[Obj] = []
        """Events that no attempt succeeded for yet, oldest first."""
        self._news = anyio.Event()
        self._client: httpx.AsyncClient | None = None
        shelf.told.append(self._add)

    def _add(self, event: Obj) -> None:
        if self.url:
            event["pending_webhooks"] = 1
            self.pending.append(event)
            self._news.set()

    def request(self, event: Obj) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers that tell of an event."""
        body = json.dumps(event, indent=2).encode()
        header = signature(body, self.secrets, self._shelf.now())
        kind = "application/json; charset=utf-8"
        return body, {"Stripe-Signature": header, "Content-Type": kind, "User-Agent": "Stripe/1.0"}

    async def deliver(self, events: Sequence[Obj] | None = None) -> list[int]:
        """Tell of these events in this order, or of all that are pending. Returns the statuses of the answers."""
        return [await self._post(event) for event in list(self.pending if events is None else events)]

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(self, event: Obj) -> int:
        body, headers = self.request(event)
        # One client for all: making one reads every certificate that this machine trusts.
        self._client = self._client or httpx.AsyncClient(timeout=30, trust_env=False)
        try:
            status = (await self._client.post(self.url, content=body, headers=headers)).status_code
        except httpx.HTTPError:
            status = 0
        self.delivered.append(Delivered(event["id"], status))
        if 200 <= status < 300:
            event["pending_webhooks"] = 0
            self.pending = [each for each in self.pending if each["id"] != event["id"]]
        return status

    async def go_on(self) -> None:
        """Deliver whatever is pending, until cancelled."""
        while True:
            if not self.pending:
                self._news = anyio.Event()
                await self._news.wait()
            await self.deliver()
            await anyio.sleep(PAUSE if self.pending else 0)
