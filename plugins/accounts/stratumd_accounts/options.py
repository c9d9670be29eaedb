"""Options of `accounts`."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import urlsplit

import argon2
from argon2.profiles import RFC_9106_LOW_MEMORY
from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from stratumd.plugin import PluginConfig, Secret
from stratumd.plugin.partners import WEB

SHORTEST_SECRET = 32
"""Characters."""
FREE = "free"
"""The plan of the web that everybody has who has no other."""
_SCOPE = re.compile(r"[a-z]+:(read|write)")


class SignUp(StrEnum):
    """Who may make an account."""

    OPEN = "open"
    """Everybody."""
    INVITE = "invite"
    """Whoever was invited by `stratumd accounts invite`."""
    OFF = "off"
    """Nobody: `stratumd accounts create` makes them."""


class PlanOptions(PluginConfig):
    """What an entitlement allows."""

    kind: Literal["web", "api"]
    """Whether it is an entitlement of the web or of the API."""
    title: str
    """What people call it."""
    delay: timedelta = timedelta()
    """What is newer than this is not shown."""
    hidden: frozenset[Literal["velocity", "components", "books"]] = frozenset()
    """What is left out of answers."""
    scopes: frozenset[str] = frozenset({"intel:read"})
    """What its sessions and keys may do: `intel:read`, `stream:read`, `export:read`, `webhooks:write`."""
    per_minute: int = Field(default=60, ge=1)
    """Requests of one key in a minute, on average."""
    included: int | None = Field(default=None, ge=0)
    """Requests a month that the price includes; none where they are not counted against anything."""
    overage: bool = False
    """Whether more than `included` is billed; without, it is served and only warned of."""
    watchlist: int | None = Field(default=None, ge=0)
    """Events on a watchlist at most; none for any number."""
    discord: bool = False
    """Whether signals may go to Discord channels."""

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, scopes: frozenset[str]) -> frozenset[str]:
        for scope in sorted(scopes):
            if not _SCOPE.fullmatch(scope):
                raise ValueError(f"expected scopes such as intel:read, not {scope!r}")
        return scopes


_READ = frozenset({"intel:read", "stream:read", "export:read"})
_EVERYTHING = _READ | {"webhooks:write"}

DEFAULT_PLANS: dict[str, PlanOptions] = {
    FREE: PlanOptions(
        kind="web",
        title="Free",
        delay=timedelta(minutes=10),
        hidden=frozenset({"velocity", "components", "books"}),
        scopes=frozenset({"intel:read", "stream:read"}),
        watchlist=3,
    ),
    "pro": PlanOptions(kind="web", title="Pro", scopes=_READ, per_minute=300, discord=True),
    "api_monthly": PlanOptions(
        kind="api", title="API, by month", scopes=_EVERYTHING, per_minute=600, included=100_000, overage=True
    ),
    "api_annual": PlanOptions(
        kind="api", title="API, by year", scopes=_EVERYTHING, per_minute=600, included=100_000, overage=True
    ),
}


class SessionOptions(PluginConfig):
    """How long somebody stays logged in."""

    length: timedelta = timedelta(days=30)
    """At most, from the login on."""
    idle: timedelta = timedelta(days=7)
    """Without any request."""
    fresh: timedelta = timedelta(minutes=10)
    """How long a login counts as fresh, for what is sensitive."""


class Argon2Options(PluginConfig):
    """How much work a guess at a password is: Argon2id, by default RFC 9106's second choice (64 MiB)."""

    time: int = Field(default=RFC_9106_LOW_MEMORY.time_cost, ge=1)
    """Passes over the memory."""
    memory: int = Field(default=RFC_9106_LOW_MEMORY.memory_cost, ge=8)
    """KiB of memory."""
    lanes: int = Field(default=RFC_9106_LOW_MEMORY.parallelism, ge=1)
    """Lanes that are filled side by side; `memory` must be at least eight times as much."""
    at_once: int = Field(default=2, ge=1)
    """Passwords that are checked at the same time; the others wait."""

    def hasher(self) -> argon2.PasswordHasher:
        """Return what hashes with these parameters."""
        return argon2.PasswordHasher(self.time, self.memory, self.lanes)

    @field_validator("lanes")
    @classmethod
    def _check_lanes(cls, lanes: int, info: ValidationInfo) -> int:
        if "memory" in info.data and info.data["memory"] < 8 * lanes:
            raise ValueError(f"needs at least {8 * lanes} KiB of memory")
        return lanes


class ThrottleOptions(PluginConfig):
    """How often something may be tried that could be guessed."""

    window: timedelta = Field(default=timedelta(minutes=15), gt=timedelta())
    """In which tries are counted."""
    per_address: int = Field(default=10, ge=1)
    """Wrong passwords, wrong codes and letters of one account in a window."""
    per_client: int = Field(default=100, ge=1)
    """Tries of one network address in a window, whatever the account; of IPv6 one /64 counts as one."""
    changes: int = Field(default=300, ge=1)
    """Requests of one account in a minute that may change something, by its sessions."""
    wrong_keys: int = Field(default=20, ge=1)
    """Wrong guesses at one key from one network address in a minute; ten times as many at all keys together."""


class DiscordOptions(PluginConfig):
    """Signals in people's own Discord channels."""

    client_id: str = ""
    """The application's id at Discord; without it, channels are connected by webhook URLs alone."""
    client_secret: Secret | None = None
    """The application's secret."""
    authorize_url: str = "https://discord.com/oauth2/authorize"
    """Where people are sent to give their consent."""
    token_url: str = "https://discord.com/api/oauth2/token"  # noqa: S105  # an address, no secret
    """Where the consent is turned into a webhook."""
    api_url: str = "https://discord.com/api"
    """Where webhooks are."""
    return_to: str = "/"
    """The path that people come back to when they are connected."""
    most: int = Field(default=5, ge=1, le=100)
    """Channels of one account."""


class Options(PluginConfig):
    """Options of `accounts`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    secret: Secret
    """At least 32 random characters, the same for all daemons of one database. Second factors and webhook addresses
    are sealed with it: with another one they are lost."""
    public_url: str
    """Where people's browsers find the daemon, such as `https://odds.example.com`: no path."""
    sign_up: SignUp = SignUp.OPEN
    """Who may make an account: `open`, `invite` or `off`."""
    mail: bool = False
    """Whether letters reach people: a sink with `notices: true` that can address one person. Then new addresses have
    to be confirmed, and a forgotten password can be reset."""
    plans: dict[str, PlanOptions] = {}
    """Plans by name: one named as a default is in its place, another one is added."""
    sessions: SessionOptions = SessionOptions()
    """How long somebody stays logged in."""
    argon2: Argon2Options = Argon2Options()
    """How much work a guess at a password is."""
    throttle: ThrottleOptions = ThrottleOptions()
    """How often something may be tried that could be guessed."""
    discord: DiscordOptions = DiscordOptions()
    """Signals in people's own Discord channels."""
    password_length: int = Field(default=12, ge=8, le=128)
    """Characters of a new password, at least."""
    reset_within: timedelta = timedelta(minutes=30)
    """How long a link to a new password works."""
    verify_within: timedelta = timedelta(days=2)
    """How long a link that confirms an address works, and an invitation."""
    most_keys: int = Field(default=20, ge=1)
    """Keys of one account that work at the same time."""
    overlap: timedelta = timedelta(days=1)
    """How long a key works on after it was rotated, unless the request says otherwise."""

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, secret: Secret) -> Secret:
        if len(secret.reveal()) < SHORTEST_SECRET:
            raise ValueError(f"expected at least {SHORTEST_SECRET} random characters, as `openssl rand -hex 32` gives")
        return secret

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("expected an address such as https://odds.example.com, without a path")
        return f"{parts.scheme}://{parts.netloc}".lower()

    @field_validator("plans")
    @classmethod
    def _check_plans(cls, plans: dict[str, PlanOptions]) -> dict[str, PlanOptions]:
        if FREE in plans and plans[FREE].kind != WEB:
            raise ValueError(f"the plan {FREE!r} is one of the web")
        return plans

    def policy(self) -> dict[str, PlanOptions]:
        """Return all plans by name, the defaults among them."""
        found: dict[str, Any] = DEFAULT_PLANS | self.plans
        return found
