"""A sink may say when it wants a failed delivery back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.errors import DeliveryError
from stratumd.plugin import SECOND, Delivery
from stratumd.runtime.delivery import SPREAD, Retry
from tests.unit.runtime.delivery_fakes import START, Bench, Scripted, make_signal

pytestmark = pytest.mark.anyio

HOUR = 3_600.0


class Scheduled(Scripted):
    """Wants its failures back after 5 s, 1 minute and 20 minutes."""

    retries = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=20))


def down(batch: Sequence[Delivery]) -> None:
    raise DeliveryError("connection refused")


async def attempts(bench: Bench, seconds: float) -> list[float]:
    """Run, and return the seconds after the start of every call of the sink."""
    times: list[float] = []

    def answer(batch: Sequence[Delivery]) -> None:
        times.append((bench.clock.time - START) / SECOND)
        raise DeliveryError("connection refused")

    bench.sink.answer = answer
    await bench.run(seconds)
    return times


async def test_a_failed_delivery_comes_back_when_the_sink_said() -> None:
    bench = Bench(Scheduled(), make_signal("s1"), chance=lambda: 0.0)
    waits = [after - before for before, after in pairwise(await attempts(bench, HOUR))]
    assert waits == pytest.approx([5, 60, 1_200], abs=1.1)  # an idle worker looks every second
    assert bench.queue.states() == ["dead"]


@given(chance=st.floats(0, 1))
async def test_a_wait_is_lengthened_at_random_and_never_shortened(chance: float) -> None:
    bench = Bench(Scheduled(down), make_signal("s1"), chance=lambda: chance)
    await bench.worker.step()
    wait = (bench.queue.rows[0].due_at - START) / SECOND
    assert 5 <= wait <= 5 * (1 + SPREAD)


async def test_new_deliveries_do_not_wait_for_the_schedule_of_old_ones() -> None:
    """The sink itself rests as any other does: seconds first."""
    bench = Bench(Scheduled(down), make_signal("s1"), chance=lambda: 0.0)
    await bench.run(80)
    bench.sink.answer = lambda batch: None
    bench.queue.add("chat", make_signal("s2", event="e2"))
    await bench.run(60)
    assert bench.queue.states() == ["pending", "delivered"]


async def test_a_longer_wait_that_the_receiver_asks_for_wins() -> None:
    script = [DeliveryError("slower", retry_after=120.0)]

    def answer(batch: Sequence[Delivery]) -> None:
        raise script.pop()

    bench = Bench(Scheduled(answer), make_signal("s1"))
    assert (await bench.worker.step()).seconds == 120
    assert bench.queue.rows[0].due_at == START + 120 * SECOND


async def test_a_throttling_receiver_does_not_use_up_the_schedule_in_seconds() -> None:
    """It asks for a second each time; the attempts are spread over the whole schedule all the same."""

    def answer(batch: Sequence[Delivery]) -> None:
        raise DeliveryError("slower", retry_after=1.0)

    bench = Bench(Scheduled(answer), make_signal("s1"), chance=lambda: 0.0)
    await bench.run(1_200)
    assert bench.queue.states() == ["pending"]


async def test_the_order_of_one_event_is_kept_over_a_long_wait() -> None:
    signals = [make_signal("s1"), make_signal("s2"), make_signal("other", event="e2")]
    bench = Bench(Scheduled(), *signals, chance=lambda: 1.0)
    script = [DeliveryError("down")] * 3

    def answer(batch: Sequence[Delivery]) -> None:
        if script:
            raise script.pop()

    bench.sink.answer = answer
    await bench.run(HOUR)
    assert set(bench.queue.states()) == {"delivered"}
    assert bench.sink.taken.index("s1") < bench.sink.taken.index("s2")


async def test_the_sinks_own_schedule_replaces_cores_count_of_attempts() -> None:
    bench = Bench(Scheduled(down), make_signal("s1"), chance=lambda: 0.0, retry=Retry(attempts=1))
    await bench.worker.step()
    assert bench.queue.states() == ["pending"]
