"""A plugin that lets in whoever shows a name that a test wrote down: for what stands behind accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from stratumd import hookimpl
from stratumd.plugin import MINUTE, Micros
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.partners import Accounts, Caller, Plan, Rights
from stratumd.plugin.routes import Call, Endpoint, Identity, Refused, Routes, RoutesContext, Scheme

SCOPES = frozenset({"intel:read", "stream:read", "export:read", "webhooks:write"})
FREE = Plan(
    name="free",
    kind="web",
    title="Free",
    delay=10 * MINUTE,
    hidden=frozenset({"velocity", "components", "books"}),
    scopes=SCOPES,
    per_minute=1_000_000,
)
PRO = Plan(name="pro", kind="web", title="Pro", scopes=SCOPES, per_minute=1_000_000)
API = Plan(
    name="api_monthly",
    kind="api",
    title="API",
    scopes=SCOPES,
    per_minute=1_000_000,
    included=1_000,
    overage=True,
)


class Doorman(Routes):
    """Keys are `key_NAME`, sessions `session_NAME`; the account has the same name."""

    name = "doorman"
    provides: ClassVar[tuple[type[Any], ...]] = (Accounts,)

    def __init__(self, options: Any, context: RoutesContext) -> None:
        super().__init__(options, context)
        self.plans: Mapping[str, Plan] = {plan.name: plan for plan in (FREE, PRO, API)}
        self.keys: dict[str, Plan] = {"key_ann": API, "key_bob": API, "key_free": FREE}
        self.sessions: dict[str, Plan] = {"session_ann": PRO, "session_cheap": FREE}

    def endpoints(self) -> Sequence[Endpoint]:
        return []

    def schemes(self) -> Mapping[str, Scheme]:
        bearer = {"type": "http", "scheme": "bearer"}
        return {
            "key": Scheme(authenticate=self.by_key, openapi=bearer),
            "session": Scheme(authenticate=self.by_session, openapi=bearer),
        }

    async def by_key(self, call: Call) -> Identity | None:
        return self._known(call, "key", self.keys)

    async def by_session(self, call: Call) -> Identity | None:
        return self._known(call, "session", self.sessions)

    def _known(self, call: Call, scheme: str, plans: Mapping[str, Plan]) -> Identity | None:
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if not token.startswith(f"{scheme}_"):
            return None
        plan = plans.get(token)
        if plan is None:
            raise Refused(401, "unknown", headers={"www-authenticate": "Bearer"})
        account = token.removeprefix(f"{scheme}_")
        caller = Caller(rights=self._rights(account), plan=plan)
        return Identity(scheme=scheme, account=account, credential=token, scopes=plan.scopes, details=caller)

    def _rights(self, account: str) -> Rights:
        return Rights(
            account=account,
            suspended=False,
            web=self.sessions.get(f"session_{account}", FREE),
            api=self.keys.get(f"key_{account}"),
        )

    def rights(self, reading: Reading, account: str) -> Rights | None:
        return self._rights(account)

    def standing(self, reading: Reading, credentials: Collection[str]) -> Mapping[str, Rights]:
        good = [each for each in credentials if each in self.keys or each in self.sessions]
        return {each: self._rights(each.partition("_")[2]) for each in good}

    def grant(
        self, writing: Writing, account: str, kind: str, plan: str | None, *, until: Micros | None, source: str
    ) -> None:
        raise NotImplementedError

    def account_of(self, reading: Reading, email: str) -> str | None:
        return None

    def email_of(self, reading: Reading, account: str) -> str | None:
        return f"{account}@example.org"

    def changed(self) -> None:
        return


@hookimpl
def register_routes() -> list[type[Routes]]:
    return [Doorman]
