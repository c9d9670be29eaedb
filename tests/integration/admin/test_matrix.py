"""Nobody gets what the table of permissions does not give them: every endpoint, everybody, everybody's ids.

`make matrix` asks for more, on both databases, and prints how much.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stratumd.plugin.routes import Endpoint
from tests.integration.admin.matrix import Cell, Outcome, belongings, outcomes
from tests.integration.admin.policy import Caller, needed
from tests.integration.admin.world import CANARY, World, world
from tests.support import postgres

pytestmark = pytest.mark.anyio
THOROUGH = os.environ.get("STRATUMD_MATRIX") == "full"


@pytest.fixture(params=["sqlite", "postgresql"] if THOROUGH else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the test's own: on both engines where it is thorough."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'stratum.db'}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    name = server.create(template=request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


async def test_nobody_gets_what_is_not_theirs(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    tested, leaks, admitted = 0, [], 0
    async with world(url) as found:
        for endpoint in found.house.house.endpoints:
            schemes, scope = needed(endpoint) or ((), "")
            assert (set(endpoint.access.schemes), endpoint.access.scope) == (set(schemes), scope), endpoint.path
        before = await belongings(found)
        async for outcome in outcomes(found, thorough=THOROUGH):
            tested += 1
            admitted += outcome.cell.admitted
            if (leak := outcome.leak(found)) is not None:
                leaks.append(leak)
        assert await belongings(found) == before
        endpoints, callers = len(found.house.house.endpoints), len(found.callers)
    with capsys.disabled():
        if THOROUGH:
            print(  # noqa: T201  # that is what it is run for
                f"\n{endpoints} endpoints, {callers} callers: cells tested {tested:,}, leaks {len(leaks)}"
            )
    assert leaks == []
    assert 0 < admitted < tested
    assert tested > 1_000


@pytest.mark.parametrize(
    ("admitted", "whose", "status", "text", "noticed"),
    [
        (False, "", 200, "", True),
        (False, "foreign", 404, "", True),
        (False, "foreign", 403, "", False),
        (True, "foreign", 200, "", True),
        (True, "foreign", 404, "", False),
        (True, "own", 200, "", False),
        (True, "own", 401, "", True),
        (True, "own", 500, "", True),
        (True, "own", 200, CANARY, True),
        (True, "", 200, '{"account": "a1"}', True),
    ],
)
def test_a_leak_is_noticed(admitted: bool, whose: str, status: int, text: str, noticed: bool) -> None:
    endpoint = Endpoint(method="GET", path="/api/v1/account/keys/{key}", call=None, name="x", summary="")
    cell = Cell(endpoint, Caller("somebody", {}, {}), whose, "/api/v1/account/keys/k1", None, admitted)
    world = World(None, [], {"account": "a1"}, None)
    assert (Outcome(cell, status, text).leak(world) is not None) == noticed
