"""The scheme `staff`: somebody who is logged in and has a role, whose scopes are the role's permissions."""

from __future__ import annotations

import msgspec

from stratumd.plugin.partners import Caller, Sessions
from stratumd.plugin.routes import Call, Identity, Refused, RoutesContext, Scheme
from stratumd_admin.options import Options
from stratumd_admin.permissions import ROLES, permissions_of

SCHEME = "staff"
_NO_ROLE = "This is for staff alone."
_NO_SECOND = (
    "Staff logs in with a second factor: turn it on under /api/v1/account/totp, then log in again with its code."
)


class Staff:
    """Knows members of staff by their sessions."""

    def __init__(self, options: Options, context: RoutesContext) -> None:
        self._options = options
        self._context = context

    def scheme(self) -> Scheme:
        """Return the scheme `staff`."""
        return Scheme(
            authenticate=self.by_session,
            openapi={
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "strm_sess_…",
                "description": "The session of an account that has a role, as a token or by its cookie.",
            },
        )

    async def by_session(self, call: Call) -> Identity | None:
        """Return the member of staff who is logged in. `Refused` (403) where somebody else is."""
        sessions = self._context.service(Sessions)  # type: ignore[type-abstract]  # asked for by its protocol
        found = await sessions.by_session(call)
        if found is None:
            return None
        caller = found.details
        if not isinstance(caller, Caller) or caller.role not in ROLES or caller.rights.suspended:
            raise Refused(403, _NO_ROLE)
        if self._options.second_factor and not caller.second:
            raise Refused(403, _NO_SECOND, second_factor="required")
        return msgspec.structs.replace(found, scheme=SCHEME, scopes=permissions_of(caller.role))


def caller_of(call: Call) -> Caller | None:
    """Return the member of staff; None where a service calls."""
    assert call.identity is not None, "no endpoint of this plugin is public"
    return call.identity.details if isinstance(call.identity.details, Caller) else None
