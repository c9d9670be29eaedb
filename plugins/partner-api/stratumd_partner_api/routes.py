"""The routes `partner-api`: put together, opened, run and closed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import anyio

from stratumd.errors import StratumError
from stratumd.plugin import SECOND, Notice, Signal, micros
from stratumd.plugin.desk import Writing
from stratumd.plugin.history import Changed
from stratumd.plugin.partners import Accounts, Usage
from stratumd.plugin.routes import Endpoint, Routes, RoutesContext
from stratumd_partner_api.closing import Closing
from stratumd_partner_api.cursors import Cursors
from stratumd_partner_api.docs import Docs
from stratumd_partner_api.exports import Exports
from stratumd_partner_api.feed import Feed
from stratumd_partner_api.hub import HEARTBEAT, RELEASE, Channel, Told
from stratumd_partner_api.limits import BEAT, Limits
from stratumd_partner_api.market import Looking, Market
from stratumd_partner_api.mine import Mine
from stratumd_partner_api.options import Options
from stratumd_partner_api.recent import Recent
from stratumd_partner_api.rows import Generated, Warned
from stratumd_partner_api.sending import Sender
from stratumd_partner_api.serving import Counter, Memo
from stratumd_partner_api.streams import Changes, SignalLog, Streams
from stratumd_partner_api.usage import Flushed, Meter, StoredUsage
from stratumd_partner_api.webhooks import Keyring, Webhooks

WARN_AT = (80, 100, 120)
"""Percent of the included requests of which an account is told, each once a month."""
TIDY = 60.0
CHECK = 1.0
"""Seconds between two looks at whether the keys of open streams are still good."""


class PartnerApi(Routes):
    """Answers partners: the feed, the market, streams, exports, webhooks, and what they used."""

    name, config = "partner-api", Options
    needs: ClassVar[tuple[type[Any], ...]] = (Accounts,)
    provides: ClassVar[tuple[type[Any], ...]] = (Usage,)
    options: Options

    def __init__(self, options: Options, context: RoutesContext) -> None:
        super().__init__(options, context)
        clock, archive = context.clock, context.archive
        buffer, lifetime = options.stream_buffer, micros(options.stream_lifetime)
        self.meter = Meter(context.desk, context.log)
        self.limits = Limits(options.per_address)
        counter = Counter(self.limits, self.meter)
        self._cursors = Cursors(micros(options.cursor_lifetime))
        self._keyring = Keyring()
        self._accounts: Callable[[], Accounts] = partial(context.service, Accounts)  # type: ignore[type-abstract]  # a protocol
        looking = Looking(archive, self._cursors, Memo())
        recent = Recent(options.recent)
        self.signals = Channel[Signal](
            SignalLog(archive), clock.now, buffer=buffer, lifetime=lifetime, heard=self._heard
        )
        self.changes = Changes(
            archive, partial(Channel[Changed], now=clock.now, buffer=buffer, lifetime=lifetime, ring=32)
        )
        self._feed = Feed(looking, counter, recent, self.signals)
        self.streams = Streams(options, counter, self.signals, self.changes, looking, context.desk, self._accounts)
        self.sender = Sender(options, context, self._accounts, self._keyring)
        webhooks = Webhooks(options, context, counter, looking, self._keyring, self.sender)
        self._parts: list[Any] = [
            self._feed,
            Market(looking, counter),
            Closing(looking, counter),
            Exports(looking, counter, options.exports_per_key),
            self.streams,
            webhooks,
            Mine(options, context.desk, self.meter, counter),
            Docs(),
        ]

    def provide(self, kind: type[Any]) -> Any:
        """Return what is counted."""
        return StoredUsage()

    def endpoints(self) -> Sequence[Endpoint]:
        """Return all of them."""
        return [endpoint for part in self._parts for endpoint in part.endpoints()]

    async def open(self) -> None:
        """Find the secret, and read the newest signals."""
        given = self.options.secret
        key = given.reveal().encode() if given else await self._generated()
        self._cursors.use(key)
        self._keyring.use(key)
        self.signals.start(await self._feed.fill())

    async def run(self) -> None:
        """Follow the log, count, release, send."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.signals.follow)
            group.start_soon(self.changes.follow)
            group.start_soon(self._release)
            group.start_soon(self._beat)
            group.start_soon(self._count)
            group.start_soon(self._check)
            group.start_soon(self.sender.run)
            group.start_soon(self._tidy)

    async def close(self) -> None:
        """Write the usage that is left, and hand over the webhooks."""
        for channel in self._channels():
            channel.close()
        await self.meter.close()
        await self.sender.close()

    # ---- what goes on beside requests

    def _channels(self) -> list[Channel[Any]]:
        return [self.signals, *self.changes]

    def _heard(self, told: Told[Signal]) -> None:
        self._feed.heard(told)
        self.sender.wake()

    async def _release(self) -> None:
        while True:
            await anyio.sleep(RELEASE)
            for channel in self._channels():
                channel.release()

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(HEARTBEAT / SECOND)
            for channel in self._channels():
                channel.beat()

    async def _count(self) -> None:
        while True:
            await anyio.sleep(BEAT / SECOND)
            flushed = await self.meter.flush()
            if flushed is not None:
                self.limits.share(flushed.daemons)
                await self._warn(flushed)

    async def _check(self) -> None:
        while True:
            await anyio.sleep(CHECK)
            self.changes.leave()
            try:
                await self.streams.check()
            except StratumError as error:
                self.context.log.warning("the keys of open streams could not be looked at", error=str(error))

    async def _tidy(self) -> None:
        while True:
            await anyio.sleep(TIDY)
            self.limits.tidy(self.context.clock.now())
            try:
                await self.sender.tidy()
                await self.meter.tidy(self.context.clock.now() - micros(self.options.usage_kept))
            except StratumError as error:
                self.context.log.warning("old deliveries and usage could not be deleted", error=str(error))

    async def _warn(self, flushed: Flushed) -> None:
        """Tell accounts how much of what is included they used, each step once a month."""
        for (account, month), total in flushed.totals.items():
            plan = self.meter.plans.get(account)
            if plan is None or not plan.included:
                continue
            for percent in WARN_AT:
                if total * 100 >= plan.included * percent and (account, month, percent) not in self.meter.warned:
                    await self._tell(account, month, percent, f"{total:,} of {plan.included:,}", plan.overage)
                    self.meter.warned.add((account, month, percent))

    async def _tell(self, account: str, month: str, percent: int, used: str, billed: bool) -> None:
        now = self.context.clock.now()
        key = {"account": account, "month": month, "percent": percent}
        known, address = await self.context.desk.read(
            lambda reading: (reading.get(Warned, **key), self._accounts().email_of(reading, account))
        )
        if known is not None:
            return
        title = f"{percent} % of this month's requests are used"
        more = "what is more is billed as overage" if billed else "what is more is still served"
        text = f"In {month} {used} requests that your plan includes are used; {more}.\nSee /api/v1/intel/usage."
        # Told first: the notice has an id of its own, and is kept once however often this is reached.
        for to in {address, None}:
            id = f"usage:{account}:{month}:{percent}:{'account' if to else 'operator'}"
            await self.context.notify(Notice(id, "usage", title, text if to else f"{account}: {text}", now, to))

        def work(writing: Writing) -> None:
            writing.insert(Warned(account, month, percent, now))

        await self.context.desk.write(work)

    async def _generated(self) -> bytes:
        """Return the secret of the database, which the first daemon makes."""

        def work(writing: Writing) -> str:
            writing.insert(Generated("secret", secrets.token_hex(32), writing.at))
            row = writing.get(Generated, name="secret")
            assert row is not None, "it is there by now"
            return row.value

        return (await self.context.desk.write(work)).encode()
