"""Telling the service manager how the daemon is: the datagrams of sd_notify(3), sent where `NOTIFY_SOCKET` says.

A supervisor that speaks the protocol (systemd, `podman run --sdnotify=container`) holds the start back until the
pipelines stand, shows the worst component, and restarts a daemon that gives no more sign of life.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

import anyio

from stratumd.observe.logs import logger
from stratumd.plugin import SECOND, Micros
from stratumd.runtime.clock import Timer
from stratumd.runtime.core import Core
from stratumd.runtime.states import State, States
from stratumd.runtime.view import REQUIRED

BEAT = SECOND // 4
"""From one look at the components to the next."""
EXTENSION = 30 * SECOND
"""By how much each word of a long start puts its deadline off; the next word comes at a third of it."""
LONGEST = 300
"""Characters of a status; a datagram of the protocol holds 4096 bytes."""
_FAILED = {State.PERMANENT_ERROR, State.FATAL_ERROR}

_log = logger("stratumd.notify")


class Notifier:
    """Sends to the service manager; every method says whether it was heard, which it is where there is none.

    Nothing here waits: where the service manager does not keep up, what is said is lost, and may be said again.
    """

    def __init__(self, address: str | None = None, watchdog: Micros | None = None) -> None:
        """`address`: a path, or `@` and an abstract name. `watchdog`: after so long without a word it is restarted."""
        self.listening = address is not None
        self.watchdog = watchdog if self.listening else None
        self._address = address or ""
        self._status = ""
        self._complained = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        """Return the notifier that the service manager asked for; a watchdog may be meant for another process."""
        length = int(environ.get("WATCHDOG_USEC", "0"))
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return cls(environ.get("NOTIFY_SOCKET") or None, length if length and meant else None)

    def ready(self) -> bool:
        """Say that the start, or a reload, is done."""
        return self._send("READY=1")

    def reloading(self) -> bool:
        """Say that a reload begins; `ready` ends it. The time tells it from an earlier one: without it, it hangs."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1_000}")

    def stopping(self) -> bool:
        """Say that the stop begins."""
        return self._send("STOPPING=1")

    def alive(self) -> bool:
        """Give the sign of life that the watchdog waits for."""
        return self._send("WATCHDOG=1")

    def extend(self, length: Micros) -> bool:
        """Ask for at least so much time from now for the start, the reload or the stop at hand."""
        return self._send(f"EXTEND_TIMEOUT_USEC={length}")

    def status(self, text: str) -> bool:
        """Say in a line how the daemon is. What was said last is not said again."""
        line = " ".join(text.split())[:LONGEST]
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line
        return line == self._status

    def _send(self, *lines: str) -> bool:
        if not self.listening:
            return True
        # The kernel's spelling of an abstract name begins with a null.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            self._complain(error)
            return False
        return True

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            _log.warning("the service manager does not listen", address=self._address, error=str(error))


@asynccontextmanager
async def extending(notifier: Notifier, timer: Timer) -> AsyncIterator[None]:
    """Keep the service manager patient while the block lasts: a migration or a rebuild takes as long as it takes."""
    async with anyio.create_task_group() as group:
        group.start_soon(_extend, notifier, timer)
        yield
        group.cancel_scope.cancel()


async def attend(notifier: Notifier, core: Core, pipelines: Collection[str]) -> None:
    """Tell of the daemon until cancelled: when every one of `pipelines` stands, the worst component, signs of life."""
    if not notifier.listening:
        return
    async with anyio.create_task_group() as group:
        group.start_soon(_tell, notifier, core, pipelines)
        if notifier.watchdog:
            group.start_soon(_live, notifier, core, notifier.watchdog // 2)


async def _extend(notifier: Notifier, timer: Timer) -> None:
    while notifier.listening:
        notifier.extend(EXTENSION)
        await timer.sleep(EXTENSION // 3)


async def _tell(notifier: Notifier, core: Core, pipelines: Collection[str]) -> None:
    async with extending(notifier, core.timer):
        while not _standing(core.states, pipelines):
            notifier.status(_worst(core.states))
            await core.timer.sleep(BEAT)
    while not notifier.ready():
        await core.timer.sleep(BEAT)
    while True:
        notifier.status(_worst(core.states))
        await core.timer.sleep(BEAT)


async def _live(notifier: Notifier, core: Core, interval: Micros) -> None:
    """Give signs of life from the loop itself: where it stands still, none comes."""
    while True:
        if _at_work(core.states):
            notifier.alive()
        await core.timer.sleep(interval)


def _standing(states: States, pipelines: Collection[str]) -> bool:
    """Say whether every pipeline was rebuilt or failed at it. One that fails does not hold the others back."""
    begun = {each.name for each in states if each.kind == "pipeline" and each.state is not State.STARTING}
    return begun.issuperset(pipelines)


def _at_work(states: States) -> bool:
    """Say whether of every required kind something works, or may again.

    While one source of several has failed for good, a restart would only disturb the others.
    """
    failed: dict[str, bool] = {}
    for each in states:
        if each.kind in REQUIRED:
            failed[each.kind] = failed.get(each.kind, True) and each.state in _FAILED
    return not any(failed.values())


def _worst(states: States) -> str:
    worst = states.worst()
    return State.OK.value if worst is None or worst.state is State.OK else str(worst)
