"""A pipeline is worked by the daemon that holds its lease; who loses it starts over when it is free."""

from __future__ import annotations

import anyio
import pytest
from structlog.testing import capture_logs

from stratumd.runtime.core import Core
from stratumd.runtime.instants import StoredInstants
from stratumd.runtime.leases import BEATS, PipelinePost, renew
from stratumd.runtime.states import State
from stratumd.store import LeaseLost, StoreDown
from tests.unit.runtime.bench import MemorySharing, core, store_of, timer_of

pytestmark = pytest.mark.anyio


def shared() -> tuple[Core, MemorySharing]:
    """A core whose store others may use too."""
    made = core()
    sharing = store_of(made).sharing
    sharing.shared = True
    return made, sharing


def value(made: Core, name: str) -> float | None:
    return made.metrics.registry.get_sample_value(name, {"pipeline": "main"})


async def test_a_free_post_is_taken_at_once_and_left_at_the_end() -> None:
    made, sharing = shared()
    post = PipelinePost("main", made, once=False)
    assert await post.taken()
    assert (sharing.held, value(made, "stratumd_lease_held")) == (["main"], 1)
    await post.leave()
    assert (sharing.held, value(made, "stratumd_lease_held")) == ([], 0)


async def test_a_post_that_another_daemon_holds_is_waited_for() -> None:
    made, sharing = shared()
    sharing.others["main"] = "db1 boot 17 token"
    timer_of(made).while_asleep = lambda: sharing.others.clear()
    assert await PipelinePost("main", made, once=False).taken()
    assert len(timer_of(made).sleeps) == 1
    assert made.states.get("pipeline", "main").state is State.STARTING


async def test_meanwhile_all_is_well_and_it_is_told_who_works() -> None:
    made, sharing = shared()
    sharing.others["main"] = "db1 boot 17 token"
    async with anyio.create_task_group() as group:
        group.start_soon(PipelinePost("main", made, once=False).taken)
        with anyio.fail_after(30):
            while not (found := [each for each in made.states if each.name == "main" and each.state is State.OK]):
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert [each.reason for each in found] == ["worked by db1, process 17"]


async def test_a_single_round_leaves_to_another_daemon_what_that_one_works() -> None:
    made, sharing = shared()
    sharing.others["main"] = "db1 boot 17 token"
    assert not await PipelinePost("main", made, once=True).taken()
    assert timer_of(made).running > sharing.lease, "a dead daemon's lease ends meanwhile"


async def test_a_lost_post_is_counted() -> None:
    made, _ = shared()
    PipelinePost("main", made, once=False).lost(LeaseLost())
    assert value(made, "stratumd_leases_lost_total") == 1


async def test_leases_are_renewed_well_within_their_length_also_after_an_outage() -> None:
    made, sharing = shared()
    beats: list[int] = []

    def beat() -> None:
        beats.append(timer_of(made).running)
        if len(beats) < 3:
            raise StoreDown

    sharing.beat = beat
    with capture_logs() as lines:
        await _renewed(made, beats, 4)
    assert beats[1] - beats[0] == sharing.lease // BEATS
    assert [each["event"] for each in lines] == ["leases are not renewed", "leases are renewed again"]


async def _renewed(made: Core, beats: list[int], times: int) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(renew, made)
        with anyio.fail_after(30):
            while len(beats) < times:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()


async def test_an_instant_waits_for_the_store() -> None:
    made, sharing = shared()
    sharing.down = [StoreDown("gone"), StoreDown("gone"), StoreDown("full")]
    made.states.put("source", "nba", State.OK)
    with capture_logs() as lines:
        found = await StoredInstants("source", "nba", made).take(60, 0)
    assert found.mine
    assert len(timer_of(made).sleeps) == 3
    assert [each.get("error") for each in lines] == ["gone", "full", None], "each reason once, and the end"
    assert made.states.get("source", "nba").state is State.OK
