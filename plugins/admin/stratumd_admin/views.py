"""What staff reads: every view is an operation of the plugin that keeps the rows, so none is read behind its back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stratumd.plugin.routes import Access, Answer, Call, Endpoint, Refused
from stratumd_admin.running import Asked, Runner
from stratumd_admin.shapes import Items, Limit, Word
from stratumd_admin.staff import SCHEME

TAG = "Administration"
PREFIX = "/api/v1/admin"
_PARTS = {"account": "The account's id; `users` takes its address, too.", "key": "The key's id."}


class UsersQuery(msgspec.Struct, kw_only=True):
    """Which accounts."""

    status: Word | None = None
    """Of this status."""
    role: Word | None = None
    """Of this role; empty for those that are no staff."""
    limit: Limit = 100
    cursor: Word | None = None
    """`next` of the page before."""


class PartnersQuery(msgspec.Struct, kw_only=True):
    """Which partners."""

    status: Word | None = None
    """Of this status."""
    limit: Limit = 100
    cursor: Word | None = None
    """`next` of the page before."""


class KeysQuery(msgspec.Struct, kw_only=True):
    """Whose keys."""

    account: Word | None = None
    """Of this account, by id or address."""
    limit: Limit = 100
    cursor: Word | None = None
    """`next` of the page before."""


class BillingQuery(msgspec.Struct, kw_only=True):
    """Whose subscriptions."""

    account: Word | None = None
    """Of this account, by its id."""


class UsageQuery(msgspec.Struct, kw_only=True):
    """Whose usage, and when."""

    account: Word | None = None
    """Of this account, by its id."""
    month: Word | None = None
    """Of this month (UTC), such as 2026-07; the present one without it."""
    limit: Limit = 100


class KeyUsageQuery(msgspec.Struct, kw_only=True):
    """The usage of whose keys, and when."""

    account: Word
    """Of this account, by its id."""
    month: Word | None = None
    """Of this month (UTC), such as 2026-07; the present one without it."""
    limit: Limit = 100


class View(NamedTuple):
    """A page of what another plugin's operation shows."""

    path: str
    name: str
    summary: str
    permission: str
    command: tuple[str, str]
    query: type[msgspec.Struct] | None = None
    fixed: Mapping[str, Any] = {}
    """Arguments that make the view what it is."""


VIEWS: Sequence[View] = (
    View("users", "admin_list_users", "Accounts", "accounts:read", ("accounts", "list"), UsersQuery),
    View("users/{account}", "admin_get_user", "An account", "accounts:read", ("accounts", "show")),
    View(
        "partners", "admin_list_partners", "Accounts with a plan of the API", "accounts:read", ("accounts", "list"),
        PartnersQuery, {"api": True},
    ),
    View("keys", "admin_list_keys", "Keys, but not themselves", "keys:read", ("keys", "list"), KeysQuery),
    View("keys/{key}", "admin_get_key", "A key, but not itself", "keys:read", ("keys", "show")),
    View("plans", "admin_list_plans", "Plans with their limits", "plans:read", ("plans", "list")),
    View(
        "billing", "admin_list_billing", "What accounts have bought", "billing:read", ("billing", "status"),
        BillingQuery,
    ),
    View("billing/{account}", "admin_get_billing", "What an account has bought", "billing:read", ("billing", "status")),
    View("usage", "admin_list_usage", "Usage and overage by account", "usage:read", ("usage", "accounts"), UsageQuery),
    View(
        "usage/keys", "admin_list_key_usage", "Usage and overage by key", "usage:read", ("usage", "keys"),
        KeyUsageQuery,
    ),
)  # fmt: skip


class Views:
    """Answers them."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            Endpoint(
                method="GET",
                path=f"{PREFIX}/{view.path}",
                call=self._answering(view),
                parts=_PARTS,
                name=view.name,
                summary=view.summary,
                tag=TAG,
                access=Access((SCHEME,), view.permission),
                query=view.query,
                answers={200: Items},
            )
            for view in VIEWS
        ]

    def _answering(self, view: View) -> Callable[[Call], Awaitable[Answer]]:
        async def answer(call: Call) -> Answer:
            operation = self._runner.named(view.command)
            if operation is None or operation.writes:
                detail = f"No routes here offer `{' '.join(view.command)}`: add those that do under `http: routes:`."
                raise Refused(404, detail)
            given = msgspec.structs.asdict(call.query) if call.query is not None else {}
            cursor, limit = given.pop("cursor", None), given.get("limit")
            arguments = {name: value for name, value in given.items() if value is not None}
            arguments |= dict(call.params) | dict(view.fixed) | ({"after": cursor} if cursor else {})
            rows = await self._runner.read(call, Asked(operation.name, arguments))
            is_full = "after" in operation.config.model_fields and len(rows) == limit
            return Answer(body=Items(items=rows, next=rows[-1]["id"] if is_full else None))

        return answer
