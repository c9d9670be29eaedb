"""The watchdog: a thread of its own that names the line that blocks the event loop, or a pipeline's step.

It looks at what every thread is doing a few times a second, and at nothing else: a call costs nothing more for being
watched. While something holds the interpreter itself, no thread can look; then a stack that C code wrote meanwhile
tells where it was.
"""

from __future__ import annotations

import faulthandler
import re
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import IO, NamedTuple

from stratumd.observe.logs import logger
from stratumd.runtime.plugin_code import PluginCode, Running

LOOK = 0.2
"""Seconds between two looks."""
LIMIT = 1.0
"""Seconds from which on a call blocks."""
DEADLINE = 5.0
"""Seconds that a call inside a step may take; a component that took longer is left out of the next observations."""
HELD = 2.0
"""Seconds without a look after which the stack is written down from outside of the interpreter."""

_FRAME = re.compile(r'  File "(?P<file>[^"]*)", line (?P<line>\d+) in (?P<function>.*)')
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
        self._stepped: dict[int, str] = {}
        """What each thread stepped last, also where it has ended meanwhile."""
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
        self._steps[thread] = self._stepped[thread] = pipeline
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
        with tempfile.TemporaryFile() as stacks:
            thread = threading.Thread(target=self._run, args=(stacks,), name="watchdog", daemon=True)
            self._beat = self._clock()
            self._stop.clear()
            thread.start()
            try:
                yield
            finally:
                self._stop.set()
                thread.join()

    # ---- in its own thread

    def _run(self, stacks: IO[bytes]) -> None:
        before = self._clock()
        faulthandler.dump_traceback_later(HELD, file=stacks)
        while not self._stop.wait(self._look):
            faulthandler.dump_traceback_later(HELD, file=stacks)
            now = self._clock()
            try:
                if now - before > HELD:
                    self._read_stacks(stacks, now - before)
                self.look(now)
            except Exception:  # noqa: BLE001  # it watches others; what is wrong with itself must not end it
                _log.exception("the watchdog failed")
            before = now
        faulthandler.cancel_dump_traceback_later()

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

    def _read_stacks(self, stacks: IO[bytes], seconds: float) -> None:
        """Name who held the interpreter, by the stacks that were written while nobody could look."""
        for what, file, line in _innermost(stacks, self._loop, self._stepped, self._code):
            owner = self._code.owner(file)
            if owner is not None:
                where = f"{file.rpartition('/')[2]}:{line}"
                block = Block(what, *owner, owner[0], where, seconds, ended=True)
                self._say(block)
                if what != "event loop" and seconds >= self._deadline:
                    self._overdue.setdefault(what, {})[owner[0]] = block


def _block(what: str, running: Running, seconds: float) -> Block:
    return Block(what, running.plugin, running.version, running.component, running.where, seconds)


def _innermost(stacks: IO[bytes], loop: int, steps: dict[int, str], code: PluginCode) -> Iterator[tuple[str, str, str]]:
    """Yield, for the loop and each step, the innermost line of a plugin: (what waits, file, line). Empties the file."""
    stacks.seek(0)
    text = stacks.read().decode(errors="replace")
    stacks.seek(0)
    stacks.truncate()
    waiting = {loop: "event loop", **steps}
    for part in re.split(r"\n(?=(?:Current thread|Thread) 0x)", text):
        head = re.match(r"\s*(?:Current thread|Thread) 0x([0-9a-f]+)", part)
        what = waiting.get(int(head[1], 16)) if head else None
        if what is None:
            continue
        lines = [found for found in _FRAME.finditer(part) if code.owner(found["file"]) is not None]
        if lines:
            yield what, lines[0]["file"], lines[0]["line"]
