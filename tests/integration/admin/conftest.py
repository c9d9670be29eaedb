"""Staff, partners and programs before a house with accounts and the administration, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from stratumd.plugin import MINUTE
from stratumd.testing.house import Serving, serving
from tests.integration.accounts.conftest import OPTIONS, Person

REASON = "a ticket"


class Member(Person):
    """A member of staff, logged in with a second factor."""

    second: pyotp.TOTP

    async def run(self, name: str, arguments: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        """Run an operation; `key` is the idempotency key."""
        headers = {"idempotency-key": more.pop("key")} if "key" in more else {}
        body = {"arguments": arguments or {}, "reason": REASON} | more
        return await self.call("POST", f"/admin/operations/{name}", body, **headers)

    async def done(self, name: str, arguments: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Run an operation, and return its receipt."""
        answer = await self.run(name, arguments, **more)
        assert answer.status_code == 200, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt


async def hired(house: Serving, role: str, email: str = "") -> Member:
    """Return a new member of staff."""
    member = Member(house, email or f"{role}@staff.example.org".replace("_", "-"))
    await (await member.sign_up()).log_in()
    member.second, _ = await member.totp()
    await house.operate("accounts.set-role", {"account": member.email, "role": role})
    house.clock.advance(MINUTE)
    await member.log_in(code=member.code(member.second))
    return member


async def partner(house: Serving, email: str, plan: str | None = "api_monthly") -> Person:
    """Return somebody with an account, and a plan of the API unless it is None."""
    person = Person(house, email)
    await person.sign_up()
    if plan is not None:
        await person.plan("api", plan)
    return await person.log_in()


async def service(house: Serving, *scopes: str, name: str = "deploy") -> dict[str, Any]:
    """Return a new service token with what is shown of it."""
    (row,) = await house.operate("admin.service-tokens.issue", {"name": name, "scopes": list(scopes)})
    return row


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of the test's own database: on both engines where the test asks for `database_url`."""
    if "database_url" in request.fixturenames:
        return str(request.getfixturevalue("database_url"))
    return f"sqlite:///{tmp_path / 'stratum.db'}"


@pytest.fixture
async def house(url: str) -> AsyncIterator[Serving]:
    """Accounts and the administration."""
    async with serving(url, {"accounts": OPTIONS, "admin": {}}) as held:
        yield held


@pytest.fixture
async def boss(house: Serving) -> Member:
    """Somebody who may do everything."""
    return await hired(house, "super_admin")
