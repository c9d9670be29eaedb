"""A source is polled when it is due, every exchange is stored first, and each error gets its own reaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from stratumd.config import Schedule
from stratumd.errors import (
    BadPayload,
    PluginError,
    RateLimited,
    StartupError,
    TransientError,
    Unauthorized,
)
from stratumd.plugin import MINUTE, SECOND, Micros
from stratumd.plugin.views import PauseRow, Taken
from stratumd.runtime.backoff import Backoff
from stratumd.runtime.collector import LONGEST_WAIT, Collector, Deadlines
from stratumd.runtime.core import Core
from stratumd.runtime.gauges import look_for_pauses
from stratumd.runtime.instants import StoredInstants
from stratumd.runtime.states import State
from stratumd.runtime.ticks import ticks
from stratumd.store import StoreBroken, StoreDown
from tests.unit.runtime.bench import ScriptedSource, Wrong, answer, core, failure, store_of, timer_of
from tests.unit.runtime.virtual import VirtualTimer

pytestmark = pytest.mark.anyio

DEADLINES = Deadlines()
MINUTELY = Schedule(every=timedelta(minutes=1))


def collector(
    source: ScriptedSource,
    shared: Core,
    *,
    schedule: Schedule | None = None,
    wake: Callable[[], None] = lambda: None,
    deadlines: Deadlines = DEADLINES,
) -> Collector:
    due = ticks(schedule, "nba", shared.timer, StoredInstants("source", "nba", shared)) if schedule else None
    backoff = Backoff(chance=lambda: 1.0)
    return Collector(source.feed, due, shared, wake, backoff=backoff, deadlines=deadlines)


def state(shared: Core) -> tuple[State, str]:
    found = shared.states.get("source", "nba")
    return found.state, found.reason


async def test_every_exchange_is_stored_before_the_pipelines_hear_of_it() -> None:
    shared, seen = core(), []
    source = ScriptedSource([answer(b"1"), answer(b"2")])
    await collector(source, shared, wake=lambda: seen.append(len(store_of(shared).polls))).run()
    assert seen == [1, 2]
    assert source.calls == ["open", "poll", "close"]
    assert state(shared) == (State.OK, "")


async def test_a_failed_exchange_is_logged_and_wakes_nobody() -> None:
    shared, woken = core(), []
    source = ScriptedSource([failure(TransientError("down"))])
    await collector(source, shared, wake=lambda: woken.append(1)).run()
    assert [poll.observation for _, poll in store_of(shared).polls] == [None]
    assert woken == []
    assert state(shared) == (State.RECOVERABLE_ERROR, "down")


async def test_one_sports_failure_costs_the_others_nothing() -> None:
    """Something was answered, so the schedule goes on as it is; the state says what failed."""
    shared = core()
    source = ScriptedSource([failure(TransientError("down")), answer()])
    assert await collector(source, shared).poll() == 0
    assert len(store_of(shared).observations) == 1
    assert state(shared) == (State.RECOVERABLE_ERROR, "down")


async def test_a_source_that_is_down_is_asked_less_and_less_often() -> None:
    source = ScriptedSource(*[[failure(TransientError("down"))]] * 4, [answer()], [failure(TransientError("down"))])
    polled = collector(source, core())
    assert [await polled.poll() // SECOND for _ in range(6)] == [1, 2, 4, 8, 0, 1]


async def test_a_rate_limit_waits_as_long_as_was_asked() -> None:
    source = ScriptedSource([failure(RateLimited("slower", retry_after=30.0)), answer()])
    assert await collector(source, core()).poll() == 30 * SECOND


async def test_a_rate_limit_without_a_time_backs_off() -> None:
    source = ScriptedSource([answer(), failure(RateLimited("slower"))])
    assert await collector(source, core()).poll() == SECOND


async def test_no_provider_puts_a_source_to_sleep_for_ever() -> None:
    source = ScriptedSource([failure(RateLimited("later", retry_after=1e300))])
    assert await collector(source, core()).poll() == LONGEST_WAIT * SECOND


async def test_a_wrong_key_ends_the_poll_at_once() -> None:
    shared = core()
    source = ScriptedSource([failure(Unauthorized("wrong key")), answer()])
    with pytest.raises(Unauthorized, match="wrong key"):
        await collector(source, shared).run()
    assert len(store_of(shared).polls) == 1
    assert source.calls[-1] == "close"


async def test_an_unreadable_answer_is_no_reason_to_wait() -> None:
    shared = core()
    assert await collector(ScriptedSource([failure(BadPayload("not JSON"))]), shared).poll() == 0
    assert state(shared) == (State.OK, "")
    assert shared.journal.source("nba").last_error == "not JSON"


async def test_the_schedule_goes_on_around_the_polls() -> None:
    shared = core()
    source = ScriptedSource([answer()], [answer(b"2")], [Unauthorized("enough")])
    with pytest.raises(Unauthorized):
        await collector(source, shared, schedule=MINUTELY).run()
    assert timer_of(shared).sleeps == [0, MINUTE, 0, MINUTE]
    assert shared.journal.source("nba").next_due == timer_of(shared).now()


async def test_skipped_instants_are_counted() -> None:
    shared = core()

    async def dawdle() -> None:
        timer_of(shared).pass_by(150 * SECOND)

    source = ScriptedSource([dawdle], [Unauthorized("enough")])
    with pytest.raises(Unauthorized):
        await collector(source, shared, schedule=MINUTELY).run()
    assert shared.journal.source("nba").skipped == 2


@pytest.mark.parametrize(
    "error",
    [ValueError("oops"), SystemExit(3), RecursionError(), KeyboardInterrupt(), ExceptionGroup("two", [OSError()])],
)
async def test_whatever_a_source_raises_is_named(error: BaseException) -> None:
    source = ScriptedSource([answer(), error])
    with pytest.raises(PluginError) as caught:
        await collector(source, core()).run()
    assert (caught.value.plugin, caught.value.version, caught.value.component) == ("scripted", "1.2", "nba")
    assert caught.value.where.startswith("bench.py:")
    assert source.calls[-1] == "close"


@pytest.mark.parametrize(
    "asked", ["soon", [], float("nan"), -5, 10**400], ids=["a word", "a list", "nan", "-5", "huge"]
)
async def test_a_wait_that_is_none_is_not_waited(asked: Any) -> None:
    error = RateLimited("slower")
    error.retry_after = asked
    assert await collector(ScriptedSource([failure(error)]), core()).poll() == SECOND


async def test_an_error_of_the_contract_that_is_raised_keeps_its_meaning() -> None:
    with pytest.raises(TransientError, match="down"):
        await collector(ScriptedSource([TransientError("down")]), core()).run()


async def test_a_source_that_cannot_open_is_not_polled() -> None:
    source = ScriptedSource([answer()], opening=[StartupError("no network")])
    with pytest.raises(StartupError, match="no network"):
        await collector(source, core()).run()
    assert source.calls == ["open", "close"]


async def test_a_source_that_failed_is_opened_again_after_it_was_closed() -> None:
    source = ScriptedSource([ValueError("oops")], [answer()])
    polled = collector(source, core())
    with pytest.raises(PluginError):
        await polled.run()
    await polled.run()
    assert source.calls == ["open", "poll", "close"] * 2


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("an answer", "yielded a str; a source yields a Poll for each exchange"),
        (answer().observation, "yielded a Observation; a source yields a Poll for each exchange"),
        (replace(answer(), observation=b"{}"), "a poll's observation is an Observation or None, not a bytes"),
    ],
)
async def test_what_is_no_poll_is_named_as_the_plugins_mistake(made: object, said: str) -> None:
    source = ScriptedSource([Wrong(made)])
    with pytest.raises(PluginError, match=said) as caught:
        await collector(source, core()).run()
    assert (caught.value.plugin, caught.value.component) == ("scripted", "nba")
    assert source.calls[-1] == "close"


async def test_a_source_that_hangs_is_given_up() -> None:
    source = ScriptedSource([anyio.sleep_forever])
    with pytest.raises(TransientError, match="no answer within"):
        await collector(source, core(), deadlines=Deadlines(exchange=0.01)).run()
    assert source.calls[-1] == "close"


async def test_an_answer_waits_for_a_store_that_is_down() -> None:
    """It is paid for; nothing more is asked until it is stored."""
    shared = core()
    store_of(shared).down = [StoreDown("gone"), StoreDown("gone")]
    source = ScriptedSource([answer(b"1"), answer(b"2")])
    await collector(source, shared).run()
    assert [each.body for each in store_of(shared).observations] == [b"1", b"2"]
    assert len(timer_of(shared).sleeps) == 2


async def test_a_damaged_store_is_not_tried_again() -> None:
    shared = core()
    store_of(shared).down = [StoreBroken("damaged")]
    with pytest.raises(StoreBroken):
        await collector(ScriptedSource([answer()]), shared).run()


async def test_credits_and_counts_are_shown() -> None:
    shared = core()
    await collector(ScriptedSource([answer(remaining=480, at=SECOND), failure(TransientError("down"))]), shared).run()
    entry = shared.journal.source("nba")
    assert (entry.polls, entry.failed, entry.credits_remaining) == (2, 1, 480)
    exposed = shared.metrics.expose().decode()
    assert 'stratumd_credits_remaining{source="nba"} 480.0' in exposed
    assert 'stratumd_polls_total{outcome="transient",source="nba"} 1.0' in exposed


async def test_a_stop_lets_the_exchange_at_hand_end_and_begins_no_other() -> None:
    shared = core()
    asked, answering = anyio.Event(), anyio.Event()

    async def slowly() -> None:
        asked.set()
        await answering.wait()

    source = ScriptedSource([slowly, answer(b"paid for"), slowly, answer(b"not asked for")])
    async with anyio.create_task_group() as group:
        group.start_soon(collector(source, shared).run)
        await asked.wait()
        group.cancel_scope.cancel()
        answering.set()
    assert [each.body for each in store_of(shared).observations] == [b"paid for"]
    assert source.calls[-1] == "close"


async def test_an_instant_that_is_taken_is_polled_once_also_where_the_stop_comes_while_it_is_taken() -> None:
    """No other daemon takes it, so nobody else would poll."""
    shared = core()
    source = ScriptedSource([answer(b"of the instant"), answer(b"not asked for")])

    class Stopping(StoredInstants):
        async def take(self, instant: Micros, gap: Micros) -> Taken:
            taken = await super().take(instant, gap)
            scope.cancel()
            return taken

    polling = collector(source, shared)
    polling.ticks = ticks(MINUTELY, "nba", shared.timer, Stopping("source", "nba", shared))
    with anyio.CancelScope() as scope:
        await polling.run()
    assert [each.body for each in store_of(shared).observations] == [b"of the instant"]
    assert source.calls == ["open", "poll", "close"]


# ---- paused by a person


async def test_a_paused_source_is_not_polled_and_nothing_is_made_up_for() -> None:
    """Also where the process began while it was paused."""
    shared, began = core(), VirtualTimer().now()
    source = ScriptedSource([answer()], [Unauthorized("enough")])
    store_of(shared).pauses = [PauseRow("nba", "", 0, began + 150 * SECOND), PauseRow("wnba", "", 0, None)]
    with pytest.raises(Unauthorized):
        await collector(source, shared, schedule=MINUTELY).run()
    assert source.calls == ["open", "poll", "poll", "close"]
    assert timer_of(shared).now() == began + 240 * SECOND


async def test_a_paused_source_says_so_and_is_well_again_when_it_is_resumed() -> None:
    shared = core()
    source = ScriptedSource([failure(TransientError("down"))], [answer()])
    polled = collector(source, shared)
    await polled.poll()
    shared.journal.pauses = {"nba": PauseRow("nba", "the provider is down", 0, None)}
    await polled.poll()
    told = "paused since 1970-01-01T00:00:00Z: the provider is down; `stratumd resume nba` goes on"
    assert state(shared) == (State.OK, told)
    await look_for_pauses(shared)
    await polled.poll()
    assert (source.calls, state(shared)) == (["poll", "poll"], (State.OK, ""))
