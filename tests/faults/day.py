"""A receiver of webhooks that is down for a day, in virtual time, over the real store, sink and HTTP.

```
python -m tests.faults.day
```

Two worlds live side by side through the same signals, moment by moment, so that a busy machine slows down both: in one
all three receivers are there, in the other the third is down from the first to the twenty-fifth hour. Waits are
virtual; transactions, requests and the time that they take are real.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import anyio

from stratumd.observe import logs
from stratumd.plugin import HOUR, SECOND, Micros, Secret
from stratumd.runtime.attempts import Target
from stratumd.runtime.delivery import Rest, Worker
from stratumd.runtime.states import States
from stratumd.store import Store, open_store
from stratumd.testing.clock import VirtualClock
from stratumd.testing.receiver import Manner, Receiver
from stratumd_webhook.options import Options
from stratumd_webhook.sink import WebhookSink
from tests.support import steps
from tests.support.steps import START
from tests.unit.runtime.delivery_fakes import MemoryContext, MemoryLog

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DOWN, BACK, END = HOUR, 25 * HOUR, 26 * HOUR
LAST = 110 * HOUR
"""By then the schedule has ended, whatever happened."""
EVENTS, PER_SECOND = 20, 20.0
LOOK = 300 * SECOND
"""How often an idle worker looks for what has become due; the daemon's look every second."""
OTHERS, THIRD = ("first", "second"), "third"


@dataclass
class Endpoint:
    """A receiver and the worker that delivers to it."""

    name: str
    receiver: Receiver
    worker: Worker
    due: Micros | None = None
    """When it goes on by itself; None where only news wake it."""
    arrived: dict[str, Micros] = field(default_factory=dict)
    """When each delivery was taken, in virtual time."""
    latencies: list[float] = field(default_factory=list)
    """Real seconds from the commit to the end of the step that delivered."""


@dataclass
class World:
    """A store with three endpoints, and its own virtual clock."""

    store: Store
    clock: VirtualClock
    endpoints: list[Endpoint]
    committed: dict[str, tuple[str, Micros]] = field(default_factory=dict)
    """By signal: its event and when it was observed."""

    def commit(self, number: int) -> None:
        """Commit one observation with one signal."""
        seen = steps.observation(self.clock.now(), path=f"/{number}")
        step = steps.step(seen, event_number=number % EVENTS)
        steps.keep(self.store, step, sinks=[each.name for each in self.endpoints])
        self.committed |= {signal.id: (signal.event, signal.observed_at) for signal in step.signals}

    async def turn(self) -> None:
        """Let everybody work who is due, all at once, until each rests."""
        began = time.perf_counter()
        async with anyio.create_task_group() as group:
            for endpoint in self.endpoints:
                if endpoint.due is not None and endpoint.due <= self.clock.now():
                    group.start_soon(self._work, endpoint, began)

    async def _work(self, endpoint: Endpoint, began: float) -> None:
        rest = Rest()
        while rest.seconds == 0:
            taken = len(endpoint.receiver.taken)
            rest = await endpoint.worker.step()
            for request in endpoint.receiver.taken[taken:]:
                endpoint.arrived.setdefault(request.id, self.clock.now())
                endpoint.latencies.append(time.perf_counter() - began)
        waits = endpoint.name == THIRD or not rest.wakeable
        pause = LOOK if rest.wakeable else round(rest.seconds * SECOND)
        endpoint.due = self.clock.now() + max(1, pause) if waits else None

    def wake(self) -> None:
        """Say that something was committed: whoever is idle looks at once."""
        for endpoint in self.endpoints:
            if endpoint.worker._breaker.outage is None:
                endpoint.due = self.clock.now()

    def waiting(self) -> int:
        """Return how many deliveries have not ended."""
        counts = self.store.delivery_counts()
        return sum(found.number for (_, state), found in counts.items() if state in ("pending", "in_flight"))


@asynccontextmanager
async def opened(folder: Path, seed: int) -> AsyncIterator[World]:
    """Open a world."""
    clock = VirtualClock(START)
    store = open_store(f"sqlite:///{folder / f'{seed}.db'}")
    async with anyio.create_task_group() as group:
        endpoints = []
        receivers = [Receiver(SECRET, now=lambda: clock.now() / SECOND) for _ in (*OTHERS, THIRD)]
        async with receivers[0], receivers[1], receivers[2]:
            for name, receiver in zip((*OTHERS, THIRD), receivers, strict=True):
                endpoints.append(await _endpoint(name, receiver, store, clock, seed))
            yield World(store, clock, endpoints)
            for endpoint in endpoints:
                await endpoint.worker.target.sink.close()
        group.cancel_scope.cancel()
    store.close()


async def _endpoint(name: str, receiver: Receiver, store: Store, clock: VirtualClock, seed: int) -> Endpoint:
    options = Options(
        url=Secret(receiver.url),
        secret=Secret(SECRET),
        allow=("127.0.0.0/8",),
        per_second=PER_SECOND,
    )
    sink = WebhookSink(options, MemoryContext(clock=clock, log=MemoryLog()))
    chance = random.Random(f"{seed} {name}").random
    states = States(clock.now)
    worker = Worker(Target(name, sink, "webhook"), store, states, clock=clock, log=MemoryLog(), chance=chance)
    await worker._start()
    return Endpoint(name, receiver, worker)


def manner(now: Micros) -> Manner:
    """Say how the third receiver answers: it is down for a day, by two kinds of failure in turn."""
    if not DOWN <= now - START < BACK:
        return Manner()
    return Manner(503) if (now // (10 * 60 * SECOND)) % 2 else Manner(way="reset")


async def live(worlds: list[World], every: Micros) -> None:
    """Live through all of it, moment by moment; the second world is the one with the outage."""
    number, next_commit = 0, START
    failing = worlds[1]
    while True:
        due = [each.due for world in worlds for each in world.endpoints if each.due is not None]
        moment = min([next_commit, *due])
        if moment - START >= (LAST if any(world.waiting() for world in worlds) else END):
            return
        for world in worlds if number % 2 else worlds[::-1]:  # neither is always the first
            world.clock.advance(moment - world.clock.now())
            failing.endpoints[-1].receiver.usual = manner(moment)
            if moment == next_commit:
                world.commit(number)
                world.wake()
            await world.turn()
        if moment == next_commit:
            number += 1
            next_commit = moment + every if moment + every - START < END else START + 10 * LAST


@dataclass
class Report:
    """What came of it."""

    signals: int
    delivered: int
    attempts: int
    """Requests that reached the third receiver while it was down."""
    recovered: Micros
    """From its return to the last delivery that had waited."""
    busiest: int
    """The most deliveries that it took within one second."""
    healthy_p99: float
    failing_p99: float
    """Seconds, of the two others."""

    def __str__(self) -> str:
        ratio = self.failing_p99 / self.healthy_p99
        return (
            f"{self.signals} signals, {self.delivered} delivered to the receiver that was down for a day "
            f"({self.delivered / self.signals:.1%}), in order per event; {self.attempts} requests while it was down; "
            f"all there {self.recovered / HOUR:.1f} h after its return, never more than {self.busiest} in a second "
            f"(allowed: {PER_SECOND:g})\n"
            f"the other two: p99 {self.failing_p99 * 1_000:.1f} ms beside the outage, {self.healthy_p99 * 1_000:.1f} "
            f"ms without it: {ratio - 1:+.1%}"
        )


def report(worlds: list[World]) -> Report:
    """Check both worlds and return the figures. `AssertionError` where anything is lost or out of order."""
    for world in worlds:
        assert world.waiting() == 0, "something still waits"
        for endpoint in world.endpoints:
            _check_order(world, endpoint)
    healthy, failing = worlds
    third = failing.endpoints[-1]
    times = sorted(third.arrived.values())
    busiest = max(sum(first <= at < first + SECOND for at in times[n : n + 100]) for n, first in enumerate(times))
    waited = [at for id, at in third.arrived.items() if at - START >= BACK]
    return Report(
        signals=len(failing.committed),
        delivered=len(third.arrived),
        attempts=len(third.receiver.requests) - len(third.receiver.taken),
        recovered=max(waited) - START - BACK,
        busiest=busiest,
        healthy_p99=p99(healthy),
        failing_p99=p99(failing),
    )


def _check_order(world: World, endpoint: Endpoint) -> None:
    ids = [request.json()["data"]["id"] for request in endpoint.receiver.taken]
    assert len(ids) == len(set(ids)) == len(world.committed), f"{endpoint.name}: lost or doubled"
    for event in {event for event, _ in world.committed.values()}:
        times = [world.committed[id][1] for id in ids if world.committed[id][0] == event]
        assert times == sorted(times), f"{endpoint.name}: an event's order was not kept"


def p99(world: World) -> float:
    """Return the 99th percentile of the other endpoints' latencies, in seconds."""
    latencies = [each for endpoint in world.endpoints[:-1] for each in endpoint.latencies]
    return quantiles(latencies, n=100)[98] if len(latencies) > 1 else math.nan


async def run(every: Micros) -> Report:
    """Live through it with a signal each `every`."""
    with tempfile.TemporaryDirectory(prefix="stratumd-day-") as folder:
        async with opened(Path(folder), 1) as healthy, opened(Path(folder), 2) as failing:
            await live([healthy, failing], every)
            return report([healthy, failing])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two signals")
    asked = parser.parse_args()
    logs.configure("critical")
    began = time.monotonic()
    print(anyio.run(run, round(asked.every * SECOND)))
    print(f"{END // HOUR} h and the recovery in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
