"""One life of the daemon's insides: the real store, collector, pipeline and delivery, for a few observations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anyio

from stratumd.plugin import SECOND
from stratumd.registry import Registry
from stratumd.runtime.backoff import Backoff
from stratumd.runtime.clock import SystemTimer, Timer
from stratumd.runtime.collector import Collector
from stratumd.runtime.core import Core
from stratumd.runtime.courier import Courier
from stratumd.runtime.delivery import Retry, Worker
from stratumd.runtime.journal import Journal
from stratumd.runtime.states import States
from stratumd.runtime.supervisor import keep
from stratumd.runtime.worker import Outlets, PipelineWorker
from stratumd.store import Store, open_store
from tests.faults import story
from tests.faults.story import Ledger, Script

QUICK = Retry(first=0.001, longest=0.004)
POLL = 0.02
PATIENCE = 60.0
"""Seconds that a busy machine may take to answer."""
TIMER = SystemTimer()
_WAITING = ("pending", "in_flight")


@dataclass(frozen=True)
class Stage:
    """Where it takes place."""

    url: str
    folder: Path
    known: Registry

    @property
    def acknowledged(self) -> Ledger:
        """What the source knows to be stored."""
        return Ledger(self.folder / "acknowledged")


class _Quiet:
    def debug(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...


def live(stage: Stage, observations: int) -> None:
    """Take so many observations that were not acknowledged yet, and see everything through to its end."""
    store = open_store(stage.url, wait=PATIENCE)
    try:
        anyio.run(see_through, stage, store, observations)
    finally:
        store.close()


async def see_through(stage: Stage, store: Store, observations: int, timer: Timer = TIMER) -> None:
    """Do the same with a store that is open."""
    core = Core(store, States(timer.now), Journal(), timer=timer)
    outlets = story.outlets(stage.folder)
    workers = [
        Worker(each.target, store, core.states, clock=timer, log=_Quiet(), retry=QUICK, poll=POLL)
        for each in outlets.values()
    ]
    courier = Courier(workers, store)
    pipeline = PipelineWorker(
        story.spec(stage.known), stage.known, core, Outlets([*outlets.values()], courier.wake), once=True
    )
    first = len(set(stage.acknowledged.lines()))
    source = Script(first, first + observations, stage.acknowledged)
    collector = Collector(source.feed(timer), None, core, pipeline.wake)
    async with anyio.create_task_group() as services:
        services.start_soon(courier.run)
        await keep(collector, core, _backoff())
        await keep(pipeline, core, _backoff())
        while any(state in _WAITING for _, state in store.delivery_counts()):  # noqa: ASYNC110  # it is the store's
            await anyio.sleep(POLL / 4)
        services.cancel_scope.cancel()


def _backoff() -> Backoff:
    return Backoff(first=SECOND // 1_000, longest=SECOND // 100)
