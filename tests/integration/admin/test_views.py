"""What staff reads: through the operations of the plugins that keep the rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stratumd.store.tables import audit as audit_table
from stratumd.testing.house import Serving, serving
from tests.integration.accounts.conftest import BOTH, OPTIONS
from tests.integration.admin.conftest import Member, hired, partner

pytestmark = pytest.mark.anyio


async def test_users_partners_and_keys(house: Serving, boss: Member) -> None:
    free = await partner(house, "free@example.org", None)
    paying = await partner(house, "paying@example.org")
    key = await paying.ok("POST", "/account/keys", {"name": "mine"})
    users = (await boss.ok("GET", "/admin/users"))["items"]
    assert {each["email"] for each in users} == {boss.email, free.email, paying.email}
    partners = (await boss.ok("GET", "/admin/partners"))["items"]
    assert [each["email"] for each in partners] == [paying.email]
    user = await boss.ok("GET", f"/admin/users/{await paying.id()}")
    assert user["items"][0]["email"] == paying.email
    keys = (await boss.ok("GET", "/admin/keys"))["items"]
    assert [each["id"] for each in keys] == [key["id"]]
    assert (await boss.ok("GET", f"/admin/keys/{key['id']}"))["items"][0]["name"] == "mine"
    assert key["key"] not in str([users, partners, keys])
    plans = {each["name"]: each for each in (await boss.ok("GET", "/admin/plans"))["items"]}
    assert plans["api_monthly"]["included"] == 100_000


async def test_users_come_page_by_page(house: Serving, boss: Member) -> None:
    for number in range(4):
        await house.operate("accounts.create", {"email": f"a{number}@example.org"})
        house.clock.advance(1)
    seen, query = [], "?limit=2"
    while query:
        page = await boss.ok("GET", f"/admin/users{query}")
        seen += [each["email"] for each in page["items"]]
        query = f"?limit=2&cursor={page['next']}" if page["next"] else ""
    assert len(seen) == len(set(seen)) == 5


async def test_a_view_of_a_plugin_that_is_not_there_says_so(boss: Member) -> None:
    for path in ("/admin/billing", "/admin/usage", "/admin/usage/keys?account=a"):
        answer = await boss.call("GET", path)
        assert (answer.status_code, "http: routes:" in answer.json()["detail"]) == (404, True)


async def test_a_view_needs_its_permission(house: Serving) -> None:
    ops = await hired(house, "ops_admin")
    for path in ("/admin/users", "/admin/keys", "/admin/billing"):
        assert (await ops.call("GET", path)).status_code == 403
    assert (await ops.call("GET", "/admin/plans")).status_code == 200


async def test_the_audit_is_filtered_and_comes_page_by_page(house: Serving, boss: Member) -> None:
    for number in range(3):
        await boss.done("accounts.create", {"email": f"a{number}@example.org"})
    actor = f"account:{await boss.id()}"
    first = await boss.ok("GET", f"/admin/audit?actor={actor}&action=accounts.create&limit=2")
    second = await boss.ok("GET", f"/admin/audit?actor={actor}&action=accounts.create&cursor={first['next']}")
    targets = [each["target"] for each in (*first["items"], *second["items"])]
    assert targets == ["a2@example.org", "a1@example.org", "a0@example.org"]
    assert second["next"] is None
    assert (await boss.ok("GET", "/admin/audit?target=a1@example.org"))["items"][0]["reason"] == "a ticket"
    for path, status in (("/admin/audit/999999", 404), ("/admin/audit/x", 400), ("/admin/audit?cursor=-1", 400)):
        assert (await boss.call("GET", path)).status_code == status


@BOTH
async def test_what_was_tampered_with_is_named(house: Serving, boss: Member) -> None:
    receipt = await boss.done("accounts.create", {"email": "a@example.org"})
    assert (await boss.ok("GET", "/admin/audit/verification"))["intact"] is True
    (number,) = receipt["audit"]
    with house.store._engine.begin() as connection:
        connection.execute(audit_table.update().where(audit_table.c.sequence == number).values(reason="nothing"))
    found = await boss.ok("GET", "/admin/audit/verification")
    assert (found["intact"], found["breaks"]) == (False, [{"sequence": number, "reason": "it was changed"}])


async def test_an_act_whose_json_is_damaged_is_shown_as_it_stands(house: Serving, boss: Member) -> None:
    (number,) = (await boss.done("accounts.create", {"email": "a@example.org"}))["audit"]
    for damaged in ("{", "", "7", '[{"table": 1}, 2]', "[" * 5_000, "null"):
        with house.store._engine.begin() as connection:
            connection.execute(audit_table.update().where(audit_table.c.sequence == number).values(after=damaged))
        shown = await boss.ok("GET", f"/admin/audit/{number}")
        assert shown["after"] == [{"damaged": damaged}]
        assert shown in (await boss.ok("GET", "/admin/audit"))["items"]
    assert (await boss.ok("GET", "/admin/audit/verification"))["intact"] is False


def _report(name: str, question: Mapping[str, Any], pipeline: str) -> list[dict[str, Any]]:
    if name == "clv.overview":
        counts = {"valued": 30, "no_close": 10, "gone": 10}
        return [
            {"reference": "named", "after_seconds": 0, "status": status, "records": number}
            for status, number in counts.items()
        ]
    return [{"type": "STEAM", "maturity": each} for each in ("baseline_building", "baseline_building", "provisional")]


async def test_outcomes_say_how_readable_they_are_and_how_far_built(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    async with serving(url, {"accounts": OPTIONS, "admin": {}}, reports=_report) as house:
        boss = await hired(house, "super_admin")
        (found,) = (await boss.ok("GET", "/admin/outcomes"))["items"]
        assert found["pipeline"] == "nba"
        assert found["readable"][0]["readable_percent"] == 60.0
        assert found["readable"][0]["records"] == 50
        assert (found["baseline"]["cells"], found["baseline"]["ready"]) == (3, 1)
        assert (await boss.call("GET", "/admin/outcomes?pipeline=other")).status_code == 404


async def test_outcomes_without_their_plugin_say_so(boss: Member) -> None:
    answer = await boss.call("GET", "/admin/outcomes")
    assert (answer.status_code, "clv" in answer.json()["detail"]) == (404, True)
