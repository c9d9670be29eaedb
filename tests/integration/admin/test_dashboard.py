"""Who may look at the dashboard, by `open_to`: each of its routes for everybody who may come, from here and elsewhere.

With `staff` the matrix of all endpoints asks it too, as more callers; this one knows addresses besides.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from stratumd.http.app import create_app
from stratumd.plugin import MINUTE
from stratumd.testing.clock import VirtualClock
from stratumd.testing.house import Serving, serving
from tests.integration.accounts.conftest import OPTIONS
from tests.integration.admin.conftest import hired, partner
from tests.support import steps

pytestmark = pytest.mark.anyio

HERE = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
ELSEWHERE = ("10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1", "")
ROUTES = {
    "/",
    "/api/v1/dashboard/board",
    f"/api/v1/dashboard/events/{steps.event().id}",
    "/api/v1/dashboard/signals",
    "/api/v1/dashboard/closing",
    "/api/v1/dashboard/health",
}
ADMITTED = {
    "this-machine": {"anonymous": (200, 403), "customer": (200, 403), "staff": (200, 403)},
    "staff": {"anonymous": (401, 401), "customer": (403, 403), "staff": (200, 200)},
    "everybody": {"anonymous": (200, 200), "customer": (200, 200), "staff": (200, 200)},
}
"""By `open_to` and who calls: the answer from here, and from elsewhere."""


def expected(open_to: str, who: str, path: str) -> tuple[int, int]:
    """Return the answers from here and from elsewhere. The page itself shows nothing: staff logs in on it."""
    return (200, 200) if open_to == "staff" and path == "/" else ADMITTED[open_to][who]


@asynccontextmanager
async def coming_from(house: Serving, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """Lend a client with that address, which names this machine as its own pages do."""
    app = create_app(None, house.house)  # type: ignore[arg-type]  # none of the daemon's own pages is asked for
    transport = httpx.ASGITransport(app, client=(address, 4000))
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", verify=plain) as client:
        yield client


@pytest.mark.parametrize("open_to", ADMITTED)
async def test_each_route_lets_in_whom_it_is_open_to(url: str, open_to: str) -> None:
    routes: Mapping[str, Any] = {"accounts": OPTIONS, "admin": {}, "dashboard": {"open_to": open_to}}
    async with serving(url, routes, clock=VirtualClock(steps.START + 5 * MINUTE)) as house:
        steps.keep(house.store, steps.step(steps.observation()), sinks=())
        staff, customer = await hired(house, "support_admin"), await partner(house, "ann@example.org")
        callers = {"anonymous": {}, "customer": customer.headers, "staff": staff.headers}
        found, wanted = {}, {}
        for address in (*HERE, *ELSEWHERE):
            async with coming_from(house, address) as client:
                for path in ROUTES:
                    for who, headers in callers.items():
                        for method in ("GET", "HEAD"):
                            cell = (method, path, who, address)
                            found[cell] = (await client.request(method, path, headers=headers)).status_code
                            wanted[cell] = expected(open_to, who, path)[address not in HERE]
    assert found == wanted


async def test_no_route_is_left_out(url: str) -> None:
    async with serving(url, {"dashboard": {}}) as house:
        declared = {each.path.replace("{event}", steps.event().id) for each in house.house.endpoints}
        assert {each.method for each in house.house.endpoints} == {"GET"}
    assert declared == ROUTES
