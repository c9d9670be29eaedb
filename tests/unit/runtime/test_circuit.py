"""A provider that keeps failing is left alone, one exchange finds out more, and a restart knows it."""

from __future__ import annotations

import pytest

from stratumd.errors import StratumError
from stratumd.plugin import HOUR, MINUTE, SECOND, PluginConfig
from stratumd.runtime.backoff import Backoff
from stratumd.runtime.circuit import OPENS_AFTER, Circuit
from stratumd.runtime.core import Core
from stratumd.store import StoreDown
from tests.unit.runtime.bench import ScriptedSource, core, store_of, timer_of

pytestmark = pytest.mark.anyio


class Options(PluginConfig):
    """Options of the source."""

    url: str = "one"


def circuit(shared: Core, *, chance: float = 1.0, url: str = "one", version: str = "1") -> Circuit:
    source = ScriptedSource()
    source.options = Options(url=url)
    return Circuit("nba", source, version, shared, Backoff(chance=lambda: chance))


async def opened(shared: Core, times: int = OPENS_AFTER) -> Circuit:
    made = circuit(shared)
    await made.recall()
    for _ in range(times):
        await made.failed("down")
    return made


async def test_it_opens_after_some_failures_in_a_row_and_stays_open_longer_each_time() -> None:
    shared = core()
    made = circuit(shared)
    waits = [await made.failed("down") // SECOND for _ in range(12)]
    assert waits == [1, 2, 4, 8, 30, 60, 120, 240, 480, 900, 900, 900]
    assert made.on_trial
    assert store_of(shared).outages["source", "nba"].failures == 12


async def test_what_is_stored_is_drawn_so_that_many_do_not_return_together() -> None:
    low, high = circuit(core(), chance=0.0), circuit(core(), chance=1.0)
    assert [await low.failed("down") for _ in range(5)][-1] == 15 * SECOND
    assert [await high.failed("down") for _ in range(5)][-1] == 30 * SECOND


async def test_a_success_closes_it_and_forgets_the_row() -> None:
    shared = core()
    made = await opened(shared)
    await made.succeeded()
    assert not made.on_trial
    assert store_of(shared).outages == {}
    assert await made.failed("down") == SECOND
    assert shared.journal.source("nba").breaker == "closed"


async def test_a_provider_that_names_a_time_opens_it_at_once_for_as_long() -> None:
    shared = core()
    made = circuit(shared)
    assert await made.failed("slower", 10 * MINUTE) == 10 * MINUTE
    assert store_of(shared).outages["source", "nba"].retry_at == shared.timer.now() + 10 * MINUTE


async def test_a_restart_goes_on_waiting_where_the_process_before_it_was() -> None:
    shared = core()
    await opened(shared)
    timer_of(shared).pass_by(10 * SECOND)
    made = circuit(shared)
    assert await made.recall() == 20 * SECOND
    assert (made.failures, made.reason, made.on_trial) == (OPENS_AFTER, "down", True)
    assert shared.journal.source("nba").breaker == "open"
    timer_of(shared).pass_by(HOUR)
    assert await made.recall() == 0
    assert await made.failed("down") == 60 * SECOND


@pytest.mark.parametrize("other", [{"url": "two"}, {"version": "2"}])
async def test_other_options_are_another_chance(other: dict[str, str]) -> None:
    shared = core()
    await opened(shared)
    made = circuit(shared, **other)  # type: ignore[arg-type]  # these are texts
    assert await made.recall() == 0
    assert not made.on_trial
    assert store_of(shared).outages == {}


async def test_it_works_without_a_store_as_long_as_the_process_does() -> None:
    shared = core()
    down: list[StratumError] = [StoreDown("gone")]
    store_of(shared).down = down
    made = await opened(shared)
    assert made.on_trial
    store_of(shared).down = [StoreDown("gone")]
    await made.succeeded()
    assert not made.on_trial


async def test_state_and_figures_are_shown() -> None:
    shared = core()
    made = await opened(shared)
    entry = shared.journal.source("nba")
    assert (entry.breaker, entry.failures) == ("open", OPENS_AFTER)
    assert entry.retry_at == shared.timer.now() + 30 * SECOND
    made.try_now()
    assert entry.breaker == "half-open"
    exposed = shared.metrics.expose().decode()
    assert 'stratumd_source_breaker{source="nba"} 1.0' in exposed
    assert 'stratumd_source_breaker_opened_total{source="nba"} 1.0' in exposed
