"""Whatever a sink's code does, it is named, and the rest goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from stratumd.errors import ConfigError, DeliveryError, StartupError
from stratumd.plugin import Delivery, Secret
from stratumd.redaction import learn
from stratumd.runtime.attempts import Target
from stratumd.runtime.courier import Courier
from stratumd.runtime.delivery import Retry, Worker
from stratumd.runtime.printing import PrintingSink
from stratumd.runtime.states import States
from tests.unit.runtime.delivery_fakes import (
    START,
    Bench,
    MemoryLog,
    MemoryQueue,
    Scripted,
    StillClock,
    make_signal,
)

pytestmark = pytest.mark.anyio


class Mute(Exception):
    """Its text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Final(BaseException):
    """What `except Exception` does not catch."""


class Unready(Scripted):
    """Cannot be opened until `errors` are used up."""

    errors: list[Exception]

    async def open(self) -> None:
        await super().open()
        if self.errors:
            raise self.errors.pop(0)


def forever(batch: Sequence[Delivery]) -> object:
    return anyio.sleep_forever()


async def awaits_its_own_cancelled_task(batch: Sequence[Delivery]) -> None:
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("by zero"),
        ExceptionGroup("two", [ValueError(), KeyError()]),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        Final("x"),
        Mute(),
        RecursionError(),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_exception_of_the_sink_is_contained_and_named(error: BaseException) -> None:
    """The plugin, its version, the sink and the line stand in the state."""

    def breaks(batch: Sequence[Delivery]) -> None:
        raise error

    bench = Bench(Scripted(breaks), make_signal("s1"))
    await bench.worker.step()
    name, reason, _ = bench.state
    assert name == "RecoverableError"
    assert reason.startswith("plugin scripted 2.0 failed in 'chat' at delivery_fakes.py:") or (
        reason.startswith("plugin scripted 2.0 failed in 'chat' at test_delivery_containment.py:")
    )
    assert type(error).__name__ in reason


async def test_a_cancellation_of_the_sinks_own_making_is_its_fault() -> None:
    """Nobody cancelled the worker: it must not end as if somebody had."""
    bench = Bench(Scripted(awaits_its_own_cancelled_task), make_signal("s1"))
    await bench.worker.step()
    assert "CancelledError" in bench.state[1]


class Muter(DeliveryError):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("refused canary-9b1c"), "ValueError: refused ***"),
        (DeliveryError("refused canary-9b1c\n\ud800"), "refused *** \ufffd"),
        (DeliveryError("refused canary-9b1c", permanent=True), "refused ***"),
        (DeliveryError("refused canary-9b1c", disable=True), "refused ***"),
        (ConfigError("refused canary-9b1c"), "refused ***"),
        (StartupError("refused canary-9b1c"), "refused ***"),
        (Muter("refused canary-9b1c"), "(its text cannot be read)"),
    ],
)
async def test_what_a_sink_says_is_made_fit_to_be_shown_and_kept(error: Exception, shown: str) -> None:
    """Wherever it goes: the state, the log, the row, what is remembered of a sink that is off."""

    def refuses(batch: Sequence[Delivery]) -> None:
        raise error

    learn(Secret("canary-9b1c"))
    bench = Bench(Scripted(refuses), make_signal("s1"))
    await bench.worker.step()
    assert bench.state[1].endswith(shown)
    kept = f"{bench.log.lines} {bench.queue.rows[0].error} {bench.queue.off}"
    assert shown in kept
    assert "canary" not in kept


async def test_a_signal_that_breaks_the_sink_is_given_up_and_the_others_are_delivered() -> None:
    def breaks(batch: Sequence[Delivery]) -> None:
        if any(delivery.signal.id == "bad" for delivery in batch):
            raise ValueError("cannot be written")

    signals = [make_signal("bad"), *(make_signal(f"s{n}", event=f"e{n}") for n in range(2, 9))]
    bench = Bench(Scripted(breaks), *signals, retry=Retry(faults=4))
    await bench.run(60)
    assert bench.queue.state("chat:bad") == "dead"
    assert bench.sink.taken == [f"s{n}" for n in range(2, 9)]
    assert [call for call in bench.sink.calls if call == ["bad"]] == [["bad"]] * 4


async def test_a_sink_that_never_answers_is_cut_off_and_tried_again() -> None:
    bench = Bench(Scripted(forever), make_signal("s1"), deadline=0.01)
    rest = await bench.worker.step()
    assert rest.seconds == 1.0
    assert bench.state == ("RecoverableError", "no answer within 0.01 s", 1)
    assert bench.queue.states() == ["pending"]


async def test_a_store_that_fails_after_the_sending_costs_no_second_sending() -> None:
    """The mark is tried until the store takes it."""
    bench = Bench(Scripted(), make_signal("s1"), chance=lambda: 0.0)

    def breaks(batch: Sequence[Delivery]) -> None:
        bench.queue.broken = [OSError("disk full"), OSError("disk full")]

    bench.sink.answer = breaks
    await bench.worker.step()
    assert bench.queue.states() == ["delivered"]
    assert bench.sink.calls == [["s1"]]
    assert bench.log.events == ["deliveries wait for the store"] * 2


async def test_deliveries_go_on_soon_after_a_store_that_was_down_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The half an hour for which a receiver is left alone is not for our own store."""
    waits: list[float] = []

    async def asleep(seconds: float) -> None:
        waits.append(seconds)

    bench = Bench(Scripted(), make_signal("s1"))
    bench.queue.broken = [OSError("disk full")] * 12
    monkeypatch.setattr("stratumd.runtime.delivery.anyio.sleep", asleep)
    await bench.worker.step()
    assert waits == [1, 2, 4, 8, 16, *[30] * 7]
    assert bench.queue.states() == ["delivered"]


async def test_a_sink_is_opened_again_until_it_can_be() -> None:
    bench = Bench(sink := Unready(), make_signal("s1"), chance=lambda: 0.0)
    sink.errors = [StartupError("no disk"), RuntimeError("oops")]
    async with anyio.create_task_group() as group:
        group.start_soon(bench.worker.run)
        with anyio.fail_after(30):
            while not sink.taken:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert (sink.opened, sink.closed) == (3, 1)
    assert bench.state[0] == "Stopped"


async def test_a_sink_with_a_mistake_in_its_options_stays_off() -> None:
    bench = Bench(sink := Unready(), make_signal("s1"))
    sink.errors = [ConfigError("no such folder")]
    await bench.worker._open()
    await bench.worker.step()
    assert bench.state == ("PermanentError", "no such folder", 1)
    assert (sink.calls, bench.queue.states()) == ([], ["pending"])


async def test_stops_soon_although_the_sink_hangs() -> None:
    """What was in flight stays claimed; the next start takes it back."""
    bench = Bench(sink := Scripted(forever), make_signal("s1"))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(bench.worker.run)
            while not sink.calls:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    assert bench.queue.states() == ["in flight"]
    bench.queue.release()
    assert bench.queue.states() == ["pending"]
    assert sink.closed == 1


def courier(queue: MemoryQueue, poll: float, **sinks: Scripted) -> Courier:
    """Return the workers of several sinks."""
    clock, log = StillClock(), MemoryLog()
    states = States(clock.now)
    workers = [
        Worker(Target(name, sink, "test"), queue, states, clock=clock, log=log, poll=poll)
        for name, sink in sinks.items()
    ]
    return Courier(workers, queue)


async def until(sink: Scripted, count: int) -> None:
    """Wait until `sink` took so many."""
    with anyio.fail_after(30):
        while len(sink.taken) < count:
            await anyio.lowlevel.checkpoint()


async def test_a_hanging_sink_delays_no_other() -> None:
    queue, hangs, works = MemoryQueue(), Scripted(forever), Scripted()
    for name in ("hangs", "works"):
        queue.add(name, *(make_signal(f"s{n}") for n in range(20)))
    async with anyio.create_task_group() as group:
        group.start_soon(courier(queue, 1.0, hangs=hangs, works=works).run)
        await until(works, 20)
        group.cancel_scope.cancel()
    assert works.taken == [f"s{n}" for n in range(20)]
    assert hangs.calls == [["s0"]]


async def test_a_commit_wakes_an_idle_worker() -> None:
    """With an hour between two looks, only the wake-up can bring it."""
    queue, sink = MemoryQueue(), Scripted()
    loop = courier(queue, 3_600.0, chat=sink)
    async with anyio.create_task_group() as group:
        group.start_soon(loop.run)
        queue.add("chat", make_signal("s1"))
        await until(sink, 1)
        queue.add("chat", make_signal("s2"))
        loop.wake()
        await until(sink, 2)
        group.cancel_scope.cancel()
    assert sink.taken == ["s1", "s2"]


async def test_polling_finds_what_nobody_announced() -> None:
    queue, sink = MemoryQueue(), Scripted()
    async with anyio.create_task_group() as group:
        group.start_soon(courier(queue, 0.01, chat=sink).run)
        await anyio.lowlevel.checkpoint()
        queue.add("chat", make_signal("s1"))
        await until(sink, 1)
        group.cancel_scope.cancel()


async def test_starts_with_what_a_dead_process_had_claimed() -> None:
    queue, sink = MemoryQueue(), Scripted()
    queue.add("chat", make_signal("s1"))
    assert queue.claim("chat", 1, START)
    async with anyio.create_task_group() as group:
        group.start_soon(courier(queue, 1.0, chat=sink).run)
        await until(sink, 1)
        group.cancel_scope.cancel()


async def test_a_dry_run_prints_and_sends_nothing() -> None:
    printed: list[str] = []
    sink = Scripted()
    stand_in = PrintingSink(sink, "nba.chat", printed.append)
    await stand_in.open()
    await stand_in.deliver([Delivery("d1", make_signal("abc"))])
    assert printed == ["would send to nba.chat: MOVE  spreads  Miami Heat ▲ 1  fanduel  strength 75"]
    assert (sink.opened, sink.calls) == (0, [])


class Hasty(DeliveryError):
    """Calls no constructor of the contract's."""

    def __init__(self) -> None:
        pass


class Wordy(DeliveryError):
    """Says how long to wait in words."""

    def __init__(self, asked: object) -> None:
        super().__init__("later")
        self.retry_after = asked


class Untold(DeliveryError):
    """Cannot say whether it is permanent."""

    @property
    def permanent(self) -> bool:
        raise RuntimeError("who knows")

    @permanent.setter
    def permanent(self, value: bool) -> None: ...


def raising(error: Exception) -> Scripted:
    def breaks(batch: Sequence[Delivery]) -> None:
        raise error

    return Scripted(breaks)


@pytest.mark.parametrize("error", [Hasty(), *map(Wordy, ["soon", [], 10**400, object()])], ids=repr)
async def test_an_error_that_breaks_its_contract_is_one_that_passes(error: DeliveryError) -> None:
    bench = Bench(raising(error), make_signal("s1"))
    rest = await bench.worker.step()
    assert bench.state[0] == "RecoverableError"
    assert bench.queue.states() == ["pending"]
    assert 0 <= rest.seconds < 60


async def test_an_error_that_cannot_be_read_is_the_plugins_fault() -> None:
    bench = Bench(raising(Untold("no")), make_signal("s1"))
    await bench.worker.step()
    assert bench.state[1].startswith("plugin scripted 2.0 failed in 'chat' at test_delivery_containment.py:")
    assert "who knows" in bench.state[1]
