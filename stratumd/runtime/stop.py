"""Signals: SIGTERM by the service manager and SIGINT by Ctrl-C ask to stop, SIGHUP asks to reload."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import anyio
from anyio.abc import TaskStatus

from stratumd.observe.logs import logger

PATIENCE = {signal.SIGTERM: 25.0, signal.SIGINT: 4.0}
"""Seconds that a stop may take, by the signal that asked for it. Then the process ends as it stands: what was
committed is safe, the rest is done at the next start."""

_log = logger("stratumd.stop")


def exit_quietly() -> None:
    """Before there is anything to finish, a signal simply ends the process, with exit code 0.

    One that asks to reload asks for nothing: the configuration is about to be read.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(0)

    for number in PATIENCE:
        signal.signal(number, leave)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Stop:
    """Whether the daemon was asked to stop, or to reload."""

    def __init__(self, die: Callable[[int], object] = os._exit, terminal: int = 2) -> None:
        """`die` ends the process at once, with an exit code. `terminal`: the descriptor that people read it at."""
        self.asked = anyio.Event()
        self.reload = anyio.Event()
        """Who obeys it puts a new one in its place first."""
        self._die = die
        self._terminal = terminal if os.isatty(terminal) else None

    async def watch(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Wait for signals until cancelled. Start it before anything else."""
        with anyio.open_signal_receiver(*PATIENCE, signal.SIGHUP) as received:
            task_status.started()
            async for number in received:
                if number == signal.SIGHUP:
                    if not self._terminal_closed():
                        self.reload.set()
                        continue
                    number = signal.SIGTERM  # the other meaning of the signal: nobody watches any more
                if self.asked.is_set():
                    _log.warning("stopped at once")
                    self._die(128 + number)
                _log.info("stopping", signal=signal.Signals(number).name)
                self._give_up_after(PATIENCE[number])
                self.asked.set()

    def _terminal_closed(self) -> bool:
        return self._terminal is not None and not os.isatty(self._terminal)

    def _give_up_after(self, seconds: float) -> None:
        """A thread that a plugin never returns from cannot be ended in any other way."""

        def give_up() -> None:
            _log.error("a part did not stop in time; ended without it", seconds=seconds)
            self._die(1)

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
