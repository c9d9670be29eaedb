"""What the endpoints of the plugin share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stratumd.plugin.partners import Caller, Plan
from stratumd.plugin.routes import Access, Call, Identity, Refused, RoutesContext
from stratumd_accounts.cookies import Cookies
from stratumd_accounts.identity import SESSION, Credentials
from stratumd_accounts.mail import Mail
from stratumd_accounts.memory import Memory
from stratumd_accounts.options import Options
from stratumd_accounts.passwords import Passwords
from stratumd_accounts.plans import plans
from stratumd_accounts.sealing import Sealer
from stratumd_accounts.second import SecondFactor
from stratumd_accounts.throttle import Throttle

OWN = Access((SESSION,))
"""Whoever is logged in, for what is their own."""
TAG = "Account"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is made once."""

    options: Options
    context: RoutesContext
    plans: Mapping[str, Plan]
    sealer: Sealer
    cookies: Cookies
    memory: Memory
    credentials: Credentials
    passwords: Passwords
    second: SecondFactor
    throttle: Throttle
    mail: Mail


def build(options: Options, context: RoutesContext) -> Parts:
    """Make everything from the options."""
    sealer, memory, policy = Sealer(options.secret), Memory(), plans(options.policy())
    cookies = Cookies(options.public_url, sealer)
    return Parts(
        options=options,
        context=context,
        plans=policy,
        sealer=sealer,
        cookies=cookies,
        memory=memory,
        credentials=Credentials(options, policy, context.desk, cookies, memory, context.log),
        passwords=Passwords(options.argon2),
        second=SecondFactor(sealer),
        throttle=Throttle(options.throttle, context.desk, context.clock),
        mail=Mail(options, context),
    )


def me(call: Call) -> Identity:
    """Return whose request it is: an endpoint with `OWN` is not called without."""
    assert call.identity is not None
    return call.identity


def caller(call: Call) -> Caller:
    """Return what that identity may do."""
    found = me(call).details
    assert isinstance(found, Caller)
    return found


def require_fresh(call: Call) -> None:
    """Refuse a session whose login is some time ago: what follows is sensitive."""
    if caller(call).fresh_until <= call.at:
        detail = "This needs your password once more: POST /api/v1/session/fresh, then try again."
        raise Refused(403, detail, step_up=True)
