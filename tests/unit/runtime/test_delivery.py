"""At least once, in order per event, and nobody waits for anybody else's sink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.errors import DeliveryError
from stratumd.plugin import SECOND, Delivery
from stratumd.runtime.delivery import LONGEST_WAIT, RECEIPT, Retry
from tests.unit.runtime.delivery_fakes import START, Bench, Expiring, Scripted, make_signal

pytestmark = pytest.mark.anyio

Answer = Callable[[Sequence[Delivery]], Any]


def failing(*errors: BaseException | None) -> Answer:
    """Raise these in turn (None: take it), then take everything."""
    script = list(errors)

    def answer(batch: Sequence[Delivery]) -> None:
        error = script.pop(0) if script else None
        if error is not None:
            raise error

    return answer


def refusing(poison: str, error: Exception) -> Answer:
    """Raise wherever the batch holds the signal `poison`."""

    def answer(batch: Sequence[Delivery]) -> None:
        if any(delivery.signal.id == poison for delivery in batch):
            raise error

    return answer


async def test_delivers_everything_in_batches() -> None:
    bench = Bench(Scripted(), *(make_signal(f"s{n}", event=f"e{n}") for n in range(5)))
    await bench.run(1)
    assert bench.sink.calls == [["s0", "s1", "s2"], ["s3", "s4"]]
    assert set(bench.queue.states()) == {"delivered"}
    assert bench.state == ("OK", "", 0)


async def test_a_receipt_is_kept_with_all_deliveries_of_its_call() -> None:
    bench = Bench(Scripted(lambda batch: f"m{len(batch)}"), *(make_signal(f"s{n}", event=f"e{n}") for n in range(4)))
    await bench.run(1)
    assert [row.receipt for row in bench.queue.rows] == ["m3", "m3", "m3", "m1"]


@pytest.mark.parametrize("given", [None, 7, b"m1", ["m1"]])
async def test_what_is_no_text_is_no_receipt(given: object) -> None:
    bench = Bench(Scripted(lambda batch: given), make_signal("s1"))
    await bench.run(1)
    assert [(row.state, row.receipt) for row in bench.queue.rows] == [("delivered", None)]


async def test_a_receipt_is_cut_where_no_store_wants_it_whole() -> None:
    bench = Bench(Scripted(lambda batch: "m" * 5_000), make_signal("s1"))
    await bench.run(1)
    assert bench.queue.rows[0].receipt == "m" * RECEIPT


async def test_keeps_the_order_of_one_event() -> None:
    """The second signal of an event is not sent while the first one waits for its retry."""
    bench = Bench(Scripted(failing(DeliveryError("down"))), make_signal("s1"), make_signal("s2"))
    await bench.run(5)
    assert bench.sink.calls == [["s1"], ["s1"], ["s2"]]


async def test_a_failure_backs_off_from_the_whole_sink() -> None:
    bench = Bench(Scripted(failing(DeliveryError("down"))), make_signal("s1"), make_signal("s2", event="e2"))
    rest = await bench.worker.step()
    assert (rest.seconds, rest.wakeable) == (1.0, False)
    assert bench.state == ("RecoverableError", "down", 1)
    assert bench.queue.states() == ["pending", "pending"]


async def test_backs_off_exponentially_with_a_cap() -> None:
    bench = Bench(Scripted(failing(*[DeliveryError("down")] * 6)), make_signal("s1"), retry=Retry(longest=10))
    waits = []
    for _ in range(7):
        rest = await bench.worker.step()
        bench.clock.advance(rest.seconds)
        waits.append(rest.seconds)
    assert waits == [1, 2, 4, 8, 10, 10, 0]
    assert bench.state == ("OK", "", 0)


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1))
async def test_a_pause_is_between_nothing_and_the_cap(failures: int, chance: float) -> None:
    retry = Retry()
    assert 0 <= retry.pause(failures, chance) <= retry.longest


async def test_the_receivers_own_wait_wins() -> None:
    bench = Bench(Scripted(failing(DeliveryError("slow down", retry_after=64.57))), make_signal("s1"))
    assert (await bench.worker.step()).seconds == 64.57
    assert bench.queue.rows[0].due_at == START + round(64.57 * SECOND)


@pytest.mark.parametrize(
    ("asked", "waited"), [(1e12, LONGEST_WAIT), (float("nan"), 1.0), (float("inf"), 1.0), (-5.0, 1.0), (0.0, 0.0)]
)
async def test_an_absurd_wait_is_not_obeyed(asked: float, waited: float) -> None:
    bench = Bench(Scripted(failing(DeliveryError("no", retry_after=asked))), make_signal("s1"))
    assert (await bench.worker.step()).seconds == waited


async def test_gives_up_after_so_many_attempts() -> None:
    errors = [DeliveryError(f"down {n}") for n in range(9)]
    bench = Bench(Scripted(failing(*errors)), make_signal("s1"), retry=Retry(attempts=3))
    await bench.run(60)
    assert len(bench.sink.calls) == 3
    assert bench.queue.states() == ["dead"]
    assert bench.queue.rows[0].error == "down 2"


async def test_a_receiver_that_was_down_for_a_day_gets_everything() -> None:
    """The attempts of an outage are those of one prober, not of every delivery that waits."""
    bench = Bench(Scripted(), *(make_signal(f"s{n}", event=f"e{n % 7}") for n in range(50)))
    refused = []

    def answer(batch: Sequence[Delivery]) -> None:
        if bench.clock.time < START + 86_400 * SECOND:
            refused.append(len(batch))
            raise DeliveryError("connection refused")

    bench.sink.answer = answer
    await bench.run(86_400 + 1_800)
    assert set(bench.queue.states()) == {"delivered"}
    assert len(refused) < 60


async def test_a_refused_delivery_becomes_a_dead_letter_and_blocks_nobody() -> None:
    signals = [make_signal("s1"), make_signal("bad", event="e2"), make_signal("s2"), make_signal("s3", event="e2")]
    bench = Bench(Scripted(refusing("bad", DeliveryError("too long", permanent=True))), *signals)
    await bench.run(1)
    assert bench.sink.taken == ["s1", "s2", "s3"]
    assert bench.queue.state("chat:bad") == "dead"
    assert bench.state == ("OK", "", 0)


async def test_a_batch_that_is_refused_is_tried_one_by_one() -> None:
    signals = [make_signal(f"s{n}", event=f"e{n}") for n in range(3)]
    bench = Bench(Scripted(refusing("s1", DeliveryError("no", permanent=True))), *signals)
    await bench.worker.step()
    assert bench.sink.calls == [["s0", "s1", "s2"], ["s0"], ["s1"], ["s2"]]
    assert bench.queue.states() == ["delivered", "dead", "delivered"]


async def test_an_outage_in_the_middle_of_a_refused_batch_puts_the_rest_off() -> None:
    script = failing(DeliveryError("no", permanent=True), None, DeliveryError("down"))
    bench = Bench(Scripted(script), *(make_signal(f"s{n}", event=f"e{n}") for n in range(3)))
    rest = await bench.worker.step()
    assert rest.seconds == 1.0
    assert bench.queue.states() == ["delivered", "pending", "pending"]


async def test_a_sink_that_is_gone_is_disabled_and_asked_no_more() -> None:
    """One attempt, then none; what was in it is a dead letter, what waits goes on waiting."""
    gone = DeliveryError("the webhook was deleted", disable=True)
    bench = Bench(Scripted(failing(gone, gone)), make_signal("s1"), make_signal("s2"))
    await bench.run(100)
    assert bench.sink.calls == [["s1"]]
    assert bench.queue.states() == ["dead", "pending"]
    assert bench.state == ("PermanentError", "the webhook was deleted", 1)
    assert "sink disabled" in bench.log.events


async def test_what_grew_stale_is_not_sent() -> None:
    stale, fresh = make_signal("old", expires_at=START - 1), make_signal("new", expires_at=START + SECOND)
    bench = Bench(Expiring(), stale, fresh)
    await bench.run(1)
    assert bench.sink.taken == ["new"]
    assert bench.queue.states() == ["expired", "delivered"]


async def test_a_sink_that_keeps_everything_gets_stale_signals_too() -> None:
    bench = Bench(Scripted(), make_signal("old", expires_at=START - 1))
    await bench.run(1)
    assert bench.sink.taken == ["old"]


async def test_signals_go_stale_while_a_sink_is_disabled() -> None:
    bench = Bench(
        Expiring(failing(DeliveryError("gone", disable=True))),
        make_signal("s1"),
        make_signal("s2", expires_at=START + SECOND),
    )
    await bench.run(5)
    assert bench.queue.states() == ["dead", "expired"]
