"""The baseline of `make bench-cycle`: the scripts of the shared `bench/` folder in an environment of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support import SHARED

DRIVERS = ("pgserver", "sqlalchemy[asyncio]", "asyncpg", "psycopg[binary]", "redis", "hiredis")
PACKAGES = (*DRIVERS, "orjson", "msgspec", "numpy")
"""What the scripts import; their own `run.sh` names the same."""
DRIVER = """
import asyncio, sys, time
sys.path.insert(0, sys.argv[1])
from cycle_common import at, poll
from cycle_seed import SeedCycle

async def main(kind):
    cycle = SeedCycle()
    await cycle.setup(kind)
    print("ready", flush=True)
    for line in sys.stdin:
        body = poll(kind, int(line))
        began = time.perf_counter()
        await cycle.cycle(body, at(int(line)))
        print(time.perf_counter() - began, flush=True)
    await cycle.close()

asyncio.run(main(sys.argv[2]))
"""
FEED = """
import sys
sys.path.insert(0, sys.argv[1])
from feed import SPORTS, Feed

feed = Feed(800, 40, sports=tuple(SPORTS))
for _ in range(int(sys.argv[2])):
    body = feed.dump()
    sys.stdout.buffer.write(len(body).to_bytes(8, "big") + body)
    feed.step()
"""


class Missing(Exception):
    """Something that the baseline needs is not on this machine."""


class Baseline:
    """The scripts, their packages and their data, kept between runs in `$BENCH_WORK`."""

    def __init__(self) -> None:
        self._scripts = SHARED / "bench"
        if not (self._scripts / "cycle_seed.py").exists():
            raise Missing(
                "needs the bench folder, which is not part of the project (set STRATUMD_SHARED to its parent)"
            )
        if shutil.which("redis-server") is None:
            raise Missing("needs redis-server on PATH: the baseline asks Redis for every quote")
        self._work = Path(os.environ.get("BENCH_WORK") or Path(tempfile.gettempdir()) / f"stratumd-bench-{os.getuid()}")
        self._python = self._work / "venv" / "bin" / "python"
        self._data = self._work / "data"
        if not self._python.exists():
            venv.create(self._work / "venv", with_pip=True)
            subprocess.run([self._python, "-m", "pip", "-q", "install", *PACKAGES], check=True)
        if not (self._data / "all_011.json").exists():
            subprocess.run([self._python, self._scripts / "feed.py"], env=self._env(), check=True, stdout=sys.stderr)

    def bodies(self, size: str) -> Sequence[bytes]:
        """Return the polls of a size, oldest first, 30 seconds apart."""
        return [path.read_bytes() for path in sorted(self._data.glob(f"{size}_*.json"))[:12]]

    @contextmanager
    def cycles(self, size: str) -> Iterator[Callable[[int], float]]:
        """Start the baseline's servers; give what runs the cycle of one poll and returns its seconds."""
        driver = self._work / "driver.py"
        driver.write_text(DRIVER)
        command = [self._python, self._scripts / "serve.py", self._work, driver, self._scripts, size]
        process = subprocess.Popen(command, env=self._env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        try:
            if process.stdout.readline().strip() != "ready":
                raise Missing("the baseline did not start; its own words are above")

            def cycle(number: int) -> float:
                print(number, file=process.stdin, flush=True)
                return float(process.stdout.readline())  # type: ignore[union-attr]  # it is a pipe, see above

            yield cycle
        finally:
            process.stdin.close()
            process.wait()

    @contextmanager
    def feed(self, polls: int) -> Iterator[Iterator[bytes]]:
        """Give polls of 192,000 quotes, one at a time."""
        command = [self._python, "-c", FEED, self._scripts, str(polls)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None, "it is a pipe"
        try:
            yield iter(lambda: process.stdout.read(int.from_bytes(process.stdout.read(8), "big")), b"")  # type: ignore[union-attr]  # it is a pipe
        finally:
            process.stdout.close()
            process.wait()

    def _env(self) -> dict[str, str]:
        return os.environ | {"BENCH_DATA": str(self._data), "PYTHONWARNINGS": "ignore"}
