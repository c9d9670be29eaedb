"""The sink `webhook`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from stratumd.client.webhooks import SCHEDULE, Endpoint, Guard, endpoint, judge, signed
from stratumd.plugin import Context, Delivery, Notice, Signal, Sink, iso
from stratumd_webhook.options import Options

TYPE = "signal.created"
"""The event's type, as receivers see it."""
NOTICE = "stratumd.notice"
"""The same of a message of the daemon itself."""


class WebhookSink(Sink):
    """Posts each signal to a URL, signed, under an id that stays the same however often it is sent."""

    name, config = "webhook", Options
    retries = SCHEDULE
    notices = True
    options: Options

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.concurrency = options.concurrency
        self.per_second = options.per_second
        self.expires = options.skip_stale
        self._endpoint: Endpoint | None = None

    async def open(self) -> None:
        """Get ready to connect; nothing is resolved or sent yet."""
        tls = endpoint(self.options.url).scheme == "https"
        guard = Guard(tls=tls, allow=self.options.allow)
        self._endpoint = Endpoint(self.options.url, guard, connections=self.options.concurrency)

    async def close(self) -> None:
        """Close the connection."""
        if self._endpoint is not None:
            await self._endpoint.close()

    async def probe(self) -> str:
        """Connect to the receiver, and send it nothing: whatever is posted counts as a signal."""
        await self.open()
        assert self._endpoint is not None, "just opened"
        await self._endpoint.reach()
        return "the receiver takes connections; nothing was sent"

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Post the signal. What the answers mean is said in `judge`."""
        for delivery in deliveries:
            await self._post(delivery.id, payload(delivery.signal))

    async def notify(self, notice: Notice) -> None:
        """Post the notice, under an id that stays the same as well."""
        body = msgspec.json.encode({"type": NOTICE, "timestamp": iso(notice.at), "data": notice.public()})
        await self._post(f"notice_{hashlib.sha256(notice.id.encode()).hexdigest()[:32]}", body)

    async def _post(self, id: str, body: bytes) -> None:
        assert self._endpoint is not None, "core opens a sink before it delivers"
        secrets = (self.options.secret, *self.options.previous_secrets)
        headers = signed(secrets, id, self.context.clock.now(), body)
        answer = await self._endpoint.post(body, headers)
        judge(answer.status, answer.retry_after, self.context.clock.now())


def payload(signal: Signal) -> bytes:
    """Return the body: the same bytes at every attempt. Its timestamp is when the signal was observed."""
    return msgspec.json.encode({"type": TYPE, "timestamp": iso(signal.observed_at), "data": signal.public()})
