"""People who use accounts over real HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from stratumd.testing.clock import VirtualClock
from stratumd.testing.house import Serving, serving

SECRET = "canary-secret-of-the-file-0123456789"
PASSWORD = "canary-Passw0rd of Ann"
ORIGIN = "https://odds.example.com"
OPTIONS: dict[str, Any] = {
    "secret": SECRET,
    "public_url": ORIGIN,
    "argon2": {"time": 1, "memory": 8, "lanes": 1},
}
COOKIE = "__Host-stratumd"


class Person:
    """Somebody with an address and a password; logged in, they have a token or a cookie."""

    def __init__(self, house: Serving, email: str, password: str = PASSWORD) -> None:
        self.house = house
        self.email = email
        self.password = password
        self.headers: dict[str, str] = {}

    async def call(self, method: str, path: str, json: Any = None, **headers: str) -> httpx.Response:
        """Ask as this person."""
        return await self.house.client.request(method, f"/api/v1{path}", json=json, headers=self.headers | headers)

    async def ok(self, method: str, path: str, json: Any = None) -> Any:
        """Ask, expect success, and return the answer's body."""
        answer = await self.call(method, path, json)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def sign_up(self) -> Person:
        """Make the account."""
        await self.ok("POST", "/account", {"email": self.email, "password": self.password})
        return self

    async def try_login(self, **more: Any) -> httpx.Response:
        """Try to log in, as nobody yet."""
        body = {"email": self.email, "password": self.password, "keep": "token"} | more
        return await self.house.client.post("/api/v1/session", json=body)

    async def log_in(self, **more: Any) -> Person:
        """Log in with a token."""
        answer = await self.try_login(**more)
        assert answer.status_code == 201, answer.text
        self.headers = {"authorization": f"Bearer {answer.json()['token']}"}
        return self

    async def log_in_by_cookie(self) -> Person:
        """Log in as a browser does."""
        answer = await self.try_login(keep="cookie")
        self.keep_cookie(answer)
        return self

    def keep_cookie(self, answer: httpx.Response) -> None:
        """Keep the cookie of an answer, and what goes with it."""
        found = re.match(rf"{COOKIE}=([^;]+);", answer.headers["set-cookie"])
        assert found, answer.headers["set-cookie"]
        csrf = answer.json()["csrf"]
        self.headers = {"cookie": f"{COOKIE}={found[1]}", "origin": ORIGIN, "x-csrf-token": csrf}

    async def id(self) -> str:
        """Return the account's id."""
        return str((await self.ok("GET", "/account"))["id"])

    async def plan(self, kind: str, plan: str | None, **more: Any) -> None:
        """Be given a plan by staff."""
        arguments = {"account": self.email, "kind": kind, **({"plan": plan} if plan else {})} | more
        await self.house.operate("accounts.set-plan", arguments)

    async def totp(self) -> tuple[pyotp.TOTP, list[str]]:
        """Turn on a second factor. Returns it, and the recovery codes."""
        begun = await self.ok("POST", "/account/totp")
        second = pyotp.TOTP(begun["secret"])
        codes = await self.ok("POST", "/account/totp/confirmation", {"code": self.code(second)})
        return second, codes["recovery_codes"]

    def code(self, second: pyotp.TOTP) -> str:
        """Return the present code."""
        return second.at(self.house.clock.now() // 1_000_000)


Opened = Callable[..., AbstractAsyncContextManager[Serving]]


BOTH = pytest.mark.usefixtures("database_url")
"""A test that runs on SQLite and on PostgreSQL: what meets in transactions. The others run on SQLite alone."""


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of the test's own database."""
    if "database_url" in request.fixturenames:
        return str(request.getfixturevalue("database_url"))
    return f"sqlite:///{tmp_path / 'stratum.db'}"


@pytest.fixture
def opened(url: str) -> Opened:
    """Return what serves accounts over the test's database, with any options."""

    def serve(
        clock: VirtualClock | None = None, background: bool = True, **options: Any
    ) -> AbstractAsyncContextManager[Serving]:
        return serving(url, {"accounts": OPTIONS | options}, clock=clock, background=background)

    return serve


@pytest.fixture
async def house(opened: Opened) -> AsyncIterator[Serving]:
    """Accounts with ordinary options."""
    async with opened() as held:
        yield held


@pytest.fixture
def person(house: Serving) -> Callable[..., Person]:
    """Return what makes people of the ordinary house."""
    return lambda email, password=PASSWORD: Person(house, email, password)


@pytest.fixture
async def ann(house: Serving) -> Person:
    """Ann has an account and is logged in."""
    return await (await Person(house, "ann@example.org").sign_up()).log_in()
