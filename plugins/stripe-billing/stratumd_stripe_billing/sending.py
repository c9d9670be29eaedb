"""Sends meter events, each until Stripe has it: once, whatever breaks on the way."""

from __future__ import annotations

import random
from collections.abc import Sequence

import anyio
from msgspec.structs import replace

from stratumd.plugin import HOUR, MINUTE, SECOND, Clock, Log, Micros
from stratumd_stripe_billing.gateway import Declined, Gateway, Unauthorized, Unreachable
from stratumd_stripe_billing.metering import FORGOTTEN, SENT, UNCLEAR, arrived, identifier, stamp
from stratumd_stripe_billing.queue import Queue
from stratumd_stripe_billing.rows import Metered

LONGEST: Micros = 5 * MINUTE
"""The longest pause while Stripe cannot be reached."""
AGAIN: Micros = HOUR
"""When what Stripe declined is tried again: somebody may have put right what was wrong."""
AT_ONCE = 4
_DUPLICATE = "already exists with identifier"
"""Part of what Stripe says to an identifier that it has: the error has no code (github.com/langfuse/langfuse pull
request 16292)."""


class Breaker:
    """Pauses that double while Stripe cannot be reached, up to five minutes, each shortened at random."""

    def __init__(self) -> None:
        self.failures = 0
        """In a row."""
        self.closed_at: Micros = 0
        """When Stripe is asked again."""

    def failed(self, now: Micros) -> None:
        """Count a failure."""
        self.failures += 1
        pause = min(LONGEST, SECOND << min(self.failures, 20))
        self.closed_at = now + round(pause * random.uniform(0.5, 1))  # noqa: S311  # jitter is no secret

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0
        self.closed_at = 0


class Sender:
    """Takes events from the queue to Stripe."""

    def __init__(self, queue: Queue, gateway: Gateway, meter: str, clock: Clock, log: Log) -> None:
        self._queue = queue
        self._gateway = gateway
        self._name = meter
        self._clock = clock
        self._log = log
        self.breaker = Breaker()
        self.meter = ""
        """The meter's id; empty before the set-up."""

    async def drain(self) -> int:
        """Send what can be sent now. Returns how many Stripe has more than before."""
        sent = 0
        while self._clock.now() >= self.breaker.closed_at:
            claimed = await self._queue.claim()
            if not claimed:
                break
            outcomes = await self._send_all(claimed)
            await self._queue.settle(outcomes)
            sent += sum(row.state == SENT for row in outcomes)
        return sent

    async def _send_all(self, rows: Sequence[Metered]) -> list[Metered]:
        outcomes: list[Metered] = []
        limit = anyio.CapacityLimiter(AT_ONCE)

        async def send(row: Metered) -> None:
            async with limit:
                outcomes.append(await self._send(row))

        async with anyio.create_task_group() as tasks:
            for row in rows:
                tasks.start_soon(send, row)
        return outcomes

    async def _send(self, row: Metered) -> Metered:
        """Return what became of it. `row` is as it was before it was claimed."""
        now = self._clock.now()
        tried = replace(row, attempts=row.attempts + 1, tried_at=row.tried_at or now)
        if now < self.breaker.closed_at:
            return replace(row, retry_at=self.breaker.closed_at)
        try:
            if row.tried_at is not None and now - row.tried_at > FORGOTTEN:
                known = await self._is_there(row)
                if known is not False:
                    return self._known(tried, known)
            await self._tell(row)
        except Unreachable as error:
            self.breaker.failed(now)
            return replace(tried, retry_at=self.breaker.closed_at, problem=str(error))
        except Unauthorized as error:
            self.breaker.failed(now)
            self._log.error("usage cannot be sent", error=str(error))
            return replace(tried, retry_at=now + LONGEST, problem=str(error))
        except Declined as error:
            if _DUPLICATE not in str(error):
                self._log.error("Stripe does not take usage", account=row.account, hour=row.hour, error=str(error))
                return replace(tried, retry_at=now + AGAIN, problem=f"{error.code} {error}".strip())
        self.breaker.succeeded()
        return replace(tried, state=SENT, problem="")

    async def _tell(self, row: Metered) -> None:
        # No idempotency key of our own: under one, Stripe would repeat a failure for a day. The identifier does it.
        await self._gateway.ask(
            lambda v1: v1.billing.meter_events.create_async(
                {
                    "event_name": self._name,
                    "identifier": identifier(row, self._name),
                    "timestamp": stamp(row.hour),
                    "payload": {"stripe_customer_id": row.customer, "value": str(row.value)},
                },
                {"max_network_retries": 0},
            )
        )

    async def _is_there(self, row: Metered) -> bool | None:
        """Ask whether it arrived, where its identifier may be forgotten: Stripe's sum of the hour tells."""
        start, end = row.hour // SECOND, (row.hour + HOUR) // SECOND
        found = await self._gateway.all(
            lambda v1: v1.billing.meters.event_summaries.list_async(
                self.meter, {"customer": row.customer, "start_time": start, "end_time": end}
            )
        )
        return arrived(row, round(sum(each["aggregated_value"] for each in found)))

    def _known(self, row: Metered, there: bool | None) -> Metered:
        if there:
            return replace(row, state=SENT, problem="")
        self._log.error(
            "Stripe's sum of an hour is neither with nor without what was sent", account=row.account, hour=row.hour
        )
        return replace(row, state=UNCLEAR, problem="Stripe's sum of the hour is neither with it nor without it")
