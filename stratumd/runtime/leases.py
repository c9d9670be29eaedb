"""Which daemon works a pipeline: a post that one of them holds at a time, by a lease that it keeps renewing."""

from __future__ import annotations

from functools import partial

import anyio

from stratumd.observe.logs import logger
from stratumd.plugin import SECOND, Micros
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.states import State
from stratumd.store import LeaseLost, StoreError

KIND = "pipeline"
LOOK = SECOND
"""From one look at another daemon's lease to the next, at most: so long a pipeline stands still beyond a lease."""
BEATS = 4
"""Renewals within the length of a lease."""

_log = logger("stratumd.leases")


class PipelinePost:
    """The work on one pipeline, for one daemon. Where there is only one, it is always that one's."""

    def __init__(self, pipeline: str, core: Core, once: bool) -> None:
        """`once`: what another daemon works on is left to it."""
        self._pipeline = pipeline
        self._core = core
        self._once = once

    async def taken(self) -> bool:
        """Wait until the post is this daemon's; False where it is left to another."""
        core, sharing = self._core, self._core.store.sharing
        began = core.timer.monotonic()
        while (lease := await transaction(partial(sharing.hold, self._pipeline))).owner != sharing.owner:
            core.metrics.lease_held.labels(self._pipeline).set(0)
            core.states.put(KIND, self._pipeline, State.OK, f"worked by {_who(lease.owner)}")
            if self._once and core.timer.monotonic() - began > sharing.lease:
                _log.info("pipeline left to another daemon", pipeline=self._pipeline, owner=lease.owner)
                return False
            await core.timer.sleep(min(LOOK, sharing.lease // BEATS))
        core.metrics.lease_held.labels(self._pipeline).set(1)
        core.metrics.lease_taken.labels(self._pipeline).inc()
        if sharing.shared:
            core.states.put(KIND, self._pipeline, State.STARTING)
            _log.info("pipeline taken up", pipeline=self._pipeline, epoch=lease.epoch)
        return True

    def lost(self, error: LeaseLost) -> None:
        """Count that another daemon took the post away."""
        self._core.metrics.lease_lost.labels(self._pipeline).inc()
        _log.warning("pipeline lost to another daemon", pipeline=self._pipeline, error=str(error))

    async def leave(self) -> None:
        """Give the post up, whatever it ended by: nobody need wait for the end of the lease."""
        self._core.metrics.lease_held.labels(self._pipeline).set(0)
        try:
            with anyio.CancelScope(shield=True):
                await transaction(partial(self._core.store.sharing.let_go, self._pipeline))
        except StoreError as error:
            _log.warning("a lease ends by itself", pipeline=self._pipeline, error=str(error))


async def renew(core: Core) -> None:
    """Renew what this daemon holds, until cancelled. While the database does not answer, nobody can take it."""
    sharing = core.store.sharing
    pause: Micros = sharing.lease // BEATS
    told = ""
    while sharing.shared:
        await core.timer.sleep(pause)
        try:
            await transaction(sharing.beat)
        except StoreError as error:
            if told != str(error):
                told = str(error)
                _log.warning("leases are not renewed", error=told)
        else:
            if told:
                told = ""
                _log.info("leases are renewed again")


def _who(owner: str) -> str:
    """Return an owner as a person names it: host and process."""
    host, _, pid, *_ = [*owner.split(), "", "", ""]
    return f"{host}, process {pid}" if pid else owner or "nobody"
