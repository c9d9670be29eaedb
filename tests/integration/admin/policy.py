"""Who may call what, written down a second time and by hand: the matrix holds the running house against it."""

from __future__ import annotations

import re
from typing import NamedTuple

from stratumd.plugin.routes import Endpoint
from stratumd_admin.permissions import ROLES

PUBLIC = {
    ("POST", "/api/v1/account"),
    ("POST", "/api/v1/account/verification"),
    ("POST", "/api/v1/account/reset"),
    ("PUT", "/api/v1/account/reset"),
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/billing/webhook"),
    ("GET", "/api/v1/docs"),
    ("GET", "/"),
}
"""What everybody may call. Whoever makes something public writes it here as well."""

RULES = [
    (r"GET /api/v1/admin/(me|operations|receipts)(/.*)?", "staff", ""),
    (r"POST /api/v1/admin/operations/.*", "staff", ""),
    (r"GET /api/v1/admin/(users|partners)(/.*)?", "staff", "accounts:read"),
    (r"GET /api/v1/admin/keys(/.*)?", "staff", "keys:read"),
    (r"GET /api/v1/admin/plans", "staff", "plans:read"),
    (r"GET /api/v1/admin/billing(/.*)?", "staff", "billing:read"),
    (r"GET /api/v1/admin/usage(/.*)?", "staff", "usage:read"),
    (r"GET /api/v1/admin/audit(/.*)?", "staff", "audit:read"),
    (r"GET /api/v1/admin/outcomes", "staff", "reports:read"),
    (r"GET /api/v1/dashboard/.*", "staff", ""),
    (r"GET /api/v1/ops/.*", "service staff", "ops:read"),
    (r"POST /api/v1/ops/.*", "service staff", "ops:run"),
    (r"\w+ /api/v1/(account|session|billing)(/.*)?", "session", ""),
    (r"\w+ /api/v1/intel/webhooks(/.*)?", "key session", "webhooks:write"),
    (r"GET /api/v1/intel/export/.*", "key session", "export:read"),
    (r"GET /api/v1/intel/usage", "key session", ""),
    (r"GET /api/v1/intel/.*", "key session", "intel:read"),
    (r"GET /api/v1/stream/.*", "key session", "stream:read"),
]
"""By method and path: the schemes of which one has to be shown, and the scope that it has to have."""

OF_API = {("POST", "/api/v1/account/keys")}
"""What takes a plan of the API besides."""

FREE = frozenset({"intel:read", "stream:read"})
API = frozenset({"intel:read", "stream:read", "export:read", "webhooks:write"})


class Caller(NamedTuple):
    """Somebody who calls, and what each scheme would say of them."""

    name: str
    headers: dict[str, str]
    shows: dict[str, frozenset[str]]
    """The scopes by scheme; what does not stand here is not shown, or is worth nothing."""
    has_api: bool = False
    """Whether the account has a plan of the API."""
    own: dict[str, str] = {}
    """Their own ids, by the name of the path's part."""


def staff(role: str) -> dict[str, frozenset[str]]:
    """Return what the session of a member of staff shows: it is somebody's own session, too."""
    return {"session": FREE, "staff": ROLES[role]}


def needed(endpoint: Endpoint) -> tuple[tuple[str, ...], str] | None:
    """Return the schemes and the scope that an endpoint takes; None where it is public."""
    if (endpoint.method, endpoint.path) in PUBLIC:
        return None
    for pattern, schemes, scope in RULES:
        if re.fullmatch(pattern, f"{endpoint.method} {endpoint.path}"):
            return tuple(schemes.split()), scope
    raise AssertionError(f"{endpoint.method} {endpoint.path}: write into the policy who may call it")


def admits(endpoint: Endpoint, caller: Caller) -> bool:
    """Say whether the policy lets this caller in."""
    found = needed(endpoint)
    if found is None:
        return True
    if (endpoint.method, endpoint.path) in OF_API and not caller.has_api:
        return False
    schemes, scope = found
    shown = [caller.shows[name] for name in schemes if name in caller.shows]
    return bool(shown) and (not scope or scope in shown[0])
