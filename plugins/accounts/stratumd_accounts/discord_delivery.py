"""Sending signals to the connected channels: over the feed, at least once, by one daemon at a time.

Each connection has its own cursor, which moves when Discord has taken what came before it. A connection that fails or
has to wait holds up no other one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from typing import NamedTuple

import anyio
import msgspec

from stratumd.errors import StratumError
from stratumd.plugin import SECOND, Micros, Signal
from stratumd.plugin.desk import Act, Reading, Writing
from stratumd.plugin.history import Entry
from stratumd.plugin.partners import Plan
from stratumd_accounts import tokens
from stratumd_accounts.discord import about
from stratumd_accounts.discord_api import Answer, Discord, Unreachable
from stratumd_accounts.discord_messages import MOST, message
from stratumd_accounts.parts import Parts
from stratumd_accounts.rights import rights_of
from stratumd_accounts.rows import Connection, Cursor, Lease

AT_ONCE = 8
"""Connections that are sent to at the same time."""
_PAGE = 200  # entries of the feed that are read at once
_LEASE = 15 * SECOND
_RENEW = 5.0  # seconds
_PAUSE = 1.0  # seconds: what waits for a limit or a delay is looked at again
_LONGEST_BACKOFF = 300.0  # seconds
_MOST_INVALID = 100  # answers 401, 403 and 429 in ten minutes: Discord bans an address at 10,000
_WINDOW = 600.0


class _Due(NamedTuple):
    """A connection with what it may get."""

    connection: Connection
    cursor: int
    plan: Plan | None
    """None where the account gets nothing at present."""


class DiscordDelivery:
    """Sends, while this daemon holds the lease."""

    def __init__(self, parts: Parts, discord: Discord) -> None:
        self._parts = parts
        self._desk = parts.context.desk
        self._archive = parts.context.archive
        self._discord = discord
        self._owner = tokens.new_id()
        self._ours_until = 0.0
        self._rest: dict[str, float] = {}
        """Until when a connection is left alone (monotonic seconds)."""
        self._failures: dict[str, int] = {}
        self._rest_of_all = 0.0
        self._invalid: list[float] = []

    async def run(self) -> None:
        """Send, until cancelled."""
        while True:
            if not await self._is_ours():
                await anyio.sleep(_RENEW)
                continue
            newest, moved = await self.round()
            if not moved:
                with anyio.move_on_after(_PAUSE):
                    await self._archive.news(newest)

    async def release(self) -> None:
        """Let another daemon go on at once."""
        if self._ours_until:
            self._ours_until = 0.0
            await self._desk.write(lambda writing: writing.drop(Lease, name="discord", owner=self._owner))

    async def round(self) -> tuple[int, bool]:
        """Send each connection what is next. Returns the feed's newest number, and whether any got on."""
        due = [each for each in await self._desk.read(self._due) if self._may(each.connection.id)]
        _, newest = await self._archive.read(lambda history: history.ends())
        cursors = {each.cursor for each in due if each.cursor < newest}
        pages = {cursor: await self._page(cursor) for cursor in sorted(cursors)}
        moved = [False]
        turns = anyio.CapacityLimiter(AT_ONCE)

        async def serve(each: _Due) -> None:
            async with turns:
                try:
                    if await self._serve(each, pages[each.cursor], newest):
                        moved[0] = True
                except StratumError as error:  # of the database: the others may have more luck
                    self._back_off(each.connection, type(error).__name__)

        async with anyio.create_task_group() as group:
            for each in due:
                if each.cursor in pages:
                    group.start_soon(serve, each)
        return newest, moved[0]

    def _due(self, reading: Reading) -> list[_Due]:
        cursors = {row.connection: row.sequence for row in reading.find(Cursor)}
        plans: dict[str, Plan | None] = {}
        found = []
        for connection in reading.find(Connection, status="active"):
            if connection.account not in plans:
                plans[connection.account] = self._plan(reading, connection.account)
            found.append(_Due(connection, cursors.get(connection.id, 0), plans[connection.account]))
        return found

    def _plan(self, reading: Reading, account: str) -> Plan | None:
        rights = rights_of(reading, account, self._parts.plans, self._parts.context.clock.now())
        if rights is None or rights.suspended or not rights.web.discord:
            return None
        return rights.web

    async def _page(self, cursor: int) -> Sequence[Entry]:
        return await self._archive.read(lambda history: history.feed(cursor, _PAGE))

    async def _serve(self, due: _Due, page: Sequence[Entry], newest: int) -> bool:
        """Send one message, or pass by what is not wanted. Returns whether the cursor moved."""
        if due.plan is None:
            return await self._move(due, newest)  # what was found meanwhile is not sent later either
        now = self._parts.context.clock.now()
        ready = list(
            takewhile(partial(_is_due, plan=due.plan, now=now), page)
        )  # one that waits holds up the later ones
        wanted = [entry for entry in ready if _wants(due.connection, entry.signal, now)]
        batch = wanted[:MOST]
        end = ready[-1].sequence if ready else due.cursor
        if len(wanted) > len(batch):
            end = batch[-1].sequence
        elif not page:
            end = newest  # numbers may be missing in the feed
        if batch and not await self._send(due, [entry.signal for entry in batch], due.plan):
            return False
        return await self._move(due, end)

    async def _move(self, due: _Due, sequence: int) -> bool:
        if sequence <= due.cursor:
            return False

        def work(writing: Writing) -> None:
            if writing.get(Connection, id=due.connection.id) is not None:
                writing.put(Cursor(connection=due.connection.id, sequence=sequence))

        await self._desk.write(work)
        return True

    async def _send(self, due: _Due, signals: Sequence[Signal], plan: Plan) -> bool:
        """Post a message. Returns whether the signals are done with, taken or never to be."""
        place = self._parts.sealer.open(due.connection.sealed, about(due.connection.id))
        if place is None:
            await self._end(due.connection, "unreadable")
            return False
        if time.monotonic() >= self._ours_until:
            return False
        try:
            answer = await self._discord.post(place, message(signals, plan))
            if answer.status == 400:
                answer = await self._discord.post(place, message(signals, plan, terse=True))
        except Unreachable as error:
            self._back_off(due.connection, str(error))
            return False
        return await self._judge(due.connection, answer)

    async def _judge(self, connection: Connection, answer: Answer) -> bool:
        now = time.monotonic()
        if answer.status in (401, 403, 429):
            self._invalid.append(now)
        if answer.is_global:
            self._rest_of_all = now + answer.retry_after
        self._rest[connection.id] = now + answer.retry_after
        if 200 <= answer.status < 300:
            self._failures.pop(connection.id, None)
            return True
        if answer.status in (401, 403, 404):
            await self._end(connection, "gone")
            return False
        if answer.status == 400:
            self._parts.context.log.error("Discord refuses a message", connection=connection.id)
            return True
        if answer.status != 429:
            self._back_off(connection, f"Discord answered {answer.status}")
        return False

    def _may(self, id: str) -> bool:
        """Say whether anything may be sent to a connection now."""
        now = time.monotonic()
        self._invalid = [at for at in self._invalid if at > now - _WINDOW]
        return len(self._invalid) < _MOST_INVALID and now >= max(self._rest_of_all, self._rest.get(id, 0.0))

    def _back_off(self, connection: Connection, why: str) -> None:
        failures = self._failures[connection.id] = self._failures.get(connection.id, 0) + 1
        wait = min(_LONGEST_BACKOFF, 2.0 ** min(failures - 1, 10))
        self._rest[connection.id] = time.monotonic() + wait
        self._parts.context.log.warning("a Discord channel gets nothing", connection=connection.id, error=why)

    async def _end(self, connection: Connection, status: str) -> None:
        """Send there no more, until it is connected anew."""
        act = Act(actor="system:discord", action="discord.end", target=connection.id, reason=status)

        def work(writing: Writing) -> None:
            known = writing.get(Connection, id=connection.id)
            if known is not None and known.sealed == connection.sealed:
                writing.put(msgspec.structs.replace(known, status=status))

        await self._desk.write(work, act)
        self._parts.context.log.warning("a Discord channel is given up", connection=connection.id, status=status)

    async def _is_ours(self) -> bool:
        """Hold or take the lease, and say whether this daemon has it."""
        asked_at = time.monotonic()
        if self._ours_until - asked_at > _LEASE / SECOND - _RENEW:
            return True

        def work(writing: Writing) -> bool:
            known = writing.get(Lease, name="discord")
            if known is not None and known.owner != self._owner and known.until > writing.at:
                return False
            writing.put(Lease(name="discord", owner=self._owner, until=writing.at + _LEASE))
            return True

        is_ours = await self._desk.write(work)
        self._ours_until = asked_at + _LEASE / SECOND if is_ours else 0.0
        return is_ours


def _is_due(entry: Entry, plan: Plan, now: Micros) -> bool:
    """Say whether the plan's delay is over. Without one, nothing waits: another daemon's clock may be ahead."""
    return not plan.delay or entry.signal.observed_at + plan.delay <= now


def _wants(connection: Connection, signal: Signal, now: Micros) -> bool:
    """Say whether a channel gets a signal, by its preferences; none that is worth nothing any more."""
    if signal.expires_at is not None and signal.expires_at <= now:
        return False
    types = connection.types.split()
    return signal.strength >= connection.min_strength and (not types or signal.type in types)
