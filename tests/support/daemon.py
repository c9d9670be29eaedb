"""`stratumd run` in a process of its own, as an operator runs it."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx

PATIENCE = 60.0
"""Seconds to wait for what must come; a busy machine takes its time."""
COMMAND = (sys.executable, "-c", "from stratumd.cli import main; main()")


class Daemon:
    """One run of the daemon. What it says is kept in a file."""

    def __init__(self, config: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.log = config.with_suffix(f".{time.monotonic_ns()}.log")
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, "run", str(config), *arguments],
                stdout=out,
                stderr=out,
                cwd=config.parent,
                env={**os.environ, **(env or {})},
            )

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
