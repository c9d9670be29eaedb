"""A sink that wants to know hears of every cycle in which quotes arrived, and of no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from stratumd.errors import DeliveryError
from stratumd.plugin import SECOND, Micros
from stratumd.runtime.courier import Courier
from tests.unit.runtime.delivery_fakes import START, Bench, Scripted, make_signal

pytestmark = pytest.mark.anyio


class Listening(Scripted):
    """Remembers its beats, after doing what `heard` does."""

    def __init__(self, heard: Callable[[Micros], Any] = lambda at: None) -> None:
        super().__init__()
        self.heard = heard
        self.beats: list[Micros] = []

    async def beat(self, at: Micros) -> None:
        self.heard(at)
        self.beats.append(at)


def raising(error: BaseException) -> Callable[[Micros], None]:
    def heard(at: Micros) -> None:
        raise error

    return heard


async def test_a_beat_is_passed_on_once() -> None:
    bench = Bench(sink := Listening())
    bench.worker.beat(START)
    await bench.worker.step()
    await bench.worker.step()
    assert sink.beats == [START]


async def test_the_newest_of_several_beats_counts() -> None:
    bench = Bench(sink := Listening())
    for seconds in range(3):
        bench.worker.beat(START + seconds * SECOND)
    await bench.worker.step()
    assert sink.beats == [START + 2 * SECOND]


async def test_a_beat_wakes_an_idle_worker() -> None:
    bench = Bench(sink := Listening(), poll=3_600.0)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(bench.worker.run)
            await anyio.wait_all_tasks_blocked()
            bench.worker.beat(START)
            while not sink.beats:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()


async def test_a_failed_beat_is_shown_and_not_repeated() -> None:
    bench = Bench(sink := Listening(raising(DeliveryError("no answer"))))
    bench.worker.beat(START)
    await bench.worker.step()
    await bench.worker.step()
    assert (sink.beats, bench.log.events) == ([], ["beat failed"])
    assert bench.state == ("RecoverableError", "no answer", 1)
    sink.heard = lambda at: None
    bench.worker.beat(START + SECOND)
    await bench.worker.step()
    assert bench.state == ("OK", "", 0)


async def test_a_beat_that_breaks_keeps_no_delivery_from_its_way() -> None:
    bench = Bench(sink := Listening(raising(ZeroDivisionError())), make_signal("s1"))
    bench.worker.beat(START)
    await bench.worker.step()
    assert sink.taken == ["s1"]


async def test_a_beat_may_disable_the_sink() -> None:
    bench = Bench(sink := Listening(raising(DeliveryError("gone", disable=True))))
    for _ in range(3):
        bench.worker.beat(START)
        await bench.worker.step()
    assert bench.state == ("PermanentError", "gone", 1)
    assert sink.beats == []


async def test_a_sink_that_does_not_listen_is_not_woken() -> None:
    bench = Bench(sink := Scripted(), poll=3_600.0)
    async with anyio.create_task_group() as group:
        group.start_soon(bench.worker.run)
        await anyio.wait_all_tasks_blocked()
        bench.queue.add("chat", make_signal("s1"))
        bench.worker.beat(START)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert sink.calls == []


async def test_only_the_sinks_of_the_pipeline_hear_it() -> None:
    mine, other = Bench(ours := Listening()), Bench(theirs := Listening())
    other.worker.target = replace(other.worker.target, name="other")
    courier = Courier([mine.worker, other.worker], mine.queue)
    courier.beat({"chat"}, START)
    await mine.worker.step()
    await other.worker.step()
    assert (ours.beats, theirs.beats) == ([START], [])
