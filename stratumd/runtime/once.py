"""A single round: every source polled once, everything processed and delivered."""

from __future__ import annotations

import anyio

from stratumd.observe.logs import logger
from stratumd.plugin import SECOND
from stratumd.runtime import gauges
from stratumd.runtime.core import Core
from stratumd.runtime.parts import Parts
from stratumd.runtime.states import State
from stratumd.runtime.supervisor import Part, attempt

PATIENCE = 30 * SECOND
"""How long to wait for deliveries of which none gets ahead; the next run goes on with them."""
PAUSE = SECOND // 20
_WAITING = ("pending", "in_flight")

_log = logger("stratumd")


async def run_once(parts: Parts, core: Core) -> bool:
    """Run the round and say whether all of it went well. The sinks' workers run meanwhile."""
    well = [True]

    async def run(part: Part) -> None:
        well.append(await attempt(part, core))

    async with anyio.create_task_group() as polling:
        for collector in parts.collectors.values():
            polling.start_soon(run, collector)
    for worker in parts.workers.values():
        await run(worker)
    for job in parts.jobs.values():
        await run(job)
    return await _delivered(parts, core) and all(well) and not _left_out(core)


def _left_out(core: Core) -> bool:
    return any(each.state is State.PERMANENT_ERROR for each in core.states)


async def _delivered(parts: Parts, core: Core) -> bool:
    """Wait until nothing waits that can be delivered; False where something is left."""
    before, changed_at = -1, core.timer.monotonic()
    while True:
        await gauges.look(core)
        waiting = _waiting(parts, core)
        if not waiting:
            return True
        left = sum(waiting.values())
        if left != before:
            before, changed_at = left, core.timer.monotonic()
        stuck = core.timer.monotonic() - changed_at > PATIENCE
        if stuck or all(_off(sink, core) for sink in waiting):
            _log.warning("deliveries wait for the next run", deliveries=waiting)
            return False
        parts.courier.wake()
        await core.timer.sleep(PAUSE)


def _waiting(parts: Parts, core: Core) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (sink, state), waiting in core.journal.deliveries.items():
        if sink in parts.courier.sinks and state in _WAITING:
            counts[sink] = counts.get(sink, 0) + waiting.number
    return counts


def _off(sink: str, core: Core) -> bool:
    return core.states.get("sink", sink).state is State.PERMANENT_ERROR
