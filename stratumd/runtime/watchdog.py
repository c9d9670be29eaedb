"""The watchdog: a thread of its own that names the line that blocks the event loop, or a pipeline's step.

It looks at what every thread is doing a few times a second, and at nothing else: a call costs nothing more for being
watched. While something holds the interpreter itself, no thread can look; who held it is still at that line when the
first thread can look again. (To write stacks from outside of the interpreter is no way: it reads frames that other
threads are changing, and has crashed a process that was only frozen for a while.)
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NamedTuple

from stratumd.observe.logs import logger
from stratumd.runtime.plugin_code import PluginCode, Running

LOOK = 0.2
"""Seconds between two looks."""
LIMIT = 1.0
"""Seconds from which on a call blocks."""
DEADLINE = 5.0
"""Seconds that a call inside a step may take; a component that took longer is left out of the next observations."""
HELD = 2.0
"""Seconds without a look, worked through by this process, after which somebody must have held the interpreter."""
_log = logger("stratumd.watchdog")


class Block(NamedTuple):
    """A call that blocks."""

    what: str
    """`event loop`, or the name of the pipeline whose step waits for it."""
    plugin: str
    version: str
    component: str
    where: str
    """`file:line` of the plugin's own code, or of core's where it is none's."""
    seconds: float
    """So far; all of it where it has `ended`."""
    ended: bool = False


@dataclass(slots=True)
class _Call:
    """A call that a thread was seen in."""

    pipeline: str
    running: Running
    since: float
    told: float = 0.0


class Watchdog:
    """Watches the thread that starts it, whose event loop calls `beat`, and the steps that call `stepping`."""

    def __init__(
        self,
        code: PluginCode,
        *,
        limit: float = LIMIT,
        deadline: float = DEADLINE,
        look: float = LOOK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.blocks: deque[Block] = deque(maxlen=100)
        """What was told: when a call blocks, each time that it takes twice as long, and when it has ended."""
        self._code = code
        self._limit = limit
        self._deadline = deadline
        self._look = look
        self._clock = clock
        self._loop = threading.get_ident()
        self._beat = clock()
        self._loop_block: Block | None = None
        self._steps: dict[int, str] = {}
        self._calls: dict[int, _Call] = {}
        self._overdue: dict[str, dict[str, Block]] = {}
        self._stop = threading.Event()

    def beat(self) -> None:
        """Say that the event loop turns. Call it more often than `limit`."""
        self._beat = self._clock()

    @contextmanager
    def stepping(self, pipeline: str) -> Iterator[None]:
        """Mark what the calling thread does as a pipeline's step."""
        thread = threading.get_ident()
        self._steps[thread] = pipeline
        try:
            yield
        finally:
            del self._steps[thread]

    def overdue(self, pipeline: str) -> list[Block]:
        """Return the calls that took longer than the deadline in steps of a pipeline, once each."""
        return [*self._overdue.pop(pipeline, {}).values()]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for as long as the block lasts."""
        thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._beat = self._clock()
        self._stop.clear()
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    # ---- in its own thread

    def _run(self) -> None:
        before, worked_before = self._clock(), time.process_time()
        while not self._stop.wait(self._look):
            now, worked = self._clock(), time.process_time()
            try:
                # A process that was frozen, or got no processor, did not work meanwhile: then nobody is to blame.
                if min(now - before, worked - worked_before) > HELD:
                    self._held(now - before)
                self.look(now)
            except Exception:  # noqa: BLE001  # it watches others; what is wrong with itself must not end it
                _log.exception("the watchdog failed")
            before, worked_before = now, worked

    def look(self, now: float) -> None:
        """Look at what every thread is doing."""
        frames = sys._current_frames()
        for thread, pipeline in [*self._steps.items()]:
            self._look_at_step(thread, pipeline, frames.get(thread), now)
        for thread in [thread for thread in self._calls if thread not in self._steps]:
            self._ended(thread, now)
        self._look_at_loop(frames.get(self._loop), now)

    def _look_at_step(self, thread: int, pipeline: str, frame: FrameType | None, now: float) -> None:
        running = self._code.running(frame)
        known = self._calls.get(thread)
        if known is not None and (running is None or running.call is not known.running.call):
            self._ended(thread, now)
            known = None
        if running is None:
            return
        if known is None:
            self._calls[thread] = _Call(pipeline, running, now)
            return
        known.running = running
        seconds = now - known.since
        block = _block(pipeline, running, seconds)
        if seconds >= self._deadline and running.in_engine:
            self._overdue.setdefault(pipeline, {})[running.component] = block
        if seconds >= max(self._limit, 2 * known.told):
            known.told = seconds
            self._say(block)

    def _ended(self, thread: int, now: float) -> None:
        call = self._calls.pop(thread)
        if call.told:
            self._say(_block(call.pipeline, call.running, now - call.since)._replace(ended=True))

    def _look_at_loop(self, frame: FrameType | None, now: float) -> None:
        late = now - self._beat
        told = self._loop_block
        if late < self._limit:
            if told is not None:
                self._loop_block = None
                self._say(told._replace(ended=True))
            return
        if told is not None and late < 2 * told.seconds:
            return
        running = self._code.running(frame)
        if running is not None:
            block = _block("event loop", running, late)
        elif frame is not None:
            block = Block("event loop", "", "", "", f"{frame.f_code.co_filename}:{frame.f_lineno}", late)
        else:
            return
        self._loop_block = block
        self._say(block)

    def _say(self, block: Block) -> None:
        say = _log.warning if block.ended else _log.error
        say(
            "a call that blocked has ended" if block.ended else "a call blocks",
            blocked=block.what,
            plugin=block.plugin,
            version=block.version,
            component=block.component,
            where=block.where,
            seconds=round(block.seconds, 1),
        )
        self.blocks.append(block)

    def _held(self, seconds: float) -> None:
        """Name who held the interpreter: the first look after it finds the thread where it let go."""
        frames = sys._current_frames()
        for thread, what in {self._loop: "event loop", **self._steps}.items():
            running = self._code.running(frames.get(thread))
            if running is not None:
                block = _block(what, running, seconds)._replace(ended=True)
                self._say(block)
                if seconds >= self._deadline and running.in_engine:
                    self._overdue.setdefault(what, {})[running.component] = block


def _block(what: str, running: Running, seconds: float) -> Block:
    return Block(what, running.plugin, running.version, running.component, running.where, seconds)
