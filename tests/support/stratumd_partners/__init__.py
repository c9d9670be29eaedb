"""A stand-in for accounts and the partner API: what the billing plugin asks of them, in tables of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from stratumd import hookimpl
from stratumd.plugin import Micros, Row
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.partners import Accounts, Plan, Rights, Usage, UsageHour
from stratumd.plugin.routes import Call, Endpoint, Identity, Routes, Scheme

PLANS = {
    plan.name: plan
    for plan in (
        Plan(name="free", kind="web", title="Free"),
        Plan(name="pro", kind="web", title="Pro"),
        Plan(name="api_monthly", kind="api", title="API, monthly", included=1_000, overage=True),
        Plan(name="api_annual", kind="api", title="API, annual", included=2_000, overage=True),
    )
}


class Known(Row, frozen=True):
    """An account."""

    table: ClassVar[str] = "partners_accounts"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    email: str


class Right(Row, frozen=True):
    """What was granted, and how often anything was."""

    table: ClassVar[str] = "partners_rights"
    key: ClassVar[tuple[str, ...]] = ("account", "kind")
    account: str
    kind: str
    plan: str | None
    until: int | None
    grants: int


class Hour(Row, frozen=True):
    """What an account used."""

    table: ClassVar[str] = "partners_usage"
    key: ClassVar[tuple[str, ...]] = ("account", "hour")
    account: str
    hour: int
    requests: int


class Partners(Routes):
    """Accounts by id as bearer, and usage as a test writes it."""

    name = "partners"
    provides: ClassVar[tuple[type[Any], ...]] = (Accounts, Usage)
    plans: Mapping[str, Plan] = PLANS

    def endpoints(self) -> Sequence[Endpoint]:
        return []

    def schemes(self) -> Mapping[str, Scheme]:
        return {"session": Scheme(authenticate=self._who, openapi={"type": "http", "scheme": "bearer"})}

    async def _who(self, call: Call) -> Identity | None:
        shown = call.headers.get("authorization", "").removeprefix("Bearer ")
        return Identity(scheme="session", account=shown, credential="s") if shown else None

    # ---- accounts

    def rights(self, reading: Reading, account: str) -> Rights | None:
        if reading.get(Known, id=account) is None:
            return None
        found = {row.kind: row.plan for row in reading.find(Right, account=account)}
        web, api = PLANS[found.get("web") or "free"], PLANS.get(found.get("api") or "")
        return Rights(account=account, suspended=False, web=web, api=api)

    def grant(
        self, writing: Writing, account: str, kind: str, plan: str | None, *, until: Micros | None, source: str
    ) -> None:
        assert source == "stripe"
        known = writing.get(Right, account=account, kind=kind)
        grants = known.grants + 1 if known is not None else 1
        writing.put(Right(account=account, kind=kind, plan=plan, until=until, grants=grants))

    def account_of(self, reading: Reading, email: str) -> str | None:
        found = reading.find(Known, email=email)
        return found[0].id if found else None

    def email_of(self, reading: Reading, account: str) -> str | None:
        known = reading.get(Known, id=account)
        return known.email if known is not None else None

    def changed(self) -> None:
        pass

    # ---- usage

    def hours(self, reading: Reading, *, since: Micros, until: Micros, account: str | None = None) -> list[UsageHour]:
        equal = {} if account is None else {"account": account}
        rows = reading.find(Hour, since=("hour", since), until=("hour", until), order=("hour", "account"), **equal)
        return [UsageHour(row.account, row.hour, row.requests) for row in rows]


# As if it were installed: the migrations of a plugin are looked for in its top package.
Partners.__module__ = "stratumd_partners"
sys.modules["stratumd_partners"] = sys.modules[__name__]


@hookimpl
def register_routes() -> list[type[Routes]]:
    return [Partners]
