"""Sends signals to partners' webhooks: each by the one daemon that holds it, at least once, in the order of its events.

A webhook's place in the feed is stored with the deliveries that are made of it, in one transaction, so none is left out
and none made twice; a delivery that a killed daemon had sent is sent again under the same id.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import anyio
import msgspec

from stratumd.client.webhooks import SCHEDULE, Endpoint, Guard, judge, signed
from stratumd.client.webhooks import endpoint as parts_of
from stratumd.client.webhooks.addresses import Address
from stratumd.errors import DeliveryError, StratumError
from stratumd.plugin import HOUR, SECOND, Micros, Notice, Secret, Signal, delivery_id, iso, micros
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.history import Entry
from stratumd.plugin.partners import Accounts
from stratumd.plugin.routes import RoutesContext
from stratumd_partner_api import shapes
from stratumd_partner_api.lens import Lens, cutoff_of
from stratumd_partner_api.options import Options
from stratumd_partner_api.rows import DEAD, DELIVERED, PENDING, Attempted, Lease, Webhook
from stratumd_partner_api.shapes import Shape, shape_of
from stratumd_partner_api.webhooks import Keyring

TYPE, TEST = "signal.created", "test"
LEASE: Micros = 60 * SECOND
"""How long a daemon that says nothing keeps a webhook."""
GIVEN_UP: Micros = 120 * HOUR
"""A webhook that takes nothing for so long is disabled."""
BATCH = 100
EVERY = 1.0
"""Seconds between two looks for work, where nobody says that there is some."""
AT_ONCE = 16
"""Webhooks that are served at the same time."""


class Held(NamedTuple):
    """A webhook that this daemon holds, and what its partner may see."""

    row: Webhook
    shape: Shape | None
    """None where the partner may have no webhooks at present."""


class Discreet(Guard):
    """Does not tell a partner which addresses a name leads to: they may be those of the operator's own network."""

    async def checked(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of `host`. `DeliveryError` where one of them is refused."""
        try:
            return await super().checked(host, port)
        except DeliveryError:
            raise DeliveryError(f"nothing is sent to {host}: it is found at no public address and port") from None


class Sender:
    """Makes deliveries of the feed, and sends them."""

    def __init__(
        self,
        options: Options,
        context: RoutesContext,
        accounts: Callable[[], Accounts],
        keyring: Keyring,
    ) -> None:
        self._options = options
        self._desk = context.desk
        self._archive = context.archive
        self._clock = context.clock
        self._log = context.log
        self._notify = context.notify
        self._accounts = accounts
        self._keyring = keyring
        self._process = secrets.token_hex(8)
        self._wanted = anyio.Event()
        self._posts: dict[tuple[str, str], Endpoint] = {}

    def wake(self) -> None:
        """Look for work now."""
        self._wanted.set()

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            try:
                more = await self.step()
            except StratumError as error:
                self._log.warning("webhooks wait: the store cannot be used", error=str(error))
                more = False
            if not more:
                with anyio.move_on_after(EVERY):
                    await self._wanted.wait()
            self._wanted = anyio.Event()

    async def close(self) -> None:
        """Let go of the webhooks and of the connections."""
        await self._let_go([*self._posts])
        try:
            await self._desk.write(lambda writing: writing.drop(Lease, process=self._process))
        except StratumError as error:
            self._log.warning("webhooks stay with this daemon for a minute", error=str(error))

    async def step(self) -> bool:
        """Do what is due at once; say whether there is more."""
        if not await self._desk.read(lambda reading: reading.find(Webhook, disabled="", limit=1)):
            await self._let_go([*self._posts])
            return False
        held = await self._desk.write(self._claim)
        mine = {(each.row.id, each.row.url) for each in held}
        await self._let_go(self._posts.keys() - mine)
        limit = anyio.CapacityLimiter(AT_ONCE)
        more: list[bool] = []

        async def serve(each: Held) -> None:
            async with limit:
                more.append(await self._serve(each))

        async with anyio.create_task_group() as group:
            for each in held:
                group.start_soon(serve, each)
        return any(more)

    async def test(self, row: Webhook) -> int:
        """Send a test, and return the answer's status. `DeliveryError` where it was not taken."""
        now = self._clock.now()
        body = msgspec.json.encode({"type": TEST, "timestamp": iso(now), "data": {"webhook": row.id}})
        post = self._endpoint(row)  # of its own: whoever makes webhooks only to test them leaves nothing behind
        try:
            return await self._posted(post, row, f"test_{secrets.token_hex(8)}", body)
        finally:
            with anyio.CancelScope(shield=True):
                await post.close()

    # ---- who sends

    def _claim(self, writing: Writing) -> list[Held]:
        """Take what nobody holds, keep what is one's own, and return it."""
        leases = {lease.webhook: lease for lease in writing.find(Lease)}
        held: list[Held] = []
        for row in writing.find(Webhook, disabled=""):
            lease = leases.get(row.id)
            if lease is not None and lease.process != self._process and lease.until > writing.at:
                continue
            mine = lease is not None and lease.process == self._process
            if not mine or lease is None or lease.until < writing.at + LEASE // 2:
                writing.put(Lease(row.id, self._process, writing.at + LEASE))
            held.append(Held(row, self._shape(writing, row.account)))
        return held

    def _shape(self, reading: Reading, account: str) -> Shape | None:
        rights = self._accounts().rights(reading, account)
        if rights is None or rights.suspended:
            return None
        able = [plan for plan in (rights.api, rights.web) if plan is not None and "webhooks:write" in plan.scopes]
        return shape_of(able[0]) if able else None

    def _is_mine(self, reading: Reading, webhook: str, at: Micros) -> bool:
        lease = reading.get(Lease, webhook=webhook)
        return lease is not None and lease.process == self._process and lease.until > at

    # ---- what is sent

    async def _serve(self, held: Held) -> bool:
        """Make and send the deliveries of a webhook; say whether there is more to do at once."""
        row, shape = held
        if shape is None:
            return False
        now = self._clock.now()
        entries = await self._archive.read(lambda history: Lens(history, shape, now).entries(row.position, BATCH))
        if entries:
            await self._desk.write(lambda writing: self._expand(writing, row, entries))
        if row.rest_until > now:
            return False
        due = await self._desk.read(lambda reading: self._due(reading, row.id, now))
        for delivery in due:
            if not await self._deliver(row, shape, delivery):
                return False
        return len(entries) == BATCH or bool(due)

    def _expand(self, writing: Writing, row: Webhook, entries: Sequence[Entry]) -> None:
        """Write a delivery for each entry that the webhook wants, and how far it has come."""
        current = writing.get(Webhook, id=row.id)
        if current is None or current.position != row.position or not self._is_mine(writing, row.id, writing.at):
            return
        for sequence, signal in entries:
            if not wants(current, signal):
                continue
            writing.insert(
                Attempted(
                    id=delivery_id(signal.id, row.id),
                    webhook=row.id,
                    sequence=sequence,
                    signal=signal.id,
                    event=signal.event,
                    state=PENDING,
                    attempts=0,
                    due_at=writing.at,
                    status=None,
                    error="",
                    created_at=writing.at,
                    ended_at=None,
                )
            )
        writing.put(msgspec.structs.replace(current, position=entries[-1].sequence))

    def _due(self, reading: Reading, webhook: str, now: Micros) -> list[Attempted]:
        """Return what is due, of each event only the oldest that waits."""
        waiting = reading.find(Attempted, webhook=webhook, state=PENDING, order=("sequence",), limit=10 * BATCH)
        oldest: dict[str, Attempted] = {}
        for each in waiting:
            oldest.setdefault(each.event, each)
        return [each for each in oldest.values() if each.due_at <= now][:BATCH]

    async def _deliver(self, row: Webhook, shape: Shape, delivery: Attempted) -> bool:
        """Send one; False where the webhook is left alone for now."""
        if not await self._desk.read(lambda reading: self._is_mine(reading, row.id, self._clock.now())):
            return False
        try:
            signal = await self._archive.read(lambda history: history.signal(delivery.signal))
        except LookupError:
            await self._end(row, delivery, DEAD, None, "the signal is not kept any more")
            return True
        if signal.observed_at > cutoff_of(shape, self._clock.now()):  # made when the plan had no such delay
            later = msgspec.structs.replace(delivery, due_at=signal.observed_at + shape.delay)
            await self._desk.write(lambda writing: writing.put(later) if writing.get(Webhook, id=row.id) else None)
            return True
        try:
            status = await self._post(row, delivery.id, payload(signal, shape))
        except DeliveryError as error:
            return await self._failed(row, delivery, error)
        await self._end(row, delivery, DELIVERED, status, "")
        return True

    async def _post(self, row: Webhook, id: str, body: bytes) -> int:
        post = self._posts.get((row.id, row.url))
        if post is None:
            await self._let_go([key for key in self._posts if key[0] == row.id])
            post = self._posts[row.id, row.url] = self._endpoint(row)
        return await self._posted(post, row, id, body)

    def _endpoint(self, row: Webhook) -> Endpoint:
        url = Secret(row.url)
        return Endpoint(url, Discreet(tls=parts_of(url).scheme == "https", allow=self._options.allow))

    async def _let_go(self, keys: Iterable[tuple[str, str]]) -> None:
        for key in keys:
            await self._posts.pop(key).close()

    async def _posted(self, post: Endpoint, row: Webhook, id: str, body: bytes) -> int:
        now = self._clock.now()
        answer = await post.post(body, signed(self._keyring.signing(row, now), id, now, body))
        judge(answer.status, answer.retry_after, self._clock.now())
        return answer.status

    # ---- what became of it

    async def _end(self, row: Webhook, delivery: Attempted, state: str, status: int | None, error: str) -> None:
        def work(writing: Writing) -> None:
            current = writing.get(Webhook, id=row.id)
            if current is None:  # deleted, with its deliveries, while this one was under way
                return
            ended = msgspec.structs.replace(
                delivery, state=state, attempts=delivery.attempts + 1, status=status, error=error, ended_at=writing.at
            )
            writing.put(ended)
            if state == DELIVERED and (current.failing_since or current.rest_until):
                writing.put(msgspec.structs.replace(current, failing_since=None, rest_until=0))

        await self._desk.write(work)

    async def _failed(self, row: Webhook, delivery: Attempted, error: DeliveryError) -> bool:
        """Write down a failure: tried again by the schedule, then a dead letter; the webhook is disabled by 410."""
        pause = SCHEDULE[delivery.attempts] if delivery.attempts < len(SCHEDULE) else None
        spread = random.uniform(1.0, 1.1)  # noqa: S311  # apart, not secret

        def work(writing: Writing) -> str:
            current = writing.get(Webhook, id=row.id)
            if current is None:
                return ""
            wait = 0 if pause is None else round(micros(pause) * spread)
            rest = round((error.retry_after or 0.0) * SECOND)
            failed = msgspec.structs.replace(
                delivery,
                state=DEAD if pause is None else PENDING,
                attempts=delivery.attempts + 1,
                due_at=writing.at + max(wait, rest),
                status=error.status,
                error=str(error)[:500],
                ended_at=writing.at if pause is None else None,
            )
            writing.put(failed)
            since = writing.at if current.failing_since is None else current.failing_since
            reason = str(error) if error.disable else ""
            if writing.at - since >= GIVEN_UP:
                reason = "nothing was taken for 120 hours"
            writing.put(
                msgspec.structs.replace(
                    current, failing_since=since, rest_until=writing.at + max(rest, 5 * SECOND), disabled=reason
                )
            )
            return reason

        reason = await self._desk.write(work)
        if reason:
            await self._tell(row, reason)
        return False

    async def _tell(self, row: Webhook, reason: str) -> None:
        address = await self._desk.read(lambda reading: self._accounts().email_of(reading, row.account))
        now = self._clock.now()
        text = f"Your webhook {row.id} gets no more signals: {reason}.\nMend the receiver, then enable it again."
        await self._notify(
            Notice(f"webhook:{row.id}:{now}", "webhook_disabled", "A webhook was disabled", text, now, address)
        )

    async def tidy(self) -> None:
        """Delete the records of deliveries that ended long ago."""
        before = self._clock.now() - micros(self._options.webhook_deliveries_kept)

        def work(writing: Writing) -> int:
            old = writing.find(Attempted, until=("ended_at", before), order=("ended_at",), limit=500)
            for each in old:
                writing.drop(Attempted, id=each.id)
            return len(old)

        while await self._desk.write(work) == 500:
            pass


def wants(row: Webhook, signal: Signal) -> bool:
    """Say whether a webhook is sent a signal."""
    return (
        signal.strength >= row.min_strength
        and (not row.types or signal.type in row.types.split())
        and (not row.markets or signal.market in row.markets.split())
    )


def payload(signal: Signal, shape: Shape) -> bytes:
    """Return the body: what the plan shows, the same bytes at every attempt."""
    return msgspec.json.encode(
        {"type": TYPE, "timestamp": iso(signal.observed_at), "data": shapes.signal(signal, shape.hidden)}
    )
