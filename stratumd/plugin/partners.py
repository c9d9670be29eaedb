"""What the plugins around partners know of each other: plans, rights, usage. Core knows none of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

import msgspec

from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.routes import Call, Identity
from stratumd.plugin.times import Micros

WEB, API = "web", "api"
"""The two entitlements of an account: each has its own plan, and neither follows from the other."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an entitlement allows."""

    name: str
    kind: str
    """`web` or `api`."""
    title: str
    delay: Micros = 0
    """What is newer than this is not shown."""
    hidden: frozenset[str] = frozenset()
    """What is left out of answers: `velocity`, `components`, `books`."""
    scopes: frozenset[str] = frozenset()
    """What keys of the plan may be given: `intel:read`, `stream:read`, `export:read`, `webhooks:write`."""
    per_minute: int = 60
    """Requests of one key in a minute, on average."""
    included: int | None = None
    """Requests a month that the price includes; None where they are not counted against anything."""
    overage: bool = False
    """Whether more than `included` is served, and billed; without, it is served and only warned of."""
    watchlist: int | None = None
    """Events on a watchlist at most; None for any number."""
    discord: bool = False


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may do at present."""

    account: str
    suspended: bool
    web: Plan
    api: Plan | None
    """None where it has no access by key."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The details of an `Identity` of the schemes `key` and `session`."""

    rights: Rights
    plan: Plan
    """The one of the two that counts for this call."""
    role: str = ""
    """The role of a member of staff, by session alone."""
    fresh_until: Micros = 0
    """Until when a session counts as freshly logged in, for sensitive operations."""
    second: str = ""
    """The second factor that the session's login showed: `totp`, `recovery`, or empty."""


class Accounts(Protocol):
    """Accounts and what they may do: provided by `accounts`."""

    plans: Mapping[str, Plan]
    """By name."""

    def rights(self, reading: Reading, account: str) -> Rights | None:
        """Return what an account may do; None where there is no such account."""

    def standing(self, reading: Reading, credentials: Collection[str]) -> Mapping[str, Rights]:
        """Return what the accounts of keys and sessions may do, by the credential's id: of those alone that are good at
        present, neither revoked nor expired nor logged out. For whoever serves one request for long.
        """

    def grant(
        self, writing: Writing, account: str, kind: str, plan: str | None, *, until: Micros | None, source: str
    ) -> None:
        """Set an account's entitlement: to a plan, or to none (of the web: the free one), in the caller's transaction.

        `until`: when it ends by itself. `source`: whose word it is, such as `stripe` or `staff`.
        """

    def account_of(self, reading: Reading, email: str) -> str | None:
        """Return the id of the account with this address."""

    def email_of(self, reading: Reading, account: str) -> str | None:
        """Return an account's address."""

    def changed(self) -> None:
        """Say that rights were changed: this process forgets what it remembers of them at once."""


class Sessions(Protocol):
    """Who is logged in: provided by `accounts`, for whoever lets some of them in by rules of their own."""

    async def by_session(self, call: Call) -> Identity | None:
        """Return who is logged in, with a `Caller` as its details; None where the call shows no session.

        `Refused` as an authenticator raises it.
        """

    def role_of(self, reading: Reading, account: str) -> str:
        """Return the role of an account, by its id or its address; empty where it has none, or is not there."""


class UsageHour(NamedTuple):
    """What an account used in an hour."""

    account: str
    hour: Micros
    """When it began."""
    requests: int


class Usage(Protocol):
    """What was served: provided by `partner-api`."""

    def hours(self, reading: Reading, *, since: Micros, until: Micros, account: str | None = None) -> list[UsageHour]:
        """Return the hours that began in [since, until) and saw requests, by hour and account. What was counted in
        the last second may be missing; a later answer may say more of an hour, never less."""
