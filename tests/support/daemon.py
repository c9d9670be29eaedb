"""`stratumd run` in a process of its own, as an operator runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import httpx

PATIENCE = 60.0
"""Seconds to wait for what must come; a busy machine takes its time."""
COMMAND = (sys.executable, "-c", "from stratumd.cli import main; main()")


class Forked:
    """A process that the nursery made, as much of it as `subprocess.Popen` has and is needed."""

    def __init__(self, pid: int, end: Path) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = end

    def poll(self) -> int | None:
        """Return how it ended, or None."""
        if self.returncode is None and self._end.exists():
            self.returncode = int(self._end.read_text())
        return self.returncode

    def wait(self) -> int:
        """Wait until it has ended, and return how."""
        until = time.monotonic() + PATIENCE
        while (code := self.poll()) is None:
            assert time.monotonic() < until, f"process {self.pid} does not end"
            time.sleep(0.005)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process of `nursery.py`, started when the first daemon is asked for."""

    def __init__(self, before: Sequence[str] = ()) -> None:
        """`before`: a command that starts it, and so all that come from it, under other conditions."""
        self._before = before
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        arguments: Sequence[str],
        log: Path,
        env: Mapping[str, str],
        *,
        errors: Path | None = None,
        cwd: Path | None = None,
    ) -> Forked:
        """Start the command with these arguments. Both streams go to `log` unless `errors` is named, a second file."""
        control, end = self._opened(), log.with_suffix(".end")
        asked = {"arguments": arguments, "end": str(end), "folder": str(cwd or log.parent), "env": {**env}}
        asked |= {"log": str(log), "errors": str(errors or log)}
        control.sendall(json.dumps(asked).encode())
        return Forked(int(control.recv(64)), end)

    def close(self) -> None:
        """End it; what it started runs on."""
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait()
        self._control = self._process = None

    def _opened(self) -> socket.socket:
        if self._control is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            source = Path(__file__).with_name("nursery.py").read_text()
            with theirs:
                self._process = subprocess.Popen([*self._before, sys.executable, "-c", source], stdin=theirs.fileno())
        return self._control


nursery: Nursery | None = None
"""Where daemons come from; None where each is a Python of its own, as outside the test suite."""


def _started(arguments: Sequence[str], log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes] | Forked:
    """Start the command. What Python or a failpoint reads from the environment takes a Python of its own."""
    whole = {**os.environ, **env}
    with log.open("wb") as out:
        if nursery is not None and not any(name.startswith(("PYTHON", "STRATUMD_")) for name in env):
            return nursery.start(arguments, log, whole)
        return subprocess.Popen([*COMMAND, *arguments], stdout=out, stderr=out, cwd=log.parent, env=whole)


class Daemon:
    """One run of the daemon. What it says is kept in a file."""

    def __init__(self, config: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.log = config.with_suffix(f".{time.monotonic_ns()}.log")
        self.process = _started(["run", str(config), *arguments], self.log, env or {})

    @property
    def said(self) -> str:
        """Everything that it said, on both streams."""
        return self.log.read_text()

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """The lines of its log about `event`, or all; one that it is just writing is not there yet."""
        whole = self.log.read_bytes().rpartition(b"\n")[0]
        parsed = [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]
        return [line for line in parsed if event in (None, line.get("event"))]

    async def address(self) -> str:
        """Where its HTTP interface listens."""
        (started, *_) = await self.wait_for("started")
        return str(started["listening"]).removesuffix("/status")

    async def wait_for(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until it said something about `event` so many times."""
        with anyio.fail_after(PATIENCE):
            while len(found := self.lines(event)) < count:
                assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said}"
                await anyio.sleep(0.02)
        return found

    async def ask(self, path: str) -> httpx.Response:
        """Ask its HTTP interface."""
        # An empty context: reading all the authorities of the system takes longer than the answer.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx.AsyncClient(base_url=await self.address(), trust_env=False, verify=plain) as client:
            return await client.get(path)

    async def end(self) -> int:
        """Wait until it ended by itself and return the exit code."""
        with anyio.fail_after(PATIENCE):
            while (code := self.process.poll()) is None:  # noqa: ASYNC110  # another process
                await anyio.sleep(0.02)
        return code

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds until it ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        return await self.end(), time.monotonic() - began

    def kill(self) -> None:
        """End it as a power cut would, if it still runs."""
        self.process.kill()
        self.process.wait()
