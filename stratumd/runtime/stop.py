"""Signals: SIGTERM by the service manager and SIGINT by Ctrl-C ask to stop, SIGHUP asks to reload."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import anyio
from anyio.abc import TaskStatus

from stratumd.observe.logs import logger

PATIENCE = {signal.SIGTERM: 25.0, signal.SIGINT: 4.0}
"""Seconds that a stop may take, by the signal that asked for it. Then the process ends as it stands: what was
committed is safe, the rest is done at the next start."""

_AFTER_THE_SIGNAL = 0.1
"""Seconds until a terminal is gone for certain: a dying shell's SIGHUP is sent just before it is taken away."""

_log = logger("stratumd.stop")


class Terminal:
    """The terminal that people read the daemon at, where there is one."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._shown_at = os.isatty(descriptor)
        self._controls = self._controls_us()

    def closed(self) -> bool:
        """Say whether it is gone: its window was closed, or the shell that it belonged to ended.

        The latter leaves it open for whoever has it open still, but it is nobody's controlling terminal any more.
        """
        return self._shown_at and not (self._controls_us() if self._controls else os.isatty(self._descriptor))

    def _controls_us(self) -> bool:
        try:
            os.tcgetpgrp(self._descriptor)
        except OSError:
            return False
        return True


def exit_quietly() -> None:
    """Before there is anything to finish, a signal simply ends the process, with exit code 0.

    One that asks to reload asks for nothing: the configuration is about to be read.
    """
    terminal = Terminal()

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(0)

    def leave_if_alone(number: int, frame: FrameType | None) -> None:
        time.sleep(_AFTER_THE_SIGNAL)
        if terminal.closed():
            sys.exit(0)

    for number in PATIENCE:
        signal.signal(number, leave)
    signal.signal(signal.SIGHUP, leave_if_alone)


class Stop:
    """Whether the daemon was asked to stop, or to reload."""

    def __init__(self, die: Callable[[int], object] = os._exit, terminal: int = 2) -> None:
        """`die` ends the process at once, with an exit code. `terminal`: the descriptor that people read it at."""
        self.asked = anyio.Event()
        self.reload = anyio.Event()
        """Who obeys it puts a new one in its place first."""
        self._die = die
        self._terminal = Terminal(terminal)
        self._hung_up = False
        """Whether a SIGHUP is being looked into."""

    async def watch(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Wait for signals until cancelled. Start it before anything else."""
        with anyio.open_signal_receiver(*PATIENCE, signal.SIGHUP) as received:
            async with anyio.create_task_group() as group:
                task_status.started()
                async for number in received:
                    if number != signal.SIGHUP:
                        self._stop(number)
                    elif not self._hung_up:  # of many at once the first speaks for all, and a stop waits for none
                        self._hung_up = True
                        group.start_soon(self._hang_up)

    async def _hang_up(self) -> None:
        await anyio.sleep(_AFTER_THE_SIGNAL)
        self._hung_up = False
        if self._terminal.closed():
            self._stop(signal.SIGTERM)  # the other meaning of the signal: nobody watches any more
        else:
            self.reload.set()

    def _stop(self, number: signal.Signals) -> None:
        if self.asked.is_set():
            _log.warning("stopped at once")
            self._die(128 + number)
        _log.info("stopping", signal=number.name)
        self._give_up_after(PATIENCE[number])
        self.asked.set()

    def _give_up_after(self, seconds: float) -> None:
        """A thread that a plugin never returns from cannot be ended in any other way."""

        def give_up() -> None:
            _log.error("a part did not stop in time; ended without it", seconds=seconds)
            self._die(1)

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
