"""Signing up, logging in and out, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from stratumd.plugin import DAY, HOUR, MINUTE
from stratumd.testing.house import Serving
from tests.integration.accounts.conftest import BOTH, COOKIE, ORIGIN, PASSWORD, Opened, Person

pytestmark = pytest.mark.anyio
People = Callable[..., Person]


@BOTH
async def test_an_account_is_made_and_logged_in(house: Serving, person: People) -> None:
    ann = await person(" Ann@Example.ORG").sign_up()
    ann.email = "ann@example.org"
    await ann.log_in()
    account = await ann.ok("GET", "/account")
    assert (account["email"], account["web"]["plan"], account["api"]) == ("ann@example.org", "free", None)
    again = await ann.call("POST", "/account", {"email": "ANN@example.org", "password": PASSWORD})
    assert again.status_code == 409


@pytest.mark.parametrize("email", ["ann@example.org", "nobody@example.org"])
async def test_an_unknown_address_is_answered_as_a_wrong_password_is(
    ann: Person, house: Serving, person: People, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words, and the same work: one Argon2 check each."""
    passwords = house.routes("accounts")._parts.passwords
    checks: list[str] = []
    verify = passwords._verify

    def counted(known: str, password: bytes) -> bool:
        checks.append(known)
        return bool(verify(known, password))

    monkeypatch.setattr(passwords, "_verify", counted)
    answer = await person(email, "wrong password").try_login()
    problem = answer.json()
    assert (answer.status_code, problem["detail"]) == (401, "The address or the password is wrong.")
    assert len(checks) == 1
    assert checks[0].split("$")[3] == "m=8,t=1,p=1", "the parameters of the file, also for nobody"


async def test_tries_are_throttled_by_address_whoever_makes_them(ann: Person, house: Serving, person: People) -> None:
    wrong = person("ann@example.org", "wrong password")
    assert [(await wrong.try_login()).status_code for _ in range(12)] == [401] * 9 + [401, 429, 429]
    answer = await ann.try_login()
    assert answer.status_code == 429, "also with the right password: it could be the next guess"
    assert 0 < int(answer.headers["retry-after"]) <= 15 * 60
    house.clock.advance(15 * MINUTE)
    assert (await ann.try_login()).status_code == 201


async def test_tries_are_throttled_by_client_whatever_the_address(opened: Opened) -> None:
    async with opened(throttle={"per_client": 5}) as house:
        statuses = [(await Person(house, f"n{n}@example.org").try_login()).status_code for n in range(7)]
    assert statuses == [401] * 5 + [429, 429]


@BOTH
async def test_tries_at_the_same_time_are_counted_too(opened: Opened) -> None:
    async with opened(throttle={"per_address": 3}) as house:
        statuses: list[int] = []

        async def guess(number: int) -> None:
            statuses.append((await Person(house, "ann@example.org", f"guess {number}").try_login()).status_code)

        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(guess, number)
    assert sorted(statuses) == [401] * 3 + [429] * 5


async def test_a_right_password_makes_tries_forgotten(ann: Person, person: People) -> None:
    wrong = person("ann@example.org", "wrong password")
    for _ in range(3):
        assert [(await wrong.try_login()).status_code for _ in range(6)] == [401] * 6
        await ann.log_in()


# ---- cookies


async def test_the_cookie_is_bound_to_the_host_and_kept_from_scripts(ann: Person) -> None:
    answer = await ann.try_login(keep="cookie")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=strm_sess_")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=2592000"} <= {*cookie.split("; ")}
    assert "Domain" not in cookie
    assert "token" not in {key for key, value in answer.json().items() if value is not None}
    assert answer.headers["cache-control"] == "no-store"


async def test_by_cookie_nothing_changes_without_the_token_and_the_own_origin(ann: Person) -> None:
    await ann.log_in_by_cookie()
    good = dict(ann.headers)
    assert (await ann.call("GET", "/account")).status_code == 200
    for wrong in (
        {"x-csrf-token": ""},
        {"x-csrf-token": "0" * 64},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        assert (await ann.call("DELETE", "/account/sessions", **wrong)).status_code == 403
    for missing in ("x-csrf-token", "origin"):
        ann.headers = {name: value for name, value in good.items() if name != missing}
        assert (await ann.call("DELETE", "/account/sessions")).status_code == 403
    ann.headers = {"cookie": good["cookie"]}
    assert (await ann.ok("GET", "/session"))["csrf"] == good["x-csrf-token"]
    ann.headers = good
    assert (await ann.call("DELETE", "/account/sessions")).status_code == 204
    assert (await ann.call("GET", "/account")).status_code == 401


async def test_the_token_of_one_session_is_not_that_of_another(ann: Person) -> None:
    await ann.log_in_by_cookie()
    old = ann.headers["x-csrf-token"]
    await ann.log_in_by_cookie()
    assert ann.headers["x-csrf-token"] != old
    assert (await ann.call("DELETE", "/session", **{"x-csrf-token": old})).status_code == 403


async def test_nobody_is_logged_in_from_another_site(ann: Person) -> None:
    body = {"email": ann.email, "password": ann.password}
    for origin, status in (("https://evil.example", 403), (ORIGIN, 201)):
        answer = await ann.house.client.post("/api/v1/session", json=body, headers={"origin": origin})
        assert answer.status_code == status


async def test_a_session_that_was_planted_before_the_login_is_not_the_one_after(ann: Person, person: People) -> None:
    """Session fixation: a login always begins another session, and two cookies of one name count as none."""
    mallory = await person("mallory@example.org").sign_up()
    await mallory.log_in_by_cookie()
    planted = mallory.headers["cookie"]
    answer = await ann.house.client.post(
        "/api/v1/session", json={"email": ann.email, "password": ann.password}, headers={"cookie": planted}
    )
    ann.keep_cookie(answer)
    assert ann.headers["cookie"] != planted
    assert (await ann.ok("GET", "/account"))["email"] == ann.email
    assert (await mallory.ok("GET", "/account"))["email"] == mallory.email
    both = await ann.call("GET", "/account", cookie=f"{ann.headers['cookie']}; {planted}")
    assert both.status_code == 401


async def test_an_address_without_tls_has_a_plain_cookie(opened: Opened) -> None:
    async with opened(public_url="http://127.0.0.1:8080") as house:
        ann = await Person(house, "ann@example.org").sign_up()
        cookie = (await ann.try_login(keep="cookie")).headers["set-cookie"]
    assert cookie.startswith("stratumd=strm_sess_")
    assert "Secure" not in cookie


# ---- how sessions end


@BOTH
async def test_sessions_are_listed_and_ended_one_by_one_or_all(ann: Person, person: People) -> None:
    other, mallory = person(ann.email), await person("mallory@example.org").sign_up()
    await other.log_in()
    await mallory.log_in()
    sessions = (await ann.ok("GET", "/account/sessions"))["items"]
    assert sorted(each["current"] for each in sessions) == [False, True]
    elsewhere = next(each["id"] for each in sessions if not each["current"])
    assert (await mallory.call("DELETE", f"/account/sessions/{elsewhere}")).status_code == 404
    await ann.ok("DELETE", f"/account/sessions/{elsewhere}")
    assert (await other.call("GET", "/account")).status_code == 401
    await other.log_in()
    await ann.ok("DELETE", "/session")
    assert (await ann.call("GET", "/account")).status_code == 401
    assert (await other.call("GET", "/account")).status_code == 200
    await other.ok("DELETE", "/account/sessions")
    assert (await other.call("GET", "/account")).status_code == 401
    assert (await mallory.call("GET", "/account")).status_code == 200


async def test_a_session_ends_when_it_is_old_or_was_not_used(ann: Person, house: Serving) -> None:
    for _ in range(5):
        house.clock.advance(6 * DAY - HOUR)
        assert (await ann.call("GET", "/account")).status_code == 200
    house.clock.advance(DAY)
    assert (await ann.call("GET", "/account")).status_code == 401, "thirty days are over"
    await ann.log_in()
    house.clock.advance(7 * DAY)
    assert (await ann.call("GET", "/account")).status_code == 401, "seven days without a request"


async def test_a_token_that_is_none_is_refused(house: Serving) -> None:
    for authorization in ["Bearer", "Bearer strm_sess_", "Basic strm_sess_x", "Bearer strm_sess_" + "a" * 500]:
        answer = await house.client.get("/api/v1/account", headers={"authorization": authorization})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"]


# ---- the password once more


async def test_what_is_sensitive_needs_a_fresh_login(ann: Person, house: Serving) -> None:
    await ann.totp()
    house.clock.advance(11 * MINUTE)
    answer = await ann.call("DELETE", "/account/totp")
    assert (answer.status_code, answer.json()["step_up"]) == (403, True)


async def test_the_token_is_another_one_after_a_step_up(ann: Person, house: Serving) -> None:
    house.clock.advance(11 * MINUTE)
    assert (await ann.call("POST", "/account/totp")).status_code == 403
    assert (await ann.call("POST", "/session/fresh", {"password": "wrong password"})).status_code == 403
    stepped = await ann.ok("POST", "/session/fresh", {"password": PASSWORD})
    assert (await ann.call("GET", "/account")).status_code == 401
    ann.headers = {"authorization": f"Bearer {stepped['token']}"}
    assert (await ann.call("POST", "/account/totp")).status_code == 201


@BOTH
async def test_a_changed_password_ends_the_other_sessions(ann: Person, person: People) -> None:
    other = await person(ann.email).log_in()
    await ann.log_in_by_cookie()
    body: dict[str, Any] = {"current": "wrong password", "new": "another Passw0rd of Ann"}
    assert (await ann.call("POST", "/account/password", body)).status_code == 403
    short = await ann.call("POST", "/account/password", body | {"current": PASSWORD, "new": "short"})
    assert short.status_code == 422
    answer = await ann.call("POST", "/account/password", body | {"current": PASSWORD})
    assert answer.status_code == 201
    assert (await ann.call("GET", "/account")).status_code == 401, "the old cookie"
    ann.keep_cookie(answer)
    assert (await ann.call("GET", "/account")).status_code == 200
    assert (await other.call("GET", "/account")).status_code == 401
    assert (await ann.try_login()).status_code == 401
    assert (await ann.try_login(password=body["new"])).status_code == 201
