"""The dashboard for staff: what plans hide from customers is there, so customers are refused."""

from __future__ import annotations

import pytest

from stratumd.testing.house import serving
from tests.integration.accounts.conftest import OPTIONS
from tests.integration.admin.conftest import hired, partner

pytestmark = pytest.mark.anyio


async def test_staff_may_look_and_customers_may_not(url: str) -> None:
    routes = {"accounts": OPTIONS, "admin": {}, "dashboard": {"open_to": "staff"}}
    async with serving(url, routes) as house:
        staff, customer = await hired(house, "super_admin"), await partner(house, "ann@example.org")
        assert (await house.client.get("/")).status_code == 200, "the page itself shows nothing"
        assert (await house.client.get("/api/v1/dashboard/board")).status_code == 401
        for path in ("board", "signals", "health", "closing"):
            assert (await customer.call("GET", f"/dashboard/{path}")).status_code == 403, path
            assert (await staff.call("GET", f"/dashboard/{path}")).status_code == 200, path
