"""A house with every plugin that answers requests, everybody who may come, and a tenant whose things are not theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from stratumd.testing.clock import VirtualClock
from stratumd.testing.house import START, Serving, serving
from stratumd.testing.stripe import FakeStripe
from stratumd_accounts.rows import Connection
from tests.integration.accounts.conftest import OPTIONS, Person
from tests.integration.admin.conftest import Member, bearer, hired, partner, service
from tests.integration.admin.policy import API, FREE, Caller, staff
from tests.integration.billing.world import options as billing_options

CANARY = "canary-of-another-tenant"
"""Stands in everything that the other tenant has."""
VICTIM = f"{CANARY}@example.org"
_MANY = 1_000_000
_FREE_PLAN = {"kind": "web", "title": "Free", "per_minute": _MANY, "scopes": sorted(FREE), "watchlist": 3}
_API_PLAN = {"kind": "api", "title": "API", "per_minute": _MANY, "scopes": sorted(API), "included": 9, "overage": True}
_THROTTLE = {"wrong_keys": _MANY, "per_client": _MANY, "per_address": _MANY}


class World(NamedTuple):
    """Everything."""

    house: Serving
    callers: list[Caller]
    foreign: dict[str, str]
    """The other tenant's ids, by the name of the path's part."""
    boss: Member


@asynccontextmanager
async def world(url: str) -> AsyncIterator[World]:
    """Open it."""
    clock = VirtualClock(START)
    async with FakeStripe(clock) as fake:
        plans = {"free": _FREE_PLAN, "api_monthly": _API_PLAN}
        routes = {
            "accounts": OPTIONS | {"plans": plans, "throttle": _THROTTLE, "sessions": {"fresh": "1d"}},
            "partner-api": {"secret": "s" * 40, "per_address": _MANY},
            "stripe-billing": billing_options(fake),
            "admin": {"wrong_tokens": _MANY},
            "dashboard": {"open_to": "staff"},
        }
        async with serving(url, routes, clock=clock) as house:
            yield await _peopled(house)


async def _peopled(house: Serving) -> World:
    boss = await hired(house, "super_admin")
    others = {role: await hired(house, role) for role in ("ops_admin", "support_admin", "billing_admin")}
    victim = await partner(house, VICTIM)
    foreign = await _things(house, victim)
    made = await boss.done("accounts.create", {"email": "made@example.org"})
    foreign |= {"receipt": made["id"], "sequence": str(made["audit"][0])}
    return World(house, await _callers(house, boss, others), foreign, boss)


async def _things(house: Serving, person: Person) -> dict[str, str]:
    """Give a partner one of everything, and return the ids."""
    account = await person.id()
    session = (await person.ok("GET", "/account/sessions"))["items"][0]["id"]
    key = await person.ok("POST", "/account/keys", {"name": CANARY})
    hook = await house.client.post(
        "/api/v1/intel/webhooks", json={"url": f"https://{CANARY}.example.com/"}, headers=bearer(key["key"])
    )
    assert hook.is_success, hook.text
    connection = Connection(
        id=f"connection-of-{account}", account=account, via="webhook", sealed="", name=CANARY, channel="1", types="",
        min_strength=0, status="active", created_at=house.clock.now(),
    )  # fmt: skip
    await house.house.office("accounts").desk.write(lambda writing: writing.put(connection))
    return {
        "account": account, "session": session, "key": key["id"], "webhook": hook.json()["id"],
        "connection": connection.id, "delivery": "d1", "event": CANARY, "signal": "s1",
    }  # fmt: skip


async def _callers(house: Serving, boss: Member, others: dict[str, Member]) -> list[Caller]:
    free = await partner(house, "free@example.org", None)
    paying = await partner(house, "partner@example.org")
    key = (await paying.ok("POST", "/account/keys", {"name": "mine"}))["key"]
    narrow = (await paying.ok("POST", "/account/keys", {"name": "narrow", "scopes": ["intel:read"]}))["key"]
    gone = await paying.ok("POST", "/account/keys", {"name": "gone"})
    await paying.ok("DELETE", f"/account/keys/{gone['id']}")
    suspended = await partner(house, "suspended@example.org")
    suspended_key = (await suspended.ok("POST", "/account/keys", {"name": "k"}))["key"]
    await house.operate("accounts.suspend", {"account": suspended.email})
    plain = Member(house, "no-second@staff.example.org")
    await plain.sign_up()
    await house.operate("accounts.set-role", {"account": plain.email, "role": "super_admin"})
    await plain.log_in()
    reads, runs = await service(house, "ops:read", name="reads"), await service(house, "ops:run", name="runs")
    ended = await service(house, "ops:read", "ops:run", name="ended")
    await house.operate("admin.service-tokens.revoke", {"token": ended["id"]})
    own = await _spare(house, paying)
    return [
        Caller("public", {}, {}),
        Caller("free partner", free.headers, {"session": FREE}),
        Caller("API partner by session", paying.headers, {"session": FREE}, True, own),
        Caller("API partner by key", bearer(key), {"key": API}, True, own),
        Caller("API partner by narrow key", bearer(narrow), {"key": frozenset({"intel:read"})}),
        Caller("revoked key", bearer(gone["key"]), {}),
        Caller("suspended by session", suspended.headers, {}),
        Caller("suspended by key", bearer(suspended_key), {}),
        Caller("super_admin", boss.headers, staff("super_admin")),
        *[Caller(role, member.headers, staff(role)) for role, member in others.items()],
        Caller("super_admin without second factor", plain.headers, {"session": FREE}),
        Caller("service that reads", bearer(reads["token"]), {"service": frozenset({"ops:read"})}),
        Caller("service that runs", bearer(runs["token"]), {"service": frozenset({"ops:run"})}),
        Caller("revoked service", bearer(ended["token"]), {}),
        Caller("made-up token", bearer("strm_live_0123456789abcdef_" + "a" * 38), {}),
    ]


async def _spare(house: Serving, person: Person) -> dict[str, str]:
    """Give somebody things that the matrix may use up."""
    key = await person.ok("POST", "/account/keys", {"name": "spare"})
    other: Any = await Person(house, person.email).try_login()
    known = {"event": "e1", "signal": "s1"}
    return {"account": await person.id(), "key": key["id"], "session": other.json()["id"], **known}
