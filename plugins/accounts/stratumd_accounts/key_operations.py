"""The command lines `stratumd keys …`: what staff does with keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import msgspec
from pydantic import Field

from stratumd.plugin import PluginConfig, micros
from stratumd.plugin.desk import Act
from stratumd.plugin.operations import Operation
from stratumd_accounts.operations import AccountOperation, Rows
from stratumd_accounts.views import KeyView

READ, WRITE = "keys:read", "keys:write"
COLUMNS = {
    "id": "ID", "name": "NAME", "status": "STATUS", "scopes": "SCOPES", "expires_at": "EXPIRES",
    "last_used_at": "LAST USED",
}  # fmt: skip


class OneKey(PluginConfig):
    """Which key."""

    key: str
    """The key's id: the part between the second and the third underscore."""


class KeyOperation(AccountOperation):
    """Base of what is done with one key."""

    permission: ClassVar[str] = WRITE
    columns: ClassVar[Mapping[str, str]] = COLUMNS
    config: ClassVar[type[PluginConfig]] = OneKey

    @property
    def target(self) -> str:
        """The key's id."""
        return str(self.options.key)


class KeysOf(PluginConfig):
    """Whose keys."""

    account: str | None = None
    """The account's id or its address; without one, of all accounts."""
    limit: int = Field(default=100, ge=1, le=1_000)
    """How many at most, the newest first."""


class ListKeys(KeyOperation):
    """List keys."""

    name = "accounts.keys.list"
    command = ("keys", "list")
    permission = READ
    writes = False
    config = KeysOf
    options: KeysOf
    target = ""

    async def run(self, act: Act) -> Rows:
        """List them."""
        account = None if self.options.account is None else await self.staff.id_of(self.options.account)
        keys = await self.staff.keys.listed(account, self.options.limit)
        views = await self.staff.keys.views(keys)
        return [{"account": key.account} | _shown(view) for key, view in zip(keys, views, strict=True)]


class NewKey(PluginConfig):
    """A key to be made."""

    account: str
    """The account's id or its address."""
    name: str
    """What its owner calls it."""
    scopes: tuple[str, ...] | None = None
    """What it may do; without any, all that the account's plan allows."""
    expires_in: timedelta | None = Field(default=None, gt=timedelta(), le=timedelta(days=3650))
    """When it stops to work by itself."""


class Issue(KeyOperation):
    """Make a key for an account: it is shown once."""

    name = "accounts.keys.issue"
    command = ("keys", "issue")
    sensitive = True
    once = ("key",)
    columns: ClassVar[Mapping[str, str]] = {**COLUMNS, "key": "KEY"}
    config = NewKey
    options: NewKey

    @property
    def target(self) -> str:
        """The account, as it was named."""
        return self.options.account

    async def run(self, act: Act) -> Rows:
        """Make it."""
        act = await self.staff.named(act, self.options.account)
        length = None if self.options.expires_in is None else micros(self.options.expires_in)
        return [_shown(await self.staff.keys.issue(act, act.target, self.options.name, self.options.scopes, length))]


class RotationOf(OneKey):
    """Which key is replaced."""

    overlap: timedelta | None = Field(default=None, ge=timedelta(), le=timedelta(days=30))
    """How long the old one works on; as `overlap` of the routes says where it is not given."""


class Rotate(KeyOperation):
    """Replace a key by a new one, which is shown once; both work for a while."""

    name = "accounts.keys.rotate"
    command = ("keys", "rotate")
    sensitive = True
    once = ("key",)
    columns: ClassVar[Mapping[str, str]] = {**COLUMNS, "key": "KEY"}
    config = RotationOf
    options: RotationOf

    async def run(self, act: Act) -> Rows:
        """Replace it."""
        overlap = None if self.options.overlap is None else micros(self.options.overlap)
        return [_shown(await self.staff.keys.rotate(act, self.target, None, overlap))]


class Revoke(KeyOperation):
    """Revoke a key: within a second it works nowhere."""

    name = "accounts.keys.revoke"
    command = ("keys", "revoke")
    sensitive = True

    async def run(self, act: Act) -> Rows:
        """Revoke it."""
        return [_shown(await self.staff.keys.revoke(act, self.target, None))]


class ShowKey(KeyOperation):
    """Show a key, but not itself."""

    name = "accounts.keys.show"
    command = ("keys", "show")
    permission = READ
    writes = False
    columns: ClassVar[Mapping[str, str]] = {}

    async def run(self, act: Act) -> Rows:
        """Show it."""
        return [_shown(await self.staff.keys.one(self.target, None))]


def _shown(view: KeyView) -> dict[str, object]:
    found = msgspec.to_builtins(view)
    return {name: value for name, value in found.items() if name != "key" or value is not None}


OPERATIONS: list[type[Operation]] = [Issue, ListKeys, Revoke, Rotate, ShowKey]
