"""Delivery over the real store: kills and failures at random moments lose nothing and change no order."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import pytest

from stratumd.errors import DeliveryError
from stratumd.plugin import Delivery, Signal, Sink
from stratumd.runtime.attempts import Target
from stratumd.runtime.clock import SystemTimer
from stratumd.runtime.courier import Courier
from stratumd.runtime.delivery import Retry, Worker
from stratumd.runtime.states import State, States
from stratumd.store import Store, open_store
from stratumd_file.sink import FileSink
from stratumd_file.sink import Options as FileOptions
from tests.support import steps
from tests.unit.runtime.delivery_fakes import MemoryContext, MemoryLog, Scripted

pytestmark = pytest.mark.anyio

EVENTS, SIGNALS = 4, 10


def fill(store: Store, *sinks: str) -> list[Signal]:
    """Commit ten signals of each of four events, with a delivery to each sink; return them in order."""
    many = [
        steps.step(steps.observation(steps.START + number, path=f"/{event}"), event_number=event)
        for number in range(SIGNALS)
        for event in range(EVENTS)
    ]
    steps.keep(store, *many, sinks=sinks)
    return [signal for step in many for signal in step.signals]


def lapse(store: Store) -> None:
    """Let the time pass for which a killed process keeps what it had in flight on PostgreSQL."""
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET lease_until = 0 WHERE state = 'in_flight'")


def by_event(signals: Sequence[Signal]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for signal in signals:
        found.setdefault(signal.event, []).append(signal.id)
    return found


@asynccontextmanager
async def delivering(store: Store, **sinks: Sink) -> AsyncIterator[States]:
    """Run the workers of these sinks while the context is open."""
    timer = SystemTimer()
    states = States(timer.now)
    retry = Retry(first=0.001, longest=0.002)
    workers = [
        Worker(Target(name, sink, "test"), store, states, clock=timer, log=MemoryLog(), retry=retry, poll=0.01)
        for name, sink in sinks.items()
    ]
    async with anyio.create_task_group() as group:
        group.start_soon(Courier(workers, store).run)
        yield states
        group.cancel_scope.cancel()


def settled(store: Store, sink: str) -> dict[str, int]:
    return {state: found.number for (name, state), found in store.delivery_counts().items() if name == sink}


async def until_settled(store: Store, sink: str) -> None:
    with anyio.fail_after(30):
        while {"pending", "in_flight"} & settled(store, sink).keys():
            await anyio.lowlevel.checkpoint()


class Fragile(Scripted):
    """Fails now and then, sometimes after it has taken the batch; remembers the signals."""

    batch = 5

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.draw = random.Random(seed)
        self.received: list[Signal] = []

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        for _ in range(self.draw.randrange(4)):
            await anyio.lowlevel.checkpoint()
        luck = self.draw.random()
        if luck < 0.2:
            raise DeliveryError("down")
        self.received += [delivery.signal for delivery in deliveries]
        if luck < 0.3:
            raise DeliveryError("no answer: it may have arrived")
        if luck < 0.4:
            raise ValueError("a fault of the sink's own")


def test_the_store_is_the_queue_that_delivery_expects(database_url: str) -> None:
    """A type checker holds the store to the protocol; this holds the answers of an empty one."""
    store = open_store(database_url)
    assert (store.claim("chat", 10, steps.START), store.release(), store.expire("chat", steps.START)) == ([], 0, 0)
    store.close()


async def test_everything_arrives_once_where_nothing_fails(database_url: str, tmp_path: Path) -> None:
    store = open_store(database_url)
    expected = fill(store, "file")
    path = tmp_path / "signals.jsonl"
    async with delivering(store, file=FileSink(FileOptions(path=path), MemoryContext())) as states:
        await until_settled(store, "file")
        assert states.get("sink", "file").state is State.OK
    assert settled(store, "file") == {"delivered": EVENTS * SIGNALS}
    lines = path.read_bytes().splitlines()
    assert sorted(lines) == sorted(signal.to_json() for signal in expected)
    ids = [msgspec.json.decode(line)["id"] for line in lines]
    assert [id for id in ids if id in by_event(expected)[expected[0].event]] == by_event(expected)[expected[0].event]
    store.close()


@pytest.mark.parametrize("seed", range(4))
async def test_failures_and_kills_lose_nothing_and_keep_each_events_order(database_url: str, seed: int) -> None:
    """What was in flight at a kill, or failed after it had arrived, may come twice; its first coming is in order."""
    store = open_store(database_url)
    expected = fill(store, "chat")
    sink, draw = Fragile(seed), random.Random(seed)
    for _ in range(6):
        async with delivering(store, chat=sink):
            for _ in range(draw.randrange(60)):
                await anyio.lowlevel.checkpoint()
        store.close()
        store = open_store(database_url)
        lapse(store)
    async with delivering(store, chat=sink):
        await until_settled(store, "chat")
    first = list({signal.id: signal for signal in sink.received}.values())
    assert settled(store, "chat") == {"delivered": EVENTS * SIGNALS}
    assert by_event(first) == by_event(expected)
    store.close()


async def test_a_sink_that_is_down_leaves_the_other_alone(database_url: str) -> None:
    store = open_store(database_url)
    fill(store, "down", "up")

    def refuse(batch: Sequence[Delivery]) -> None:
        raise DeliveryError("gone", disable=True)

    async with delivering(store, down=Scripted(refuse), up=Scripted()) as states:
        await until_settled(store, "up")
        while states.get("sink", "down").state is not State.PERMANENT_ERROR:
            await anyio.lowlevel.checkpoint()
    assert settled(store, "up") == {"delivered": EVENTS * SIGNALS}
    waiting = settled(store, "down")
    assert waiting["dead"] == 3
    assert waiting["pending"] == EVENTS * SIGNALS - 3
    store.close()
