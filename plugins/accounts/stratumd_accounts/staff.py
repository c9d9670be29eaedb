"""What staff does with accounts: the work behind the operations, whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from stratumd.plugin import SECOND, Micros, iso
from stratumd.plugin.desk import Act, Reading, Writing
from stratumd.plugin.partners import API
from stratumd.plugin.routes import Refused
from stratumd_accounts import texts, tokens
from stratumd_accounts.discord import disconnect
from stratumd_accounts.keys import KeyDesk
from stratumd_accounts.mail import one_time_token
from stratumd_accounts.own import account_view
from stratumd_accounts.parts import Parts
from stratumd_accounts.rights import grant, rise
from stratumd_accounts.rows import (
    ACTIVE,
    INVITE,
    ROLES,
    SUSPENDED,
    Account,
    ApiKey,
    Connection,
    Entitlement,
    Session,
)
from stratumd_accounts.sessions import account_by_email, end_sessions
from stratumd_accounts.signup import SignUpEndpoints, new_account
from stratumd_accounts.views import key_view, moment

Shown = dict[str, Any]


class Staff:
    """Accounts as staff sees them. `account` is an id or an address; `Refused` (404) where there is none."""

    def __init__(self, parts: Parts, sign_up: SignUpEndpoints, keys: KeyDesk) -> None:
        self.keys = keys
        self._parts = parts
        self._desk = parts.context.desk
        self._sign_up = sign_up

    async def id_of(self, account: str) -> str:
        """Return an account's id."""
        return (await self._desk.read(lambda reading: find(reading, account))).id

    async def named(self, act: Act, account: str) -> Act:
        """Return an act whose target is the account's id, however it was typed: the audit has one name for it."""
        return msgspec.structs.replace(act, target=await self.id_of(account))

    async def create(self, act: Act, email: str, role: str = "") -> Shown:
        """Make an account, and send the way to its first password; where no letters reach people, show it once.

        With a `role` its owner is a member of staff, and an account that is there already gets the role instead.
        """
        _check_role(role)
        address, id = texts.address(email), tokens.new_id()

        def work(writing: Writing) -> str:
            known = account_by_email(writing, address)
            if known is None:
                writing.put(msgspec.structs.replace(new_account(id, address, "", writing.at), role=role))
                return id
            if not role:
                raise Refused(409, "There is an account with this address already.")
            _give_role(writing, known, role)
            return known.id

        there = await self._desk.write(work, act)
        if there != id:
            self._parts.memory.forget()
            return await self.show(there)
        return await self.show(id) | await self._send_reset(await self._desk.read(lambda reading: find(reading, id)))

    async def listed(
        self, limit: int, *, status: str | None, role: str | None, api: bool | None, after: str | None
    ) -> list[Shown]:
        """Return accounts, the newest first: those with a plan of the API, or without; those after one of them."""
        where: dict[str, Any] = {
            name: value for name, value in (("status", status), ("role", role)) if value is not None
        }

        def work(reading: Reading) -> list[Shown]:
            shown: list[Shown] = []
            last = None if after is None else find(reading, after)
            while len(shown) < limit and (found := older(reading, last, limit, where)):
                rows = [self._row(reading, each) for each in found]
                shown += [row for row in rows if api is None or bool(row["api"]) == api]
                last = found[-1]
            return shown[:limit]

        return await self._desk.read(work)

    def plans(self) -> list[Shown]:
        """Return the plans of the file with their limits."""
        return [
            {
                "name": plan.name,
                "kind": plan.kind,
                "title": plan.title,
                "delay_seconds": plan.delay // SECOND,
                "hidden": sorted(plan.hidden),
                "scopes": sorted(plan.scopes),
                "per_minute": plan.per_minute,
                "included": plan.included,
                "overage": plan.overage,
                "watchlist": plan.watchlist,
                "discord": plan.discord,
            }
            for plan in self._parts.plans.values()
        ]

    async def show(self, account: str) -> Shown:
        """Return an account with all that belongs to it, but no secret."""
        at = self._parts.context.clock.now()

        def work(reading: Reading) -> Shown:
            known = find(reading, account)
            keys = [key_view(key, at, None) for key in reading.find(ApiKey, account=known.id)]
            return self._row(reading, known) | {
                "entitlements": [_entitlement(row) for row in reading.find(Entitlement, account=known.id)],
                "sessions": reading.count(Session, account=known.id),
                "keys": [f"{key.id} {key.status}" for key in keys],
                "discord": [f"{each.id} {each.status}" for each in reading.find(Connection, account=known.id)],
            }

        return await self._desk.read(work)

    def _row(self, reading: Reading, account: Account) -> Shown:
        view = account_view(self._parts, reading, account.id)
        return {
            "id": account.id,
            "email": account.email,
            "status": account.status,
            "role": account.role,
            "web": view.web.plan if view is not None else "",
            "api": view.api.plan if view is not None and view.api is not None else "",
            "second_factor": view is not None and view.second_factor,
            "created_at": iso(account.created_at),
        }

    async def set_status(self, act: Act, account: str, *, suspended: bool) -> Shown:
        """Suspend an account, or restore it. A suspended one is logged out, and its keys are refused."""

        def work(writing: Writing) -> None:
            known = find(writing, account)
            status = SUSPENDED if suspended else ACTIVE
            if known.status == status:
                return
            writing.put(msgspec.structs.replace(known, status=status))
            if suspended:
                end_sessions(writing, known.id)
            rise(writing)

        return await self._changed(act, account, work)

    async def set_role(self, act: Act, account: str, role: str) -> Shown:
        """Make somebody a member of staff, or none; they log in anew."""
        _check_role(role)
        return await self._changed(act, account, lambda writing: _give_role(writing, find(writing, account), role))

    async def set_plan(self, act: Act, account: str, kind: str, plan: str | None, until: Micros | None) -> Shown:
        """Give an account a plan of the web or of the API, or take it away."""
        known = self._parts.plans.get(plan) if plan is not None else None
        if plan is not None and (known is None or known.kind != kind):
            there = ", ".join(sorted(name for name, each in self._parts.plans.items() if each.kind == kind))
            raise Refused(422, f"There is no plan {plan!r} of the {'API' if kind == API else 'web'}: expected {there}.")
        if until is not None and until <= self._parts.context.clock.now():
            raise Refused(422, "The plan would be over already: give a later end.")

        def work(writing: Writing) -> None:
            grant(writing, find(writing, account).id, kind, plan, until=until, source="staff")

        return await self._changed(act, account, work)

    async def reset_password(self, act: Act, account: str) -> Shown:
        """Send the way to a new password; where no letters reach people, show it once."""
        known = await self._desk.read(lambda reading: find(reading, account))
        return {"id": known.id, "email": known.email} | await self._send_reset(known, await self.named(act, known.id))

    async def _send_reset(self, account: Account, act: Act | None = None) -> Shown:
        token = await self._sign_up.new_reset(account, act)
        if self._parts.mail.reaches_people:
            await self._parts.mail.reset(account.email, token)
            return {"sent": True}
        return {"sent": False, "link": self._parts.mail.link("reset", token)}

    async def invite(self, act: Act, email: str | None, length: Micros) -> Shown:
        """Invite somebody to sign up; without an address, whoever has the invitation."""
        address = texts.address(email) if email is not None else ""
        until = self._parts.context.clock.now() + length
        token, row = one_time_token(INVITE, expires_at=until, email=address)
        await self._desk.write(lambda writing: writing.put(row), act)
        shown = {"email": address, "expires_at": iso(until)}
        if address and self._parts.mail.reaches_people:
            await self._parts.mail.invitation(address, token)
            return shown | {"sent": True}
        return shown | {"sent": False, "link": self._parts.mail.link("sign-up", token)}

    async def log_out(self, act: Act, account: str) -> Shown:
        """End all sessions of an account."""
        return await self._changed(act, account, lambda writing: end_sessions(writing, find(writing, account).id))

    async def remove_second_factor(self, act: Act, account: str) -> Shown:
        """Turn off the second factor of somebody who lost phone and codes."""

        def work(writing: Writing) -> None:
            id = find(writing, account).id
            self._parts.second.remove(writing, id)
            end_sessions(writing, id)

        return await self._changed(act, account, work)

    async def disconnect(self, act: Act, account: str) -> Shown:
        """Disconnect all Discord channels of an account."""

        def work(writing: Writing) -> None:
            for each in writing.find(Connection, account=find(writing, account).id):
                disconnect(writing, each.id)

        return await self._changed(act, account, work)

    async def _changed(self, act: Act, account: str, work: Callable[[Writing], object]) -> Shown:
        await self._desk.write(work, await self.named(act, account))
        self._parts.memory.forget()
        return await self.show(account)


def _check_role(role: str) -> None:
    if role not in ("", *ROLES):
        raise Refused(422, f"There is no role {role!r}: expected one of {', '.join(ROLES)}, or none.")


def _give_role(writing: Writing, account: Account, role: str) -> None:
    if account.role != role:
        writing.put(msgspec.structs.replace(account, role=role))
        end_sessions(writing, account.id)
        rise(writing)


def older(reading: Reading, last: Account | None, limit: int, where: Mapping[str, Any]) -> list[Account]:
    """Return the accounts that were made before one of them, the newest first; all where it is None."""
    order = ("created_at", "id")
    if last is None:
        return reading.find(Account, order=order, newest=True, limit=limit, **where)
    same = reading.count(Account, created_at=last.created_at, **where)
    until = ("created_at", last.created_at + 1)
    found = reading.find(Account, until=until, order=order, newest=True, limit=limit + same, **where)
    return [row for row in found if (row.created_at, row.id) < (last.created_at, last.id)][:limit]


def find(reading: Reading, account: str) -> Account:
    """Return the account with this id or this address."""
    known = reading.get(Account, id=account)
    if known is None and "@" in account:
        known = account_by_email(reading, texts.address(account))
    if known is None:
        raise Refused(404, "There is no such account: give its id or its address.")
    return known


def _entitlement(row: Entitlement) -> Mapping[str, Any]:
    return {"kind": row.kind, "plan": row.plan, "until": moment(row.until), "source": row.source}
