"""The command lines `stratumd accounts …`: what staff does with accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from stratumd.plugin import Micros, PluginConfig, iso, micros, parse_iso
from stratumd.plugin.desk import Act
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Refused
from stratumd_accounts.staff import Staff

Rows = Iterable[Mapping[str, Any]]
READ, WRITE, ROLES = "accounts:read", "accounts:write", "roles:write"
CONSOLE = "console:"
"""What an actor begins with who works on the command line."""
COLUMNS = {
    "id": "ID", "email": "EMAIL", "status": "STATUS", "role": "ROLE", "web": "WEB", "api": "API",
    "created_at": "CREATED",
}  # fmt: skip


class OneAccount(PluginConfig):
    """Which account."""

    account: str
    """The account's id or its address."""


class AccountOperation(Operation):
    """Base of what is done with one account."""

    permission: ClassVar[str] = WRITE
    columns: ClassVar[Mapping[str, str]] = COLUMNS
    config: ClassVar[type[PluginConfig]] = OneAccount

    @property
    def staff(self) -> Staff:
        """Where the work is done."""
        return self.context.service(Staff)

    @property
    def target(self) -> str:
        """The account, as it was named."""
        return str(self.options.account)


class NewAccount(PluginConfig):
    """A new account."""

    email: str
    """Its mail address."""
    role: str = ""
    """At the console alone: makes its owner a member of staff, as `set-role` does. Then an account that is there is no
    mistake, so that the command may be run again."""


class Create(AccountOperation):
    """Make an account, and send the way to its first password, or show it where no letters reach people."""

    name = "accounts.create"
    command = ("accounts", "create")
    once = ("link",)
    columns: ClassVar[Mapping[str, str]] = {}
    config = NewAccount
    options: NewAccount

    @property
    def target(self) -> str:
        """The address."""
        return self.options.email

    async def run(self, act: Act) -> Rows:
        """Make it. Who may make accounts over HTTP may not give roles, so this is no way to one."""
        if self.options.role and not act.actor.startswith(CONSOLE):
            raise Refused(403, "A role is given by the operation accounts.set-role.")
        return [await self.staff.create(act, self.options.email, self.options.role)]


class Which(PluginConfig):
    """Which accounts."""

    status: Literal["active", "suspended"] | None = None
    """Only those of this status."""
    role: str | None = None
    """Only those of this role; empty for those that are no staff."""
    api: bool | None = None
    """Only those that have a plan of the API, or only those that have none."""
    after: str | None = None
    """Only those after this one, by id or address: for the next page."""
    limit: int = Field(default=100, ge=1, le=1_000)
    """How many at most, the newest first."""


class List(AccountOperation):
    """List accounts."""

    name = "accounts.list"
    command = ("accounts", "list")
    permission = READ
    writes = False
    config = Which
    options: Which
    target = ""

    async def run(self, act: Act) -> Rows:
        """List them."""
        asked = self.options
        return await self.staff.listed(
            asked.limit, status=asked.status, role=asked.role, api=asked.api, after=asked.after
        )


class Show(AccountOperation):
    """Show an account with its entitlements, keys and connections."""

    name = "accounts.show"
    command = ("accounts", "show")
    permission = READ
    writes = False
    columns: ClassVar[Mapping[str, str]] = {}
    options: OneAccount

    async def run(self, act: Act) -> Rows:
        """Show it."""
        return [await self.staff.show(self.options.account)]


class Suspend(AccountOperation):
    """Suspend an account: its sessions end, and its keys are refused within a second."""

    name = "accounts.suspend"
    command = ("accounts", "suspend")
    sensitive = True

    async def run(self, act: Act) -> Rows:
        """Suspend it."""
        return [await self.staff.set_status(act, self.target, suspended=True)]


class Restore(AccountOperation):
    """Restore a suspended account: its keys work again."""

    name = "accounts.restore"
    command = ("accounts", "restore")

    async def run(self, act: Act) -> Rows:
        """Restore it."""
        return [await self.staff.set_status(act, self.target, suspended=False)]


class RoleOf(OneAccount):
    """Whose role."""

    role: str = ""
    """`super_admin`, `ops_admin`, `support_admin` or `billing_admin`; empty for none."""


class SetRole(AccountOperation):
    """Make somebody a member of staff, or none."""

    name = "accounts.set-role"
    command = ("accounts", "set-role")
    permission = ROLES
    sensitive = True
    config = RoleOf
    options: RoleOf

    async def run(self, act: Act) -> Rows:
        """Set it."""
        return [await self.staff.set_role(act, self.target, self.options.role)]


class PlanOf(OneAccount):
    """Whose plan."""

    kind: Literal["web", "api"]
    """Which entitlement."""
    plan: str | None = None
    """The plan's name; without one, the entitlement is taken away."""
    until: str | None = None
    """When it ends by itself, such as 2026-12-31T00:00:00Z."""


class SetPlan(AccountOperation):
    """Give an account a plan, or take it away."""

    name = "accounts.set-plan"
    command = ("accounts", "set-plan")
    permission = "plans:write"
    sensitive = True
    config = PlanOf
    options: PlanOf

    async def run(self, act: Act) -> Rows:
        """Set it."""
        until = None if self.options.until is None else _moment(self.options.until)
        return [await self.staff.set_plan(act, self.target, self.options.kind, self.options.plan, until)]


def _moment(text: str) -> Micros:
    """Return a time that can be shown again, too."""
    try:
        found = parse_iso(text)
        iso(found)
    except (ValueError, OverflowError):
        raise Refused(422, "`until` is a time with its zone, such as 2026-12-31T00:00:00Z.") from None
    return found


class ListPlans(AccountOperation):
    """List plans with their limits."""

    name = "accounts.plans.list"
    command = ("plans", "list")
    permission = "plans:read"
    writes = False
    config = PluginConfig
    target = ""
    columns: ClassVar[Mapping[str, str]] = {
        "name": "NAME", "kind": "KIND", "title": "TITLE", "per_minute": "A MINUTE", "included": "INCLUDED",
        "overage": "OVERAGE", "delay_seconds": "DELAY S",
    }  # fmt: skip

    async def run(self, act: Act) -> Rows:
        """List them."""
        return self.staff.plans()


class ResetPassword(AccountOperation):
    """Send somebody the way to a new password, or show it where no letters reach people."""

    name = "accounts.reset-password"
    command = ("accounts", "reset-password")
    once = ("link",)
    sensitive = True
    columns: ClassVar[Mapping[str, str]] = {}

    async def run(self, act: Act) -> Rows:
        """Send it."""
        return [await self.staff.reset_password(act, self.target)]


class Invitation(PluginConfig):
    """Who is invited."""

    email: str | None = None
    """Whose address has to be used; without one, whoever has the link."""
    within: timedelta = Field(default=timedelta(days=7), gt=timedelta(), le=timedelta(days=90))
    """How long it can be used."""


class Invite(AccountOperation):
    """Invite somebody to sign up."""

    name = "accounts.invite"
    command = ("accounts", "invite")
    once = ("link",)
    config = Invitation
    options: Invitation
    columns: ClassVar[Mapping[str, str]] = {}

    @property
    def target(self) -> str:
        """The address, where one is named."""
        return self.options.email or ""

    async def run(self, act: Act) -> Rows:
        """Invite."""
        return [await self.staff.invite(act, self.options.email, micros(self.options.within))]


class LogOut(AccountOperation):
    """End all sessions of an account."""

    name = "accounts.log-out"
    command = ("accounts", "log-out")

    async def run(self, act: Act) -> Rows:
        """End them."""
        return [await self.staff.log_out(act, self.target)]


class RemoveSecondFactor(AccountOperation):
    """Turn off the second factor of somebody who lost phone and recovery codes."""

    name = "accounts.remove-second-factor"
    command = ("accounts", "remove-second-factor")
    sensitive = True

    async def run(self, act: Act) -> Rows:
        """Turn it off."""
        return [await self.staff.remove_second_factor(act, self.target)]


class Disconnect(AccountOperation):
    """Disconnect the Discord channels of an account."""

    name = "accounts.disconnect"
    command = ("accounts", "disconnect")

    async def run(self, act: Act) -> Rows:
        """Disconnect them."""
        return [await self.staff.disconnect(act, self.target)]


OPERATIONS: list[type[Operation]] = [
    Create, Disconnect, Invite, List, ListPlans, LogOut, RemoveSecondFactor, ResetPassword, Restore, SetPlan, SetRole,
    Show, Suspend,
]  # fmt: skip
