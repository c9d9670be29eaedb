"""What the plugin keeps: a struct per table. Times are microseconds UTC."""

from __future__ import annotations

from typing import ClassVar

from stratumd.plugin import Row

QUEUED = "queued"
"""The state of a backfill that waits; afterwards it is `done` or `cancelled`."""


class Receipt(Row, frozen=True):
    """What a member of staff or a service did."""

    table: ClassVar[str] = "admin_receipts"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    actor: str
    operation: str
    target: str
    reason: str
    request_id: str
    at: int
    rows: str
    """What the operation showed, as a JSON list; what is shown once is `***`."""
    audit: str
    """Sequence numbers of the audit, separated by a space."""


class Claim(Row, frozen=True):
    """An idempotency key that an actor used."""

    table: ClassVar[str] = "admin_claims"
    key: ClassVar[tuple[str, ...]] = ("actor", "idempotency")
    actor: str
    idempotency: str
    fingerprint: str
    """SHA-256, in hex, of what was asked for."""
    request_id: str
    at: int
    receipt: str | None
    """None while it is under way, and where it was cut off."""


class ServiceToken(Row, frozen=True):
    """What a program shows to be let in."""

    table: ClassVar[str] = "admin_tokens"
    key: ClassVar[tuple[str, ...]] = ("id",)
    hidden: ClassVar[tuple[str, ...]] = ("hash",)
    id: str
    name: str
    hash: str
    """SHA-256, in hex, of the whole token."""
    scopes: str
    """Separated by a space."""
    created_at: int
    expires_at: int
    revoked_at: int | None
    successor: str | None
    """The token that it was rotated to."""


class TokenUse(Row, frozen=True):
    """When a service token was used last, up to a minute."""

    table: ClassVar[str] = "admin_token_uses"
    key: ClassVar[tuple[str, ...]] = ("token",)
    token: str
    at: int


class Backfill(Row, frozen=True):
    """A backfill that was asked for, with its limits."""

    table: ClassVar[str] = "admin_backfills"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    source: str
    sport: str
    markets: str
    """Separated by a comma; empty for the source's own."""
    start: int
    end: int
    step: int
    """Microseconds between two snapshots."""
    most_requests: int
    most_events: int | None
    min_remaining: int
    state: str
    asked_by: str
    asked_at: int
    closed_at: int | None
    outcome: str
