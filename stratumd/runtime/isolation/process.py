"""The parent's side of a child: started when it is needed, asked with a deadline, ended when it does not answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from typing import IO

import msgspec

from stratumd.engine import Elsewhere
from stratumd.engine.quarantine import UNANSWERED
from stratumd.observe.logs import logger
from stratumd.redaction import shown
from stratumd.runtime.isolation.frames import (
    Answer,
    Failed,
    Request,
    Start,
    Started,
    encode,
    read_answer,
    receive,
    send,
)

DEADLINE = 5.0
"""Seconds that one call may take."""
START = 30.0
"""Seconds that building the component may take, its imports included."""
MEMORY = 1 << 30
"""Bytes of address space that a child may take; beyond that it gets no more."""
RECYCLE = 256 << 20
"""Bytes of memory that a child may hold after a call; beyond that it is replaced by a fresh one."""
PAUSE = 1.0
"""Seconds from the end of a process that did not answer to the next start: starting is dear."""
MOST_LINES = 20
"""Lines that a child's prints may take in the log, until the next start."""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What of the environment a child gets: the rest may hold secrets."""

_CONFUSED = "its process answered something that was not asked"
_log = logger("stratumd.isolation")


class Child:
    """One component's process. Calls come from any thread, and are made one after the other."""

    def __init__(self, start: Start, component: str, *, deadline: float = DEADLINE, memory: int = MEMORY) -> None:
        self._start = msgspec.structs.replace(start, memory=memory)
        self._component = component
        self.deadline = deadline
        self._turn = threading.Lock()
        self._running: _Running | None = None
        self._not_before = 0.0
        """When it may be started again, by the monotonic clock."""
        self.restarts = -1
        """How often it was started again."""

    @property
    def pid(self) -> int | None:
        """The child's process, None where there is none now."""
        running = self._running
        return None if running is None else running.process.pid

    def started(self) -> Started:
        """Start the child, where it does not run, and return what it said of the component."""
        with self._turn:
            return self._ready(time.monotonic()).said

    def call(self, request: Request) -> Answer:
        """Return the child's answer. `Elsewhere` where it raised, or gave none: then the process is ended."""
        with self._turn:
            now = time.monotonic()
            running = self._ready(now)
            answer = self._exchange(running, request, self.deadline)
            if isinstance(answer, Started):
                raise self._gave_up(_CONFUSED)
            if answer.resident > RECYCLE:
                _log.warning("a child is replaced: it holds too much", component=self._component, bytes=answer.resident)
                self._end()
        if isinstance(answer, Failed):
            raise elsewhere(answer)
        return answer

    def kill(self) -> None:
        """End the process. A call that waits for it fails."""
        running = self._running
        if running is not None:
            running.kill()

    def close(self) -> None:
        """End the process, after the call at hand."""
        with self._turn:
            self._end()

    def _ready(self, now: float) -> _Running:
        if self._running is not None and self._running.process.poll() is None:
            return self._running
        self._end()
        if now < self._not_before:
            raise Elsewhere(f"{UNANSWERED}its process ended; it is started again later", "")
        self.restarts += 1
        running = self._running = _Running(self._component)
        weakref.finalize(self, running.kill)
        answer = self._exchange(running, self._start, START)
        if not isinstance(answer, Started):
            self._gave_up("")
            raise elsewhere(answer) if isinstance(answer, Failed) else Elsewhere(f"{UNANSWERED}{_CONFUSED}", "")
        running.said = answer
        return running

    def _exchange(self, running: _Running, request: Request, seconds: float) -> Answer:
        deadline = time.monotonic() + seconds
        try:
            running.channel.settimeout(seconds)
            send(running.channel, encode(request))
            answer: Answer = read_answer(receive(running.channel, deadline))
            return answer
        except TimeoutError:
            raise self._gave_up(f"its process was ended after {seconds:g} s") from None
        except (EOFError, OSError):
            raise self._gave_up(f"its process ended{running.verdict()}") from None
        except msgspec.DecodeError:
            raise self._gave_up("its process said something that cannot be read") from None

    def _gave_up(self, text: str) -> Elsewhere:
        self._end()
        self._not_before = time.monotonic() + PAUSE
        return Elsewhere(f"{UNANSWERED}{text}", "")

    def _end(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running = None


class Refused(Elsewhere):
    """A sink's `DeliveryError`."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(shown(failed.text), shown(failed.where), failed.kind)
        self.failed = failed


def elsewhere(failed: Failed) -> Elsewhere:
    """Return what a child raised; it may be anybody's words."""
    if failed.kind == "delivery":
        return Refused(failed)
    return Elsewhere(shown(failed.text), shown(failed.where), failed.kind)


class _Running:
    """A process with its two ends."""

    def __init__(self, component: str) -> None:
        self.channel, theirs = socket.socketpair()
        ends, self._lifeline = os.pipe()
        self.said = Started()
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        try:
            self.process = subprocess.Popen(  # noqa: S603  # this very interpreter, with numbers
                [sys.executable, "-m", "stratumd.runtime.isolation.child", str(theirs.fileno()), str(ends)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(), ends),
                env=environment,
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(ends)
        assert self.process.stdout is not None, "it is a pipe"
        threading.Thread(target=_listen, args=(self.process.stdout, component), daemon=True).start()

    def kill(self) -> None:
        """End the process with all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.channel.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def verdict(self) -> str:
        """Say how the process ended, where it did by itself."""
        try:
            code = self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            return ""
        return f" with exit code {code}" if code >= 0 else f" by signal {-code}"


def _listen(output: IO[bytes], component: str) -> None:
    """Log what a child prints, up to some lines, and let the rest go."""
    heard = 0
    with output, suppress(ValueError):
        while line := output.readline(1_000):
            heard += 1
            if heard <= MOST_LINES:
                _log.info("a child prints", component=component, line=shown(line.decode(errors="replace").rstrip()))
            elif heard == MOST_LINES + 1:
                _log.warning("a child prints more; it is let go", component=component)
