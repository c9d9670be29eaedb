"""Several daemons on one PostgreSQL share the work; whatever befalls them, nothing is missed, doubled or lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio
import pytest

from tests.faults.crowd import PIPELINES, Crowd, Ordeal, gathered
from tests.faults.daemons import endure
from tests.support import postgres
from tests.support.daemon import PATIENCE, Daemon

pytestmark = pytest.mark.anyio

SHORT = Ordeal(daemons=2, length=4, lease=1, every=0.2, pause=1, restarts=1)
CALM = Ordeal(daemons=2, length=0, lease=2, every=0.2, pause=60, restarts=0)


@pytest.fixture
def database(postgres_server: postgres.Server, postgres_template: str) -> str:
    return postgres_server.create(template=postgres_template)


async def test_killed_frozen_and_cut_off(tmp_path: Path, postgres_server: postgres.Server, database: str) -> None:
    found = await endure(tmp_path, postgres_server, database, SHORT)
    print(found.report())  # noqa: T201  # the figures, for `pytest -s`
    assert found.flaws == {}
    assert {"kills", "freezes", "restarts"} <= set(found.befell)
    assert sum(found.takeovers.values()), "nobody took over"
    assert found.signals, "nothing was found that could differ"


async def leases(daemon: Daemon) -> dict[str, bool]:
    """Which pipelines a daemon says that it works, of those that anybody works."""
    status = (await daemon.ask("/status")).json()
    return {each["pipeline"]: each["mine"] for each in status["leases"] if each["owner"]}


async def shared_out(crowd: Crowd) -> None:
    """Wait until everybody knows that each pipeline is worked by one of them."""
    with anyio.fail_after(PATIENCE):
        while True:
            told = [await leases(daemon) for daemon in crowd.running]
            mine = Counter(name for each in told for name, held in each.items() if held)
            if all(set(each) == set(PIPELINES) for each in told) and mine == Counter(PIPELINES):
                return
            await anyio.sleep(0.2)


async def test_each_pipeline_is_one_daemons_and_a_stop_hands_it_over(
    tmp_path: Path, postgres_server: postgres.Server, database: str
) -> None:
    async with gathered(tmp_path, postgres_server, database, CALM) as crowd:
        beside = crowd.start("--role", "api")
        await shared_out(crowd)
        status = (await beside.ask("/status")).json()
        assert (status["role"], status["sources"], status["pipelines"]) == ("api", {}, {})
        assert (await beside.ask("/readyz")).status_code == 200
        first, second, _ = crowd.running
        code, _ = await first.stop()
        crowd.running.remove(first)
        assert code == 0, first.said
        await shared_out(crowd)
        metrics = (await second.ask("/metrics")).text
        assert all(f'stratumd_lease_held{{pipeline="{name}"}} 1.0' in metrics for name in PIPELINES)
