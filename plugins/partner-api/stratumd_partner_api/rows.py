"""What the plugin keeps: a struct per table. Times are microseconds UTC."""

from __future__ import annotations

from typing import ClassVar

from stratumd.plugin import Micros, Row

PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"
"""The states of a delivery."""


class Generated(Row, frozen=True):
    """A secret that was made because the file gives none."""

    table: ClassVar[str] = "partner_api_secrets"
    key: ClassVar[tuple[str, ...]] = ("name",)
    hidden: ClassVar[tuple[str, ...]] = ("value",)
    name: str
    value: str
    made_at: Micros


class KeyHour(Row, frozen=True):
    """What a key used in an hour."""

    table: ClassVar[str] = "partner_api_hours"
    key: ClassVar[tuple[str, ...]] = ("hour", "account", "credential")
    hour: Micros
    """When it began."""
    account: str
    credential: str
    requests: int


class AccountMonth(Row, frozen=True):
    """What an account used in a calendar month (UTC)."""

    table: ClassVar[str] = "partner_api_months"
    key: ClassVar[tuple[str, ...]] = ("account", "month")
    account: str
    month: str
    """Such as `2026-07`."""
    requests: int


class Flush(Row, frozen=True):
    """The newest flush of a process that was committed: one whose outcome is not known is looked up here. Limits are
    shared among the processes that flushed lately."""

    table: ClassVar[str] = "partner_api_flushes"
    key: ClassVar[tuple[str, ...]] = ("process",)
    process: str
    number: int
    at: Micros


class Warned(Row, frozen=True):
    """A share of the included requests that an account was warned of."""

    table: ClassVar[str] = "partner_api_warnings"
    key: ClassVar[tuple[str, ...]] = ("account", "month", "percent")
    account: str
    month: str
    percent: int
    at: Micros


class Webhook(Row, frozen=True):
    """An endpoint of a partner. Its secret is derived from the plugin's own, and kept nowhere."""

    table: ClassVar[str] = "partner_api_webhooks"
    key: ClassVar[tuple[str, ...]] = ("id",)
    hidden: ClassVar[tuple[str, ...]] = ("url",)
    id: str
    account: str
    url: str
    types: str
    """Types of signals, separated by a space; empty for all."""
    markets: str
    """The same of markets."""
    min_strength: int
    generation: int
    """Of the secret: each rotation raises it."""
    overlap_until: Micros
    """Until when the secret of the generation before signs, too."""
    created_at: Micros
    position: int
    """The feed's sequence number up to which deliveries were made."""
    disabled: str
    """Why nothing is sent; empty where it is."""
    failing_since: Micros | None
    """Since when nothing was taken, while attempts failed."""
    rest_until: Micros
    """Nothing is sent before."""


class Lease(Row, frozen=True):
    """The daemon that sends to a webhook."""

    table: ClassVar[str] = "partner_api_leases"
    key: ClassVar[tuple[str, ...]] = ("webhook",)
    webhook: str
    process: str
    until: Micros


class Attempted(Row, frozen=True):
    """A signal on its way to a webhook."""

    table: ClassVar[str] = "partner_api_deliveries"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    """Stable: what the request says as `webhook-id`."""
    webhook: str
    sequence: int
    signal: str
    event: str
    state: str
    attempts: int
    due_at: Micros
    status: int | None
    """Of the newest answer; None where there was none."""
    error: str
    created_at: Micros
    ended_at: Micros | None


KINDS: tuple[type[Row], ...] = (
    Generated,
    KeyHour,
    AccountMonth,
    Flush,
    Warned,
    Webhook,
    Lease,
    Attempted,
)
