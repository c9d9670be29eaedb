"""Service tokens: shown once, replaced with an overlap, revoked at once, and never guessed."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from stratumd.plugin import DAY, HOUR, MINUTE
from stratumd.plugin.desk import AuditRow
from stratumd.testing.house import Serving, serving
from tests.integration.accounts.conftest import BOTH, OPTIONS
from tests.integration.admin.conftest import Member, bearer, service

pytestmark = pytest.mark.anyio
CYCLES = "/api/v1/ops/cycles"


async def status(house: Serving, token: str, path: str = CYCLES) -> int:
    return (await house.client.get(path, headers=bearer(token))).status_code


async def test_a_token_opens_what_its_scopes_say_and_nothing_else(house: Serving) -> None:
    reads = (await service(house, "ops:read"))["token"]
    runs = (await service(house, "ops:run"))["token"]
    body = {"reason": "r", "sink": "chat"}
    assert await status(house, reads) == 200
    assert await status(house, runs) == 403
    for token, expected in ((reads, 403), (runs, 200)):
        answer = await house.client.post("/api/v1/ops/deliveries/replay", json=body, headers=bearer(token))
        assert answer.status_code == expected
    for path in ("/api/v1/admin/me", "/api/v1/admin/operations", "/api/v1/account"):
        assert await status(house, reads, path) == 401


@BOTH
async def test_a_revoked_token_is_refused_by_every_process_at_once(house: Serving, url: str) -> None:
    row = await service(house, "ops:read")
    async with AsyncExitStack() as stack:
        houses = [house]
        if not url.startswith("sqlite"):  # which one process alone has
            routes = {"accounts": OPTIONS, "admin": {}}
            houses.append(await stack.enter_async_context(serving(url, routes, clock=house.clock)))
        assert {await status(each, row["token"]) for each in houses} == {200}
        await house.operate("admin.service-tokens.revoke", {"token": row["id"]})
        assert {await status(each, row["token"]) for each in houses} == {401}


async def test_a_rotated_token_works_on_for_the_overlap(house: Serving) -> None:
    old = await service(house, "ops:read")
    (new,) = await house.operate("admin.service-tokens.rotate", {"token": old["id"], "overlap": timedelta(hours=1)})
    assert [await status(house, each["token"]) for each in (old, new)] == [200, 200]
    house.clock.advance(HOUR)
    assert [await status(house, each["token"]) for each in (old, new)] == [401, 200]
    shown = {row["id"]: row for row in await house.operate("admin.service-tokens.list")}
    assert (shown[old["id"]]["status"], shown[old["id"]]["successor"]) == ("expired", new["id"])
    assert shown[new["id"]]["scopes"] == ["ops:read"]


async def test_a_token_ends_by_itself(house: Serving) -> None:
    row = await service(house, "ops:read")
    house.clock.advance(90 * DAY - 1)
    assert await status(house, row["token"]) == 200
    house.clock.advance(1)
    assert await status(house, row["token"]) == 401


async def test_what_cannot_be_is_refused(boss: Member) -> None:
    async def asked(name: str, arguments: dict[str, object], confirm: str) -> int:
        return (await boss.run(f"admin.service-tokens.{name}", arguments, confirm=confirm)).status_code

    row = (await boss.done("admin.service-tokens.issue", {"name": "a"}, confirm="a"))["rows"][0]
    assert await asked("issue", {"name": "a", "scopes": ["roles:write"]}, "a") == 422
    assert await asked("issue", {"name": "a", "scopes": []}, "a") == 422
    assert await asked("issue", {"name": "a", "expires_in": "91d"}, "a") == 422
    assert await asked("issue", {"name": "a b"}, "a b") == 422
    assert await asked("rotate", {"token": "nothing"}, "nothing") == 404
    assert await asked("rotate", {"token": row["id"]}, row["id"]) == 200
    assert await asked("rotate", {"token": row["id"]}, row["id"]) == 409
    assert await asked("revoke", {"token": row["id"]}, row["id"]) == 200
    assert await asked("rotate", {"token": row["id"]}, row["id"]) == 409


async def test_the_secret_is_nowhere_but_in_the_answer(house: Serving) -> None:
    row = await service(house, "ops:read")
    secret = row["token"].rpartition("_")[2]
    (listed,) = await house.operate("admin.service-tokens.list")
    desk = house.house.office("admin").desk
    assert row["token"].startswith(f"strm_ops_{row['id']}_")
    assert secret not in str(listed)
    assert secret not in str(await desk.read(lambda reading: reading.find(AuditRow)))


async def test_a_wrong_token_is_none_and_guesses_are_slowed_down(house: Serving) -> None:
    token = (await service(house, "ops:read"))["token"]
    changed = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    for wrong in (changed, token + "x", "strm_ops_", token.replace("ops", "ops_ops"), token.upper()):
        assert await status(house, wrong) == 401
    for _ in range(20):
        await status(house, changed)
    answer = await house.client.get(CYCLES, headers=bearer(token))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    house.clock.advance(MINUTE)
    assert await status(house, token) == 200


async def test_a_use_is_noted(house: Serving) -> None:
    token = (await service(house, "ops:read"))["token"]
    await status(house, token)
    (row,) = await house.operate("admin.service-tokens.list")
    assert row["last_used_at"] == "2026-01-10T12:00:00Z"
