"""Who may do what: the one place where it is decided. A change of this file is a change of who holds the keys.

Whatever is not in the table is forbidden: an operation whose permission stands here under no role is run by nobody over
HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping

PERMISSIONS: Mapping[str, str] = {
    "accounts:read": "see accounts with their addresses, roles and entitlements",
    "accounts:write": "create, suspend, restore and invite; reset passwords and second factors; end sessions",
    "audit:read": "see what everybody did, and whether the record of it was tampered with",
    "billing:read": "see what accounts bought and what they owe",
    "billing:write": "change subscriptions, and what Stripe knows",
    "keys:read": "see keys, but not themselves",
    "keys:write": "issue, replace and revoke keys",
    "ops:read": "see polls, cycles and reports of the daemon",
    "ops:run": "start what the daemon does besides: deliveries again, a backfill",
    "plans:read": "see plans and limits",
    "plans:write": "give an account a plan, or take it away",
    "reports:read": "see outcomes: how readable and how far built the figures are",
    "roles:write": "make somebody a member of staff, and do anything to the account of one",
    "runs:read": "see what was asked of the daemon",
    "runs:write": "the same as ops:run, as an operation",
    "service-tokens:read": "see service tokens, but not themselves",
    "service-tokens:write": "issue, replace and revoke service tokens",
    "usage:read": "see usage and overage by account and key",
    "webhooks:read": "see partners' webhooks",
    "webhooks:write": "change partners' webhooks",
}
"""Every permission there is, with what it allows."""

ROLES: Mapping[str, frozenset[str]] = {
    "super_admin": frozenset(PERMISSIONS),
    "ops_admin": frozenset({
        "audit:read", "ops:read", "ops:run", "plans:read", "reports:read", "runs:read", "runs:write",
        "service-tokens:read", "service-tokens:write", "usage:read", "webhooks:read",
    }),
    "support_admin": frozenset({
        "accounts:read", "accounts:write", "billing:read", "keys:read", "keys:write", "plans:read", "reports:read",
        "usage:read", "webhooks:read", "webhooks:write",
    }),
    "billing_admin": frozenset({
        "accounts:read", "billing:read", "billing:write", "keys:read", "plans:read", "plans:write", "reports:read",
        "usage:read",
    }),
}  # fmt: skip
"""The permissions of every role."""

STAFF_TARGET = "roles:write"
"""What it takes besides, to do anything to the account of a member of staff: else a reset password would be a role."""

SERVICE_SCOPES = frozenset({"ops:read", "ops:run"})
"""What service tokens may be given."""


def permissions_of(role: str) -> frozenset[str]:
    """Return what a role may do: nothing where there is no such role."""
    return ROLES.get(role, frozenset())
