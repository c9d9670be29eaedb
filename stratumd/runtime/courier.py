"""All sinks' workers of a configuration, as one: told together, exchanged one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import anyio
from anyio import to_thread

from stratumd.plugin import Micros
from stratumd.runtime.delivery import Queue, Worker
from stratumd.runtime.posts import Posts, open_posts
from stratumd.store import Taker


class Courier:
    """All workers of a configuration; a reload exchanges some of them."""

    def __init__(self, workers: Iterable[Worker], queue: Queue) -> None:
        self._workers = {worker.target.name: worker for worker in workers}
        self._queue = queue
        self._posts: Posts | None = None

    @property
    def sinks(self) -> list[str]:
        """The names of the sinks that are served."""
        return list(self._workers)

    def takers(self) -> list[Taker]:
        """Return the sinks that take notices and are not off, those first whose receiver answers."""
        ordered = sorted(self._workers.values(), key=lambda worker: (worker.outage, worker.target.name))
        return [worker.taker for worker in ordered if worker.taker is not None]

    def listening(self) -> set[str]:
        """Return the sinks to which a notice of their own can be sent now."""
        return {name for name, worker in self._workers.items() if worker.listens}

    def wake(self) -> None:
        """Say that deliveries were committed. Call it on the event loop; polling finds what this misses."""
        for worker in self._workers.values():
            worker.wake()

    def beat(self, sinks: Collection[str], at: Micros) -> None:
        """Tell `sinks` that quotes received at `at` were processed. Call it on the event loop."""
        for worker in self._workers.values():
            if worker.target.name in sinks:
                worker.beat(at)

    def admit(self, worker: Worker) -> None:
        """Take on a worker. One of the same name ends after the batch at hand, and before the new one begins."""
        self._workers[worker.target.name] = worker
        if self._posts is not None:
            self._posts.put(worker.target.name, worker.run, worker.turns)

    def dismiss(self, sink: str, gone: Callable[[], None]) -> None:
        """End a worker after the batch at hand; `gone` is called then."""
        self._workers.pop(sink, None)
        if self._posts is None:
            gone()
        else:
            self._posts.remove(sink, gone)

    async def run(self) -> None:
        """Take back what a process that is no more had claimed, then deliver until cancelled."""
        await to_thread.run_sync(self._queue.release)
        try:
            async with open_posts() as self._posts:
                for worker in self._workers.values():
                    self._posts.put(worker.target.name, worker.run, worker.turns)
                await anyio.sleep_forever()
        finally:
            self._posts = None
