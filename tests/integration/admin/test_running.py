"""Operations over HTTP: who may, what they have to say, and what they get for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import anyio
import httpx
import pytest

from stratumd.plugin import MINUTE
from stratumd.plugin.desk import AuditRow
from stratumd.testing.house import Serving
from tests.integration.accounts.conftest import BOTH, OPTIONS, Person
from tests.integration.admin.conftest import Member, bearer, hired, partner

pytestmark = pytest.mark.anyio


async def audit(house: Serving) -> Sequence[AuditRow]:
    """Return all that is on record."""
    return await house.house.office("admin").desk.read(lambda reading: reading.find(AuditRow))


async def test_everybody_sees_what_their_role_may_run_and_what_it_takes(house: Serving, boss: Member) -> None:
    support = await hired(house, "support_admin")
    all_of = {each["name"]: each for each in (await boss.ok("GET", "/admin/operations"))["items"]}
    some = {each["name"] for each in (await support.ok("GET", "/admin/operations"))["items"]}
    assert {"accounts.suspend", "accounts.set-role", "admin.service-tokens.issue"} <= all_of.keys()
    assert "accounts.suspend" in some
    assert not {"accounts.set-role", "admin.service-tokens.issue"} & some
    shown = all_of["accounts.suspend"]
    assert (shown["group"], shown["verb"], shown["sensitive"], shown["writes"]) == ("accounts", "suspend", True, True)
    assert shown["arguments"]["required"] == ["account"]
    me = await support.ok("GET", "/admin/me")
    assert (me["role"], me["second_factor"]) == ("support_admin", "totp")
    assert "roles:write" not in me["permissions"]


@BOTH
async def test_a_write_is_on_record_with_before_and_after_reason_and_request(house: Serving, boss: Member) -> None:
    bob = await partner(house, "bob@example.org")
    id = await bob.id()
    answer = await boss.call(
        "POST",
        "/admin/operations/accounts.suspend",
        {"arguments": {"account": id}, "reason": "abuse, ticket 7", "confirm": id},
        **{"x-request-id": "req-7"},
    )
    receipt = answer.json()
    assert answer.status_code == 200, answer.text
    assert (receipt["operation"], receipt["target"], receipt["request_id"]) == ("accounts.suspend", id, "req-7")
    (row,) = [row for row in await audit(house) if row.sequence in receipt["audit"]]
    assert (row.actor, row.action, row.target) == (f"account:{await boss.id()}", "accounts.suspend", id)
    assert (row.reason, row.request_id) == ("abuse, ticket 7", "req-7")
    before, after = (json.loads(picture) for picture in (row.before, row.after))
    assert "active" in [each["row"].get("status") for each in before]
    assert "suspended" in [each["row"].get("status") for each in after]
    assert (await bob.call("GET", "/account")).status_code in (401, 403)
    assert await boss.ok("GET", f"/admin/receipts/{receipt['id']}") == receipt
    shown = await boss.ok("GET", f"/admin/audit/{row.sequence}")
    assert shown["before"] == before
    assert (await boss.ok("GET", "/admin/audit/verification"))["intact"] is True


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"arguments": {"account": "ID"}, "confirm": "ID"}, 422, "Say why"),
    ({"arguments": {"account": "ID"}, "confirm": "ID", "reason": "  "}, 422, "Say why"),
    ({"arguments": {"account": "ID"}, "reason": "r"}, 409, "in `confirm`: 'ID'"),
    ({"arguments": {"account": "ID"}, "reason": "r", "confirm": "id"}, 409, "in `confirm`: 'ID'"),
    ({"arguments": {}, "reason": "r", "confirm": ""}, 422, "account"),
    ({"arguments": {"account": "ID", "force": True}, "reason": "r"}, 422, "force"),
    ({"arguments": {"account": ["ID"]}, "reason": "r"}, 422, "account"),
    ({"arguments": {"account": "a\0b"}, "reason": "r"}, 422, "cannot be stored"),
    ({"arguments": {"account": 1 << 70}, "reason": "r"}, 422, "too large"),
    ({"arguments": {"account": [[[[[[[[[[[]]]]]]]]]]]}, "reason": "r"}, 422, "nest"),
    ({"arguments": {"account": "nobody"}, "reason": "r", "confirm": "nobody"}, 404, "no such account"),
    ({"reason": "r", "why": "r"}, 422, "why"),
]


async def test_what_is_missing_is_said(house: Serving, boss: Member) -> None:
    id = await (await partner(house, "bob@example.org")).id()
    for wrong, status, said in WRONG:
        body = json.loads(json.dumps(wrong).replace("ID", id))
        answer = await boss.call("POST", "/admin/operations/accounts.suspend", body)
        assert answer.status_code == status, (wrong, answer.text)
        assert said.replace("ID", id) in answer.json()["detail"]
    assert "accounts.suspend" not in [row.action for row in await audit(house)]


async def test_what_is_sensitive_needs_a_fresh_login(house: Serving, boss: Member) -> None:
    id = await (await partner(house, "bob@example.org")).id()
    house.clock.advance(30 * MINUTE)
    answer = await boss.run("accounts.suspend", {"account": id}, confirm=id)
    assert (answer.status_code, answer.json()["step_up"]) == (403, True)
    assert "/api/v1/session/fresh" in answer.json()["detail"]
    assert (await boss.run("accounts.log-out", {"account": id})).status_code == 200, "not sensitive"
    fresh = {"password": boss.password, "code": boss.code(boss.second)}
    boss.headers = bearer((await boss.ok("POST", "/session/fresh", fresh))["token"])
    assert (await boss.run("accounts.suspend", {"account": id}, confirm=id)).status_code == 200


async def test_a_page_of_another_site_runs_nothing(house: Serving, boss: Member) -> None:
    house.clock.advance(MINUTE)
    boss.keep_cookie(await boss.try_login(code=boss.code(boss.second), keep="cookie"))
    asked = {"email": "new@example.org"}
    foreign = {"origin": "https://evil.example.org"}, {"x-csrf-token": "x"}
    for headers in foreign:
        body = {"arguments": asked, "reason": "r"}
        answer = await boss.call("POST", "/admin/operations/accounts.create", body, **headers)
        assert answer.status_code == 403
    await boss.done("accounts.create", asked)


async def test_an_operation_that_is_not_there_or_not_allowed(house: Serving) -> None:
    billing = await hired(house, "billing_admin")
    assert (await billing.run("accounts.nothing")).status_code == 404
    answer = await billing.run("accounts.suspend", {"account": "a"}, confirm="a")
    assert (answer.status_code, "accounts:write" in answer.json()["detail"]) == (403, True)


async def test_support_does_nothing_to_staff(house: Serving, boss: Member) -> None:
    support = await hired(house, "support_admin")
    id = await boss.id()
    for target in (id, boss.email, boss.email.upper()):
        answer = await support.run("accounts.reset-password", {"account": target}, confirm=target)
        assert answer.status_code == 403, target
        assert "roles:write" in answer.json()["detail"]
    assert (await support.run("accounts.set-role", {"account": id, "role": "support_admin"})).status_code == 403


async def test_making_accounts_is_no_way_to_a_role(house: Serving, boss: Member) -> None:
    """Support may make accounts, not give roles; nor does a role come from here without its own confirmation."""
    support = await hired(house, "support_admin")
    for member in (support, boss):
        asked = {"email": "mine@example.org", "role": "super_admin"}
        assert (await member.run("accounts.create", asked)).status_code == 403
    rows = await house.operate("accounts.list", {})
    assert "mine@example.org" not in [row["email"] for row in rows]


async def test_a_session_without_second_factor_or_role_is_no_staff(house: Serving, url: str) -> None:
    plain = Member(house, "plain@staff.example.org")
    await plain.sign_up()
    await house.operate("accounts.set-role", {"account": plain.email, "role": "super_admin"})
    await plain.log_in()
    answer = await plain.call("GET", "/admin/me")
    assert (answer.status_code, answer.json()["second_factor"]) == (403, "required")
    bob = await partner(house, "bob@example.org")
    assert (await bob.call("GET", "/admin/me")).status_code == 403
    assert (await Person(house, "").call("GET", "/admin/me")).status_code == 401


async def test_the_second_factor_may_be_left_out(tmp_path: Any) -> None:
    from stratumd.testing.house import serving

    options = {"accounts": OPTIONS, "admin": {"second_factor": False}}
    async with serving(f"sqlite:///{tmp_path / 'a.db'}", options) as house:
        plain = Member(house, "plain@staff.example.org")
        await plain.sign_up()
        await house.operate("accounts.set-role", {"account": plain.email, "role": "ops_admin"})
        await plain.log_in()
        assert (await plain.ok("GET", "/admin/me"))["role"] == "ops_admin"


async def test_a_role_that_is_taken_away_is_gone_at_once(house: Serving, boss: Member) -> None:
    support = await hired(house, "support_admin")
    await boss.done("accounts.set-role", {"account": support.email, "role": ""}, confirm=support.email)
    assert (await support.call("GET", "/admin/me")).status_code in (401, 403)


@BOTH
async def test_a_repeat_gives_the_same_receipt_and_does_nothing(house: Serving, boss: Member) -> None:
    arguments = {"name": "deploy"}
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await boss.run("admin.service-tokens.issue", arguments, confirm="deploy", key="k1"))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(ask)
    answers.append(await boss.run("admin.service-tokens.issue", arguments, confirm="deploy", key="k1"))
    done = [answer.json() for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({receipt["id"] for receipt in done}) == 1
    assert len(await house.operate("admin.service-tokens.list")) == 1
    secrets = [receipt["rows"][0]["token"] for receipt in done]
    assert sorted(secret == "***" for secret in secrets) == [False] + [True] * (len(done) - 1), "it is shown once"
    other = await boss.run("admin.service-tokens.issue", {"name": "other"}, confirm="other", key="k1")
    assert (other.status_code, "something else" in other.json()["detail"]) == (422, True)


async def test_a_key_of_what_was_refused_may_be_used_again(house: Serving, boss: Member) -> None:
    asked = {"email": "new@example.org"}
    assert (await boss.run("accounts.log-out", {"account": asked["email"]}, key="k2")).status_code == 404
    assert (await boss.run("accounts.log-out", {"account": asked["email"]}, key="k2")).status_code == 404
    await boss.done("accounts.create", asked, key="k2")
    assert (await boss.run("accounts.create", asked, key="")).status_code == 400


async def test_no_secret_is_kept_with_a_receipt(house: Serving, boss: Member) -> None:
    bob = await partner(house, "bob@example.org")
    receipt = await boss.done("accounts.keys.issue", {"account": bob.email, "name": "k"}, confirm=bob.email)
    assert receipt["rows"][0]["key"].startswith("strm_live_")
    kept = await boss.ok("GET", f"/admin/receipts/{receipt['id']}")
    assert kept["rows"][0]["key"] == "***"
    assert (kept["id"], kept["audit"]) == (receipt["id"], receipt["audit"])


async def test_receipts_are_the_callers_own_and_come_page_by_page(house: Serving, boss: Member) -> None:
    support = await hired(house, "support_admin")
    mine = [(await support.done("accounts.create", {"email": f"a{n}@example.org"}))["id"] for n in range(5)]
    other = await boss.done("accounts.create", {"email": "b@example.org"})
    seen: list[str] = []
    query = "?limit=2"
    while query:
        page = await support.ok("GET", f"/admin/receipts{query}")
        seen += [each["id"] for each in page["items"]]
        query = f"?limit=2&cursor={page['next']}" if page["next"] else ""
    assert sorted(seen) == sorted(mine)
    assert (await support.call("GET", f"/admin/receipts/{other['id']}")).status_code == 404
    assert (await support.call("GET", f"/admin/receipts?actor={other['actor']}")).status_code == 403
    everything = (await boss.ok("GET", "/admin/receipts"))["items"]
    assert {each["id"] for each in everything} == {*mine, other["id"]}
    assert (await boss.call("GET", "/admin/receipts?cursor=x")).status_code == 400
