"""What nobody reports is measured."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from stratumd.plugin import SECOND
from stratumd.runtime import gauges
from stratumd.runtime.states import State
from stratumd.store import StoreDown, Waiting
from tests.unit.runtime.bench import core, store_of, timer_of

pytestmark = pytest.mark.anyio


async def test_deliveries_are_counted_by_state() -> None:
    shared = core()
    await gauges.look(shared)
    assert shared.journal.deliveries == {("main.file", "pending"): Waiting(2, 1_000_000)}
    exposed = shared.metrics.expose().decode()
    assert 'stratumd_deliveries{sink="main.file",state="pending"} 2.0' in exposed
    age = shared.metrics.registry.get_sample_value("stratumd_delivery_oldest_waiting_seconds", {"sink": "main.file"})
    assert age == (timer_of(shared).now() - SECOND) / SECOND


async def test_a_store_that_does_not_answer_is_shown_until_it_does() -> None:
    shared = core()
    store_of(shared).down = [StoreDown("gone")]
    await gauges.look(shared)
    assert shared.states.get("store", "store").state is State.RECOVERABLE_ERROR
    await gauges.look(shared)
    assert shared.states.get("store", "store").state is State.OK


async def test_an_outage_of_the_store_is_told_once_and_so_is_its_end() -> None:
    shared = core()
    store_of(shared).down = [StoreDown("gone")] * 3 + [StoreDown("starting up")]
    with capture_logs() as lines:
        for _ in range(6):
            await gauges.look(shared)
    assert [(each["event"], each.get("error")) for each in lines] == [
        ("the store does not answer", "gone"),
        ("the store does not answer", "starting up"),
        ("the store answers again", None),
    ]


async def test_a_pipeline_that_another_daemon_took_over_is_held_no_more() -> None:
    """Also before the one that lost it, being frozen, has anything to commit."""
    shared = core()
    shared.journal.pipeline("main")
    shared.metrics.lease_held.labels("main").set(1)
    store_of(shared).sharing.others["main"] = "elsewhere boot 2 token"
    await gauges.look(shared)
    assert shared.metrics.registry.get_sample_value("stratumd_lease_held", {"pipeline": "main"}) == 0


async def test_a_late_loop_is_measured() -> None:
    shared = core()
    timer = timer_of(shared)
    timer.while_asleep = lambda: timer.pass_by(250_000)
    assert await gauges.longest_delay(shared) == 0.25
    assert await gauges.longest_delay(shared) == 0
