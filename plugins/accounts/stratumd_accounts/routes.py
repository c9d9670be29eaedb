"""The component `accounts`: what it answers, what it lends to others, and what it does beside requests."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

import anyio
import msgspec

from stratumd.errors import StratumError
from stratumd.plugin import HOUR, SECOND, Micros, Row
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.partners import Accounts, Plan, Rights, Sessions
from stratumd.plugin.routes import Call, Endpoint, Identity, Routes, RoutesContext, Scheme
from stratumd_accounts import rights
from stratumd_accounts.discord import DiscordEndpoints
from stratumd_accounts.discord_api import Discord
from stratumd_accounts.discord_delivery import DiscordDelivery
from stratumd_accounts.keys import KeyDesk, KeyEndpoints
from stratumd_accounts.options import Options
from stratumd_accounts.own import OwnEndpoints
from stratumd_accounts.parts import build
from stratumd_accounts.rows import Account, ApiKey, OAuthState, OneTime, Session, Tries, Use
from stratumd_accounts.sessions import SessionEndpoints, account_by_email
from stratumd_accounts.signup import SignUpEndpoints
from stratumd_accounts.staff import Staff
from stratumd_accounts.texts import folded
from stratumd_accounts.views import key_status
from stratumd_accounts.watchlist import WatchlistEndpoints

LOOK = 0.25
"""Seconds from one look at the version of all rights to the next."""
WRITE_USES = 10.0
"""Seconds from one writing of when credentials were used to the next."""
_SWEEP = HOUR / SECOND  # seconds
_AGAIN = 5.0  # seconds until Discord is served again after an outage
_KEPT: Micros = HOUR  # what expired is kept so much longer
_AT_ONCE = 500
_PARTS = {
    "connection": "The channel's id, as `GET /api/v1/account/discord/connections` shows it.",
    "key": "The key's id, as `GET /api/v1/account/keys` shows it.",
    "session": "The session's id, as `GET /api/v1/account/sessions` shows it.",
    "event": "The event's id.",
}


class AccountsRoutes(Routes):
    """Accounts, sessions, keys, plans, watchlists and Discord channels."""

    name, config = "accounts", Options
    provides: ClassVar[tuple[type[Any], ...]] = (Accounts, Sessions, Staff)
    options: Options

    def __init__(self, options: Options, context: RoutesContext) -> None:
        super().__init__(options, context)
        self._parts = build(options, context)
        self._discord = Discord(options.discord)
        self._delivery = DiscordDelivery(self._parts, self._discord)
        self._sign_up = SignUpEndpoints(self._parts)
        self._keys = KeyDesk(self._parts)
        self._staff = Staff(self._parts, self._sign_up, self._keys)

    # ---- what other plugins ask

    @property
    def plans(self) -> Mapping[str, Plan]:
        """The plans of the file by name."""
        return self._parts.plans

    def provide(self, kind: type[Any]) -> Any:
        """Return itself as `Accounts`, and what the operations work with."""
        return self._staff if kind is Staff else self

    def rights(self, reading: Reading, account: str) -> Rights | None:
        """Return what an account may do."""
        return rights.rights_of(reading, account, self.plans, self.context.clock.now())

    def standing(self, reading: Reading, credentials: Collection[str]) -> Mapping[str, Rights]:
        """Return the rights by credential of those keys and sessions that are good at present."""
        at, found = self.context.clock.now(), {}
        for id in credentials:
            key, session = reading.get(ApiKey, id=id), reading.get(Session, id=id)
            if key is not None and key_status(key, at) == "active":
                allowed = self.rights(reading, key.account)
                if allowed is not None and not allowed.suspended and allowed.api is not None:
                    found[id] = allowed
            elif session is not None and session.expires_at > at:
                allowed = self.rights(reading, session.account)
                if allowed is not None and not allowed.suspended:
                    found[id] = allowed
        return found

    def grant(
        self, writing: Writing, account: str, kind: str, plan: str | None, *, until: Micros | None, source: str
    ) -> None:
        """Set an entitlement in the caller's transaction."""
        rights.grant(writing, account, kind, plan, until=until, source=source)

    def account_of(self, reading: Reading, email: str) -> str | None:
        """Return the id of the account with this address."""
        found = account_by_email(reading, folded(email))
        return found.id if found is not None else None

    def email_of(self, reading: Reading, account: str) -> str | None:
        """Return an account's address."""
        found = reading.get(Account, id=account)
        return found.email if found is not None else None

    async def by_session(self, call: Call) -> Identity | None:
        """Return who is logged in."""
        return await self._parts.credentials.by_session(call)

    def role_of(self, reading: Reading, account: str) -> str:
        """Return the role of an account, by its id or its address."""
        known = reading.get(Account, id=account) or account_by_email(reading, folded(account))
        return known.role if known is not None else ""

    def changed(self) -> None:
        """Forget what is remembered of rights."""
        self._parts.memory.forget()

    # ---- what it answers

    def endpoints(self) -> Sequence[Endpoint]:
        """Return all endpoints."""
        sessions = SessionEndpoints(self._parts)
        groups = (
            self._sign_up,
            sessions,
            OwnEndpoints(self._parts, sessions),
            KeyEndpoints(self._keys),
            WatchlistEndpoints(self._parts),
            DiscordEndpoints(self._parts, self._discord),
        )
        return [msgspec.structs.replace(each, parts=_PARTS) for group in groups for each in group.endpoints()]

    def schemes(self) -> Mapping[str, Scheme]:
        """Return `key` and `session`."""
        return self._parts.credentials.schemes()

    # ---- beside requests

    async def open(self) -> None:
        """Learn the version of all rights, so that credentials can be remembered from the first request on."""
        await self._look()

    async def run(self) -> None:
        """Watch the version, write uses, work off letters, deliver to Discord and sweep, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep, self._look, LOOK)
            group.start_soon(self._keep, self._write_uses, WRITE_USES)
            group.start_soon(self._keep, self._sweep, _SWEEP)
            group.start_soon(self._keep, self._delivery.run, _AGAIN)
            group.start_soon(self._sign_up.work_off)

    async def _keep(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        """Do something again and again, through an outage of the database too: no other work ends by it."""
        while True:
            try:
                await work()
            except StratumError as error:
                self.context.log.warning("to be tried again", work=work.__name__, error=type(error).__name__)
            await anyio.sleep(pause)

    async def close(self) -> None:
        """Write what is left, and let go of Discord."""
        try:
            await self._write_uses()
            await self._delivery.release()
        finally:
            await self._discord.close()

    async def _look(self) -> None:
        asked_at = time.monotonic()
        version = await self.context.desk.read(rights.version)
        self._parts.memory.confirm(version, asked_at)

    async def _write_uses(self) -> None:
        used = self._parts.credentials.used
        found = dict(used)
        if not found:
            return
        # Of what has ended nothing is written: nobody would delete it.
        good = await self.context.desk.read(lambda reading: [id for id in found if _is_there(reading, id)])
        await self.context.desk.write(lambda writing: writing.put(*[Use(credential=id, at=found[id]) for id in good]))
        for id, at in found.items():
            if used.get(id) == at:
                del used[id]

    async def _sweep(self) -> None:
        """Delete what expired some time ago."""
        until = ("expires_at", self.context.clock.now() - _KEPT)
        kinds: tuple[type[Row], ...] = (Session, OneTime, OAuthState, Tries)
        for kind in kinds:
            while await self.context.desk.write(lambda writing, kind=kind: _drop(writing, kind, until)):  # type: ignore[misc]  # mypy knows no lambda with a default
                pass


def _is_there(reading: Reading, credential: str) -> bool:
    return reading.get(ApiKey, id=credential) is not None or reading.get(Session, id=credential) is not None


def _drop(writing: Writing, kind: type[Row], until: tuple[str, Micros]) -> bool:
    """Delete some old rows. Returns whether there may be more."""
    old = writing.find(kind, until=until, order=("expires_at",), limit=_AT_ONCE)
    for row in old:
        writing.drop(kind, **{name: getattr(row, name) for name in row.key})
        if isinstance(row, Session):
            writing.drop(Use, credential=row.id)
    return len(old) == _AT_ONCE
