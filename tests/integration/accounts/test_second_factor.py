"""The second factor, over real HTTP."""

from __future__ import annotations

import anyio
import pytest

from stratumd.plugin import MINUTE, SECOND
from stratumd.testing.house import Serving
from tests.integration.accounts.conftest import BOTH, Person

pytestmark = pytest.mark.anyio


async def test_it_asks_nothing_until_it_is_confirmed(ann: Person) -> None:
    await ann.ok("POST", "/account/totp")
    assert (await ann.try_login()).status_code == 201
    assert (await ann.call("POST", "/account/totp/confirmation", {"code": "000000"})).status_code == 422
    assert not (await ann.ok("GET", "/account"))["second_factor"]


async def test_a_login_needs_password_and_code(ann: Person, house: Serving) -> None:
    second, codes = await ann.totp()
    assert len(codes) == 10
    house.clock.advance(30 * SECOND)
    answer = await ann.try_login()
    assert (answer.status_code, answer.json()["second_factor"]) == (401, "required")
    assert "second_factor" not in (await ann.try_login(password="wrong password")).json()
    assert (await ann.try_login(code="000000")).json()["second_factor"] == "wrong"
    answer = await ann.try_login(code=ann.code(second))
    assert (answer.status_code, answer.json()["second_factor"]) == (201, "totp")


@BOTH
async def test_a_code_is_right_once_and_so_is_none_before_it(ann: Person, house: Serving) -> None:
    second, _ = await ann.totp()
    assert (await ann.try_login(code=ann.code(second))).status_code == 401, "it confirmed the factor"
    house.clock.advance(MINUTE)
    code, older = ann.code(second), second.at(house.clock.now() // SECOND - 30)
    assert (await ann.try_login(code=code)).status_code == 201
    assert (await ann.try_login(code=code)).status_code == 401
    assert (await ann.try_login(code=older)).status_code == 401
    house.clock.advance(30 * SECOND)
    assert (await ann.try_login(code=code)).status_code == 401
    assert (await ann.try_login(code=ann.code(second))).status_code == 201


@BOTH
async def test_one_code_at_the_same_time_lets_in_once(ann: Person, house: Serving) -> None:
    second, codes = await ann.totp()
    house.clock.advance(MINUTE)
    for more in ({"code": ann.code(second)}, {"recovery_code": codes[0]}):
        statuses: list[int] = []

        async def enter(more: dict[str, str] = more, statuses: list[int] = statuses) -> None:
            statuses.append((await ann.try_login(**more)).status_code)

        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(enter)
        assert sorted(statuses) == [201, 401, 401, 401]


async def test_codes_cannot_be_guessed_for_long(ann: Person, house: Serving) -> None:
    await ann.totp()
    house.clock.advance(MINUTE)
    statuses = [(await ann.try_login(code=f"{number:06}")).status_code for number in range(12)]
    assert statuses.count(429) == 2


async def test_a_recovery_code_is_right_once_however_it_is_typed(ann: Person) -> None:
    _, codes = await ann.totp()
    assert (await ann.try_login(recovery_code=codes[0].lower().replace("-", " "))).status_code == 201
    assert (await ann.try_login(recovery_code=codes[0])).status_code == 401
    assert (await ann.ok("GET", "/account"))["recovery_codes"] == 9
    fresh = (await ann.ok("POST", "/account/recovery-codes"))["recovery_codes"]
    assert (await ann.try_login(recovery_code=codes[1])).status_code == 401
    assert (await ann.try_login(recovery_code=fresh[1])).status_code == 201


async def test_it_is_turned_off_by_its_owner_or_by_staff(ann: Person, house: Serving) -> None:
    await ann.totp()
    assert (await ann.call("POST", "/account/totp")).status_code == 409
    await ann.ok("DELETE", "/account/totp")
    assert (await ann.call("DELETE", "/account/totp")).status_code == 404
    await ann.log_in()
    await ann.totp()
    await house.operate("accounts.remove-second-factor", {"account": ann.email})
    assert (await ann.call("GET", "/account")).status_code == 401
    await ann.log_in()


async def test_a_step_up_needs_the_code_too(ann: Person, house: Serving) -> None:
    second, _ = await ann.totp()
    house.clock.advance(11 * MINUTE)
    assert (await ann.call("POST", "/session/fresh", {"password": ann.password})).status_code == 401
    body = {"password": ann.password, "code": ann.code(second)}
    assert (await ann.call("POST", "/session/fresh", body)).status_code == 201
