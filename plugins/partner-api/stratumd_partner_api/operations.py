"""The command lines `stratumd usage …`: what accounts and their keys used, and what of it is more than is included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field

from stratumd.plugin import Micros, PluginConfig, micros
from stratumd.plugin.desk import Act, Reading
from stratumd.plugin.operations import Operation
from stratumd.plugin.partners import Accounts, Rights
from stratumd.plugin.routes import Refused
from stratumd_partner_api.rows import AccountMonth, KeyHour
from stratumd_partner_api.usage import month_of

Rows = Iterable[Mapping[str, Any]]
_MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"


class UsageOperation(Operation):
    """Base of what tells of usage."""

    permission: ClassVar[str] = "usage:read"
    writes: ClassVar[bool] = False

    @property
    def accounts(self) -> Accounts:
        """Who knows plans."""
        return self.context.service(Accounts)  # type: ignore[type-abstract]  # asked for by its protocol

    @property
    def month(self) -> str:
        """The month that is asked for; the present one where none is named."""
        return self.options.month or month_of(self.context.clock.now())


class Whose(PluginConfig):
    """Whose usage, and when."""

    account: str | None = None
    """The account's id; all where none is named."""
    month: str | None = Field(default=None, pattern=_MONTH)
    """A calendar month (UTC), such as 2026-07; the present one where none is named."""
    limit: int = Field(default=100, ge=1, le=1_000)
    """How many at most, those that used most first."""


class ByAccount(UsageOperation):
    """Show what accounts used in a month, and what of it is more than their plan includes."""

    name = "partner-api.usage.accounts"
    command = ("usage", "accounts")
    config = Whose
    options: Whose

    async def run(self, act: Act) -> Rows:
        """Show a row for each account."""
        return await self.context.desk.read(self._rows)

    def _rows(self, reading: Reading) -> Rows:
        mine: dict[str, Any] = {} if self.options.account is None else {"account": self.options.account}
        order = ("requests", "account")
        found = reading.find(AccountMonth, order=order, newest=True, limit=self.options.limit, month=self.month, **mine)
        return [
            {"account": row.account, "month": row.month}
            | _used(row.requests, self.accounts.rights(reading, row.account))
            for row in found
        ]


class OfAccount(PluginConfig):
    """Whose keys, and when."""

    account: str
    """The account's id."""
    month: str | None = Field(default=None, pattern=_MONTH)
    """A calendar month (UTC), such as 2026-07; the present one where none is named."""
    limit: int = Field(default=100, ge=1, le=1_000)
    """How many at most, those that used most first."""


class ByKey(UsageOperation):
    """Show what the keys of an account used in a month, and the share of each in what is more than is included."""

    name = "partner-api.usage.keys"
    command = ("usage", "keys")
    config = OfAccount
    options: OfAccount

    async def run(self, act: Act) -> Rows:
        """Show a row for each key."""
        return await self.context.desk.read(self._rows)

    def _rows(self, reading: Reading) -> Rows:
        rights = self.accounts.rights(reading, self.options.account)
        if rights is None:
            raise Refused(404, "There is no such account: give its id.")
        begin, end = _bounds(self.month)
        keys: dict[str, int] = {}
        for row in reading.find(KeyHour, since=("hour", begin), until=("hour", end), account=rights.account):
            keys[row.credential] = keys.get(row.credential, 0) + row.requests
        used = sum(keys.values())
        overage = _used(used, rights)["overage"]
        ordered = sorted(keys.items(), key=lambda each: (-each[1], each[0]))[: self.options.limit]
        return [
            {
                "account": rights.account,
                "key": key,
                "month": self.month,
                "requests": requests,
                "overage": round(overage * requests / used),
            }
            for key, requests in ordered
        ]


def _used(requests: int, rights: Rights | None) -> dict[str, Any]:
    """Return what was used beside what the present plan of the API includes."""
    plan = rights.api if rights is not None else None
    included = plan.included if plan is not None else None
    return {
        "plan": plan.name if plan is not None else None,
        "requests": requests,
        "included": included,
        "overage": 0 if included is None else max(0, requests - included),
        "overage_billed": plan is not None and plan.overage,
    }


def _bounds(month: str) -> tuple[Micros, Micros]:
    year, number = int(month[:4]), int(month[5:])
    following = (year + number // 12, number % 12 + 1)
    begin, end = (micros(datetime(*each, 1, tzinfo=UTC)) for each in ((year, number), following))
    return begin, end


OPERATIONS: list[type[Operation]] = [ByAccount, ByKey]
