"""What the plugin keeps: a struct per table. Times are microseconds UTC; secrets are hashed or sealed."""

from __future__ import annotations

from typing import ClassVar

from stratumd.plugin import Row

ACTIVE, SUSPENDED = "active", "suspended"
"""The states of an account."""
ROLES = ("super_admin", "ops_admin", "support_admin", "billing_admin")
"""The roles of staff; everybody else has none."""
RESET, VERIFY, INVITE = "reset", "verify", "invite"
"""What a one-time token is for."""


class Account(Row, frozen=True):
    """A person, or a partner."""

    table: ClassVar[str] = "accounts_accounts"
    key: ClassVar[tuple[str, ...]] = ("id",)
    hidden: ClassVar[tuple[str, ...]] = ("password",)
    id: str
    email: str
    """NFC, in small letters; of one account alone."""
    password: str
    """Argon2id in the PHC format; empty where none was ever set: then none is right."""
    role: str
    """One of `ROLES`, or empty."""
    status: str
    created_at: int


class Entitlement(Row, frozen=True):
    """The plan of an account for the web or for the API. No row: the free plan of the web, none of the API."""

    table: ClassVar[str] = "accounts_entitlements"
    key: ClassVar[tuple[str, ...]] = ("account", "kind")
    account: str
    kind: str
    plan: str
    until: int | None
    """When it ends by itself."""
    source: str
    """Whose word it is, such as `stripe` or `staff`."""
    since: int


class Session(Row, frozen=True):
    """Somebody who is logged in."""

    table: ClassVar[str] = "accounts_sessions"
    key: ClassVar[tuple[str, ...]] = ("id",)
    hidden: ClassVar[tuple[str, ...]] = ("hash",)
    id: str
    account: str
    hash: str
    """SHA-256, in hex, of the token."""
    created_at: int
    expires_at: int
    fresh_until: int
    second: str
    """The second factor that was shown: `totp`, `recovery`, or empty."""
    client: str
    """The address that it came from."""


class Use(Row, frozen=True):
    """When a key or a session was used last, up to some seconds. Its own table: it is written often."""

    table: ClassVar[str] = "accounts_uses"
    key: ClassVar[tuple[str, ...]] = ("credential",)
    credential: str
    at: int


class Totp(Row, frozen=True):
    """The second factor of an account."""

    table: ClassVar[str] = "accounts_totp"
    key: ClassVar[tuple[str, ...]] = ("account",)
    hidden: ClassVar[tuple[str, ...]] = ("sealed",)
    account: str
    sealed: str
    """The shared secret."""
    last_step: int
    """The newest step that was used: neither it nor an older one is right again."""
    confirmed_at: int | None
    """None while it was only begun: then it asks nothing yet."""


class Recovery(Row, frozen=True):
    """A code that stands for the second factor, once."""

    table: ClassVar[str] = "accounts_recovery"
    key: ClassVar[tuple[str, ...]] = ("account", "hash")
    hidden: ClassVar[tuple[str, ...]] = ("hash",)
    account: str
    hash: str
    """Keyed: the code is short."""


class OneTime(Row, frozen=True):
    """A token that was sent to somebody. It is deleted when it is used."""

    table: ClassVar[str] = "accounts_tokens"
    key: ClassVar[tuple[str, ...]] = ("hash",)
    hidden: ClassVar[tuple[str, ...]] = ("hash", "password")
    hash: str
    """SHA-256, in hex."""
    purpose: str
    account: str
    """Empty where there is none yet."""
    email: str
    """Empty in an invitation for anybody."""
    password: str
    """What an address that is confirmed becomes an account with: the hash. Each sign-up has its own, so that nobody
    confirms another's password."""
    expires_at: int


class ApiKey(Row, frozen=True):
    """A key for the API."""

    table: ClassVar[str] = "accounts_keys"
    key: ClassVar[tuple[str, ...]] = ("id",)
    hidden: ClassVar[tuple[str, ...]] = ("hash",)
    id: str
    account: str
    name: str
    hash: str
    """SHA-256, in hex, of the whole key."""
    scopes: str
    """Separated by a space."""
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    successor: str | None
    """The key that it was rotated to."""


class Watched(Row, frozen=True):
    """An event on a watchlist."""

    table: ClassVar[str] = "accounts_watched"
    key: ClassVar[tuple[str, ...]] = ("account", "event")
    account: str
    event: str
    added_at: int


class Connection(Row, frozen=True):
    """A Discord channel that an account's signals go to, with what it wants to see there."""

    table: ClassVar[str] = "accounts_discord"
    key: ClassVar[tuple[str, ...]] = ("id",)
    hidden: ClassVar[tuple[str, ...]] = ("sealed",)
    id: str
    account: str
    via: str
    """`webhook` or `oauth`."""
    sealed: str
    """The webhook's id and token."""
    name: str
    channel: str
    types: str
    """Types of signals, separated by a space; empty for all."""
    min_strength: int
    status: str
    """`active`, or why it is not: `gone` where Discord knows the webhook no more."""
    created_at: int


class Cursor(Row, frozen=True):
    """How far a connection has got in the feed."""

    table: ClassVar[str] = "accounts_discord_cursors"
    key: ClassVar[tuple[str, ...]] = ("connection",)
    connection: str
    sequence: int


class OAuthState(Row, frozen=True):
    """A way to Discord and back that a session began. It is deleted when it comes back."""

    table: ClassVar[str] = "accounts_oauth_states"
    key: ClassVar[tuple[str, ...]] = ("hash",)
    hidden: ClassVar[tuple[str, ...]] = ("hash", "sealed")
    hash: str
    session: str
    account: str
    sealed: str
    """The verifier of PKCE."""
    expires_at: int


class Tries(Row, frozen=True):
    """How often something was tried in a window."""

    table: ClassVar[str] = "accounts_tries"
    key: ClassVar[tuple[str, ...]] = ("subject", "expires_at")
    subject: str
    """What is counted, hashed: it may be an address that somebody mistyped."""
    expires_at: int
    """The window's end."""
    tries: int


class Version(Row, frozen=True):
    """A number that rises with every change of what credentials may do: every process looks at it."""

    table: ClassVar[str] = "accounts_versions"
    key: ClassVar[tuple[str, ...]] = ("name",)
    audited: ClassVar[bool] = False
    name: str
    number: int


class Lease(Row, frozen=True):
    """Which daemon does what only one may do."""

    table: ClassVar[str] = "accounts_leases"
    key: ClassVar[tuple[str, ...]] = ("name",)
    name: str
    owner: str
    until: int
