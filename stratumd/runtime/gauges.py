"""Measuring what nobody reports: the delay of the event loop, and the deliveries that wait in the store."""

from __future__ import annotations

from functools import partial

from stratumd.observe.logs import logger
from stratumd.plugin import SECOND
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.states import State
from stratumd.store import StoreError

BEAT = SECOND // 10
BEATS = 20
"""Beats from one look at the store to the next."""

_log = logger("stratumd.gauges")


async def measure(core: Core) -> None:
    """Measure until cancelled. It is also what says in which state the store is."""
    while True:
        await look(core)
        core.metrics.loop_lag.set(await longest_delay(core))


async def look(core: Core) -> None:
    """Count the deliveries in the store, and see who works which pipeline."""
    try:
        counts = await transaction(core.store.delivery_counts)
        core.journal.leases = await transaction(core.store.sharing.holders)
        await look_for_pauses(core)
        core.journal.notices = await transaction(core.store.notices.unsent)
    except StoreError as error:
        if _put(core, State.RECOVERABLE_ERROR, str(error)):
            _log.error("the store does not answer", error=str(error))
        return
    if _put(core, State.OK):
        _log.info("the store answers again")
    for lease in core.journal.leases:
        if lease.pipeline in core.journal.pipelines:
            # A worker that was frozen finds out only when it has something to commit.
            held = lease.left > 0 and lease.owner == core.store.sharing.owner
            core.metrics.lease_held.labels(lease.pipeline).set(held)
    core.journal.deliveries = counts
    core.metrics.notices.clear()
    for notice in core.journal.notices:
        core.metrics.notices.labels(notice.state.replace("in_flight", "pending")).inc()
    now = core.timer.now()
    core.metrics.deliveries.clear()
    core.metrics.oldest_waiting.clear()
    for (sink, state), waiting in counts.items():
        core.metrics.deliveries.labels(sink, state).set(waiting.number)
        if state == "pending":
            core.metrics.oldest_waiting.labels(sink).set((now - waiting.oldest) / SECOND)


def _put(core: Core, state: State, reason: str = "") -> bool:
    """Say how the store is; return whether that is news."""
    before = next((each for each in core.states if each.kind == "store"), None)
    core.states.put("store", "store", state, reason)
    now = core.states.get("store", "store")
    known = (State.OK, "") if before is None else (before.state, before.reason)
    return known != (now.state, now.reason)


async def look_for_pauses(core: Core) -> None:
    """See which sources and jobs a person paused; each goes by it at its next instant."""
    found = await transaction(partial(core.store.paused, core.timer.now()))
    core.journal.pauses = {each.source: each for each in found}


async def longest_delay(core: Core) -> float:
    """Return by how many seconds the event loop was late at worst, over the beats until the next look."""
    longest = 0
    for _ in range(BEATS):
        due = core.timer.monotonic() + BEAT
        await core.timer.sleep(BEAT)
        longest = max(longest, core.timer.monotonic() - due)
    return longest / SECOND
