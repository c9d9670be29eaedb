"""What staff sees of usage and overage, by account and by key: from requests that were really served."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratumd.testing.house import serving
from tests.integration.accounts.conftest import OPTIONS
from tests.integration.admin.conftest import bearer, hired, partner

pytestmark = pytest.mark.anyio
API_PLAN = {"kind": "api", "title": "API", "scopes": ["intel:read"], "included": 6, "overage": True}


async def test_usage_and_overage_by_account_and_key(tmp_path: Path) -> None:
    routes = {
        "accounts": OPTIONS | {"plans": {"api_monthly": API_PLAN}},
        "partner-api": {"secret": "s" * 40},
        "admin": {},
    }
    async with serving(f"sqlite:///{tmp_path / 'a.db'}", routes, background=False) as house:
        boss = await hired(house, "super_admin")
        bob = await partner(house, "bob@example.org")
        keys = [await bob.ok("POST", "/account/keys", {"name": name}) for name in ("often", "seldom")]
        for key, times in zip(keys, (9, 3), strict=True):
            for _ in range(times):
                answer = await house.client.get("/api/v1/intel/events", headers=bearer(key["key"]))
                assert answer.status_code == 200
        await house.routes("partner-api").close()  # writes what was counted
        id = await bob.id()
        (row,) = (await boss.ok("GET", "/admin/usage"))["items"]
        assert (row["account"], row["requests"], row["included"], row["overage"]) == (id, 12, 6, 6)
        by_key = (await boss.ok("GET", f"/admin/usage/keys?account={id}"))["items"]
        assert [(each["key"], each["requests"], each["overage"]) for each in by_key] == [
            (keys[0]["id"], 9, 4),
            (keys[1]["id"], 3, 2),
        ]
        assert (await boss.ok("GET", f"/admin/usage?account={id}&month=2025-12"))["items"] == []
        for path, status in (
            ("/admin/usage?month=2026-13", 422),
            ("/admin/usage/keys", 422),
            ("/admin/usage/keys?account=nobody", 404),
        ):
            assert (await boss.call("GET", path)).status_code == status
