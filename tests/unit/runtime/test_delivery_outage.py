"""An outage is remembered: a restart does not ask at once, and after 120 hours the sink is disabled."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.errors import DeliveryError
from stratumd.plugin import HOUR, SECOND, Delivery, Micros, PluginConfig
from stratumd.runtime.attempts import Target
from stratumd.runtime.breaker import Breaker, Pace
from stratumd.runtime.delivery import GIVEN_UP, LONGEST_WAIT, Worker
from tests.unit.runtime.delivery_fakes import START, Bench, Expiring, Scripted, make_signal

pytestmark = pytest.mark.anyio

DAY = 86_400.0
IDLE = 60.0
"""Seconds between two looks of an idle worker: these tests last for days."""


class Other(PluginConfig):
    url: str = "another"


def down(batch: Sequence[Delivery]) -> None:
    raise DeliveryError("connection refused")


async def failing(sink: Scripted | None = None, seconds: float = 600.0) -> Bench:
    """Return a bench whose receiver has been down for a while."""
    bench = Bench(sink or Scripted(down), make_signal("s1"), make_signal("s2", event="e2"), poll=IDLE)
    await bench.run(seconds)
    return bench


async def restarted(bench: Bench, sink: Scripted, poll: float = IDLE) -> None:
    """Put a new process's worker in the place of the old."""
    bench.sink = sink
    target = Target("chat", sink, "scripted", "2.0")
    surroundings = {"clock": bench.clock, "log": bench.log, "chance": lambda: 1.0, "poll": poll}
    bench.worker = Worker(target, bench.queue, bench.states, **surroundings)
    await bench.worker._start()


async def test_an_outage_is_a_row_until_one_attempt_succeeds() -> None:
    bench = await failing()
    outage = bench.queue.outages["chat"]
    assert (outage.reason, outage.failures, outage.since) == ("connection refused", len(bench.sink.calls), START)
    bench.sink.answer = lambda batch: None
    await bench.run(2_000)
    assert (bench.queue.outages, bench.queue.states()) == ({}, ["delivered", "delivered"])


async def test_a_restart_asks_no_sooner_than_the_process_before_it_would_have() -> None:
    bench = await failing()
    retry_at = bench.queue.outages["chat"].retry_at
    asked: list[Micros] = []
    await restarted(bench, Scripted(lambda batch: asked.append(bench.clock.time)))
    assert bench.state == ("RecoverableError", "connection refused", bench.queue.outages["chat"].failures)
    await bench.run(2_000)
    assert asked[0] >= retry_at > START
    assert bench.queue.outages == {}


async def test_it_goes_on_with_the_pauses_where_they_were() -> None:
    """Not with one second again: a receiver in trouble is not asked more often because we restart."""
    bench = await failing()
    before = bench.queue.outages["chat"].failures
    await restarted(bench, Scripted(down))
    await bench.run(4_000)
    assert bench.queue.outages["chat"].failures > before
    assert bench.queue.outages["chat"].since == START
    assert len(bench.sink.calls) <= 4


async def test_other_options_ask_at_once() -> None:
    bench = await failing()
    again = Scripted()
    again.options = Other()
    await restarted(bench, again)
    await bench.worker.step()
    assert (bench.queue.outages, len(again.calls)) == ({}, 1)


async def test_after_120_hours_it_is_disabled_and_what_waits_stays() -> None:
    bench = Bench(Scripted(down), *(make_signal(f"s{n}", event=f"e{n}") for n in range(400)), poll=IDLE)
    await bench.run(119 * 3_600)
    assert (bench.queue.off, bench.state[0]) == ({}, "RecoverableError")
    await bench.run(2 * 3_600)
    assert bench.state[:2] == ("PermanentError", "nothing could be delivered for 120 h: connection refused")
    assert bench.queue.off["chat"].since - START >= GIVEN_UP == 120 * HOUR
    assert set(bench.queue.states()) == {"pending"}
    calls = len(bench.sink.calls)
    await bench.run(DAY)
    assert len(bench.sink.calls) == calls


async def test_the_hours_go_on_counting_over_restarts() -> None:
    bench = await failing()
    for _ in range(6):
        await restarted(bench, Scripted(down))
        await bench.run(21 * 3_600)
    assert list(bench.queue.off) == ["chat"]


async def test_one_success_begins_the_hours_anew() -> None:
    bench = await failing(seconds=100 * 3_600)
    bench.sink.answer = lambda batch: None
    await bench.run(3_600)
    bench.sink.answer = down
    bench.queue.add("chat", make_signal("s3", event="e3"))
    await bench.run(100 * 3_600)
    assert bench.queue.off == {}


async def test_enabling_it_begins_the_hours_anew() -> None:
    bench = await failing(seconds=121 * 3_600)
    assert list(bench.queue.off) == ["chat"]
    bench.queue.enable("chat")
    await bench.run(3_600)
    assert (bench.queue.off, bench.state[0]) == ({}, "RecoverableError")
    bench.sink.answer = lambda batch: None
    await bench.run(3_600)
    assert set(bench.queue.states()) == {"delivered"}


async def test_what_grows_stale_during_an_outage_expires() -> None:
    bench = Bench(Expiring(down), make_signal("s1", expires_at=START + 60 * SECOND), make_signal("s2", event="e2"))
    await bench.run(3_600)
    assert bench.queue.state("chat:s1") == "expired"
    assert bench.queue.state("chat:s2") == "pending"


def test_a_clock_that_is_set_back_makes_no_wait_longer() -> None:
    breaker = Breaker()
    breaker.trip("down", 1, START, 30.0, "")
    assert breaker.wait(START - 3_600 * SECOND) == 30.0
    breaker.load(breaker.outage, START - 10**9 * SECOND, LONGEST_WAIT)
    assert breaker.wait(START - 10**9 * SECOND) == LONGEST_WAIT


# ---- lanes


class Two(Scripted):
    """Takes one delivery at a time in each of two lanes, and remembers which were under way together."""

    batch, concurrency = 1, 2

    def __init__(self) -> None:
        super().__init__()
        self.under_way: set[str] = set()
        self.together: list[set[str]] = []
        self.gate, self.full = anyio.Event(), anyio.Event()

    async def deliver(self, deliveries: Sequence[Delivery]) -> str | None:
        (delivery,) = deliveries
        self.under_way.add(delivery.id)
        self.together.append(set(self.under_way))
        if len(self.under_way) == self.concurrency:
            self.full.set()
        try:
            await self.gate.wait()
            return await super().deliver(deliveries)
        finally:
            self.under_way.discard(delivery.id)


async def run_until(bench: Bench, done: anyio.Event) -> None:
    """Run the worker as the daemon does until `done`."""
    async with anyio.create_task_group() as group:
        group.start_soon(bench.worker.run)
        with anyio.fail_after(30):
            await done.wait()
        group.cancel_scope.cancel()


async def test_two_lanes_deliver_two_events_at_once_and_one_event_in_order() -> None:
    signals = [make_signal(f"s{n}", event=f"e{n % 3}") for n in range(6)]
    sink, done = Two(), anyio.Event()
    bench = Bench(sink, *signals, poll=0.001)

    def answer(batch: Sequence[Delivery]) -> None:
        if len(sink.taken) == len(signals) - 1:
            done.set()

    sink.answer = answer

    async def open_the_gate() -> None:
        await sink.full.wait()
        sink.gate.set()

    async with anyio.create_task_group() as group:
        group.start_soon(open_the_gate)
        await run_until(bench, done)
    assert max(map(len, sink.together)) == 2
    for event in range(3):
        mine = [id for id in sink.taken if int(id[1:]) % 3 == event]
        assert mine == sorted(mine)


async def test_one_hanging_delivery_holds_back_its_own_lane_only() -> None:
    sink, done = Two(), anyio.Event()
    bench = Bench(
        sink, make_signal("stuck", event="e0"), *(make_signal(f"s{n}", event="e1") for n in range(5)), poll=0.001
    )

    async def deliver(batch: Sequence[Delivery]) -> None:
        if batch[0].signal.id == "stuck":
            await anyio.sleep_forever()
        if len(sink.taken) == 4:
            done.set()

    sink.answer = deliver
    sink.gate.set()
    await run_until(bench, done)
    assert sink.taken == [f"s{n}" for n in range(5)]


async def test_an_open_breaker_lets_one_lane_through() -> None:
    breaker = Breaker()
    breaker.trip("down", 1, START, 0.0, "")
    assert breaker.wait(START) == 0
    with breaker.attempt():
        assert breaker.wait(START) > 0
    assert breaker.wait(START) == 0


# ---- pace


async def test_a_recovery_is_no_faster_than_the_pace() -> None:
    bench = Bench(Scripted(), *(make_signal(f"s{n}", event=f"e{n}") for n in range(30)))
    bench.sink.batch = 1  # type: ignore[misc]  # a plain sink
    bench.sink.per_second = 5.0
    await restarted(bench, bench.sink, poll=1.0)
    await bench.run(2)
    assert 10 <= len(bench.sink.calls) <= 11
    await bench.run(4)
    assert set(bench.queue.states()) == {"delivered"}


@given(st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=60), st.floats(0.5, 50))
def test_no_second_sees_more_calls_than_the_pace_says(gaps: list[int], per_second: float) -> None:
    """Whenever somebody wants to call, and waits as long as he is told."""
    pace, now, calls = Pace(per_second), START, []
    for gap in gaps:
        now += gap
        while wait := pace.wait(now):
            now += max(1, round(wait * SECOND))
        pace.took(now)
        calls.append(now)
    for first in calls:
        assert sum(first <= call < first + SECOND for call in calls) <= per_second + 1


def test_a_pace_of_none_waits_never() -> None:
    pace = Pace(None)
    pace.took(START)
    assert pace.wait(START) == 0
