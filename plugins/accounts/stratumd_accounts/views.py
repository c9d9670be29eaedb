"""What the endpoints take and give. Times are ISO 8601 in UTC."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stratumd.plugin import iso
from stratumd_accounts.rows import ApiKey, Connection, Session
from stratumd_accounts.texts import Code, Email, Name, Password, RecoveryCode, Time, Token


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request brings."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer shows."""


# ---- requests


class SignUp(Body, frozen=True, kw_only=True):
    """A new account."""

    email: Email
    password: Password
    """A new password. Where it is too short, the answer says how long it has to be."""
    invitation: Token | None = None
    """The token of an invitation, where accounts are for those who are invited."""


class OneTimeToken(Body, frozen=True, kw_only=True):
    """The token of a letter."""

    token: Token
    """What follows the `#` in the letter's link."""


class Login(Body, frozen=True, kw_only=True):
    """Who somebody is, and how the session is to be kept."""

    email: Email
    password: Password
    """The password."""
    code: Code | None = None
    recovery_code: RecoveryCode | None = None
    keep: Literal["cookie", "token"] = "cookie"
    """Whether the answer sets a cookie or holds a token, once."""


class StepUp(Body, frozen=True, kw_only=True):
    """The password once more."""

    password: Password
    """The password."""
    code: Code | None = None
    recovery_code: RecoveryCode | None = None


class ResetRequest(Body, frozen=True, kw_only=True):
    """Whose password is forgotten."""

    email: Email


class Reset(Body, frozen=True, kw_only=True):
    """A new password, by the token of a letter."""

    token: Token
    """What follows the `#` in the letter's link."""
    password: Password
    """The new password."""


class PasswordChange(Body, frozen=True, kw_only=True):
    """A new password, by the present one."""

    current: Password
    """The present password."""
    new: Password
    """The new one."""


class OneCode(Body, frozen=True, kw_only=True):
    """A code of the second factor."""

    code: Code


Scopes = Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=16)]


class NewKey(Body, frozen=True, kw_only=True):
    """A key to be made."""

    name: Name
    """What its owner calls it."""
    scopes: Scopes | None = None
    """All of the plan where none are named."""
    expires_in_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """When it stops to work by itself; never where it is not said."""


class Rotation(Body, frozen=True, kw_only=True):
    """How a key is replaced."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=30 * 86_400)] | None = None
    """How long the old one works on; as the daemon is set where it is not said."""


class Renaming(Body, frozen=True, kw_only=True):
    """A new name."""

    name: Name
    """What its owner calls it."""


Types = Annotated[list[Annotated[str, Meta(pattern="^[A-Z][A-Z0-9_]{0,39}$")]], Meta(max_length=32)]
Strength = Annotated[int, Meta(ge=0, le=100)]


class Preferences(Body, frozen=True, kw_only=True):
    """What a Discord channel gets. What is left out stays as it is."""

    name: Name | None = None
    """What its owner calls it."""
    types: Types | None = None
    """Types of signals, such as STEAM; all where the list is empty."""
    min_strength: Strength | None = None
    """The least strength that is sent."""


class NewWebhook(Body, frozen=True, kw_only=True):
    """A Discord channel, by the address of its webhook."""

    url: Annotated[str, Meta(max_length=300)]
    """The webhook's address, as Discord shows it."""
    name: Name | None = None
    """What its owner calls it."""
    types: Types = []
    """Types of signals, such as STEAM; all where the list is empty."""
    min_strength: Strength = 0
    """The least strength that is sent."""


class Callback(Body, frozen=True, kw_only=True):
    """What Discord sends people back with."""

    state: Annotated[str, Meta(max_length=128)] = ""
    """As it was given to Discord."""
    code: Annotated[str, Meta(max_length=512)] = ""
    """What Discord gives for the consent."""
    error: Annotated[str, Meta(max_length=200)] = ""
    """Why there is no consent."""
    error_description: Annotated[str, Meta(max_length=1000)] = ""
    """The same in words."""
    iss: Annotated[str, Meta(max_length=200)] = ""
    """Not looked at."""
    guild_id: Annotated[str, Meta(max_length=40)] = ""
    """Not looked at."""
    permissions: Annotated[str, Meta(max_length=40)] = ""
    """Not looked at."""


# ---- answers


class Accepted(View, frozen=True, kw_only=True):
    """What happens next."""

    next: str


class EntitlementView(View, frozen=True, kw_only=True):
    """A plan and its end."""

    plan: str
    title: str
    until: Time | None


class AccountView(View, frozen=True, kw_only=True):
    """An account as its owner sees it."""

    id: str
    email: str
    role: str
    created_at: Time
    second_factor: bool
    recovery_codes: int
    web: EntitlementView
    api: EntitlementView | None


class SessionView(View, frozen=True, kw_only=True):
    """A session."""

    id: str
    account: str
    created_at: Time
    expires_at: Time
    fresh_until: Time
    second_factor: str
    current: bool = True
    client: str | None = None
    last_seen: Time | None = None
    csrf: str | None = None
    """What `x-csrf-token` has to be, for a session by cookie."""
    token: str | None = None
    """The session's token, once, where it was asked for."""


class TotpView(View, frozen=True, kw_only=True):
    """A second factor that has to be confirmed: shown once."""

    secret: str
    uri: str


class Codes(View, frozen=True, kw_only=True):
    """Recovery codes: shown once."""

    recovery_codes: list[str]


class KeyView(View, frozen=True, kw_only=True):
    """A key."""

    id: str
    name: str
    scopes: list[str]
    status: str
    """`active`, `expired` or `revoked`."""
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None
    successor: str | None
    key: str | None = None
    """The key itself, once, when it is made."""


class WatchedView(View, frozen=True, kw_only=True):
    """An event on a watchlist; its teams and start are null where nothing is known of it any more."""

    event: str
    added_at: Time
    sport: str | None
    home: str | None
    away: str | None
    commence_at: Time | None


class ConnectionView(View, frozen=True, kw_only=True):
    """A Discord channel."""

    id: str
    name: str
    via: str
    channel: str
    types: list[str]
    min_strength: int
    status: str
    created_at: Time


class Consent(View, frozen=True, kw_only=True):
    """Where to go at Discord."""

    url: str
    expires_at: Time


class Sessions(View, frozen=True, kw_only=True):
    """A list."""

    items: list[SessionView]
    next: str | None = None


class Keys(View, frozen=True, kw_only=True):
    """A list."""

    items: list[KeyView]
    next: str | None = None


class Watchlist(View, frozen=True, kw_only=True):
    """A list, and how many events it may have."""

    items: list[WatchedView]
    next: str | None = None
    most: int | None


class Connections(View, frozen=True, kw_only=True):
    """A list."""

    items: list[ConnectionView]
    next: str | None = None


def moment(at: int | None) -> str | None:
    """Return a time as answers show it."""
    return iso(at) if at is not None else None


def key_status(key: ApiKey, at: int) -> str:
    """Return `active`, `expired` or `revoked`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= at else "active"


def key_view(key: ApiKey, at: int, used_at: int | None) -> KeyView:
    """Return a key as it is shown, but not itself."""
    return KeyView(
        id=key.id,
        name=key.name,
        scopes=key.scopes.split(),
        status=key_status(key, at),
        created_at=iso(key.created_at),
        expires_at=moment(key.expires_at),
        revoked_at=moment(key.revoked_at),
        last_used_at=moment(used_at),
        successor=key.successor,
    )


def session_view(
    session: Session, *, current: bool, last_seen: int | None = None, **members: str | None
) -> SessionView:
    """Return a session as it is shown."""
    return SessionView(
        id=session.id,
        account=session.account,
        created_at=iso(session.created_at),
        expires_at=iso(session.expires_at),
        fresh_until=iso(session.fresh_until),
        second_factor=session.second,
        current=current,
        client=session.client,
        last_seen=moment(last_seen),
        **members,
    )


def connection_view(connection: Connection) -> ConnectionView:
    """Return a Discord channel as it is shown: never its webhook."""
    return ConnectionView(
        id=connection.id,
        name=connection.name,
        via=connection.via,
        channel=connection.channel,
        types=connection.types.split(),
        min_strength=connection.min_strength,
        status=connection.status,
        created_at=iso(connection.created_at),
    )
