"""A daemon whose disk is full, and then is not: nothing is lost, and it goes on by itself.

```
python -m tests.faults.full
```

Its database and its file of signals lie on a file system in memory that is too small, until it is made larger.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from stratumd.testing.provider import FakeOddsApi
from tests.acceptance.test_kill import CONFIG, check, content
from tests.faults import disks
from tests.support.daemon import PATIENCE, Daemon

SMALL, LARGE = 6_000, 200_000
"""Kilobytes."""
WAITS = ("an observation waits for the store", "an instant waits for the store")
"""What the source says, by what did not fit any more: an answer, or, where a pipeline or a sink took the last page, the
row that each poll begins with. Then no answer is asked for, and nothing is said of one."""
FULL = "full"
"""Stands in the error: while the machine is busy, the store may be waited for with space left."""


@dataclass
class Report:
    """What came of it."""

    answers_full: int
    """Answers of the provider while the disk was full: what is bought and cannot be kept is not bought again."""
    full: float
    """Seconds for which it was full."""
    recovery: float
    """Seconds from space to the next committed cycle."""
    status: list[dict[str, Any]]
    """The components in `/status` that were not OK meanwhile."""
    said: str
    """The log's line."""


async def run(folder: Path, place: Path, full: float) -> Report:
    """Run a daemon into a full disk and out again. `AssertionError` where anything is lost."""
    config = folder / "killed.yaml"
    sport, served = content()
    async with FakeOddsApi(served, credits=10**9) as provider:
        text = CONFIG.format(folder=place, url=provider.url, sport=sport)
        config.write_text(text.replace("http: off", 'http: {listen: "127.0.0.1:0"}'))
        with disks.in_memory(place, SMALL):
            daemon = Daemon(config)
            try:
                first = await _filled(daemon)
                before, began = len(provider.served), time.monotonic()
                await anyio.sleep(full)
                status = (await daemon.ask("/status")).json()
                answered, cycles = len(provider.served) - before, len(daemon.lines("cycle"))
                disks.resize(place, LARGE)
                space = time.monotonic()
                await daemon.wait_for("cycle", cycles + 1)
                recovery = time.monotonic() - space
                await daemon.wait_for("cycle", cycles + 20)
                code, _ = await daemon.stop()
                assert code == 0, daemon.said
            finally:
                daemon.kill()
            check(config, place, answered=sum(each.status == 200 for each in provider.served))
    off = [each for each in status["components"] if each["state"] not in ("OK", "Stopped")]
    return Report(answered, space - began, recovery, off, json.dumps(first))


async def _filled(daemon: Daemon) -> dict[str, Any]:
    """Wait until the source finds the disk full, and return its line."""
    with anyio.fail_after(PATIENCE):
        while True:
            for line in daemon.lines():
                if line["event"] in WAITS and FULL in line["error"]:
                    return line
            assert daemon.process.poll() is None, f"it ended with {daemon.process.returncode}: {daemon.said}"
            await anyio.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="how long the disk stays full")
    asked = parser.parse_args()
    reason = disks.why_not()
    if reason is not None:
        print(f"no full disk here: it {reason}")
        return
    disks.enter_own_mounts()
    with tempfile.TemporaryDirectory(prefix="stratumd-full-") as name:
        place = Path(name) / "disk"
        place.mkdir()
        found = anyio.run(run, Path(name), place, asked.seconds)
    print(f"the disk was full for {found.full:.1f} s, in which {found.answers_full} answers were asked for")
    print(f"the log said: {found.said}")
    for each in found.status:
        print(f"/status said: {each['kind']} {each['name']}: {each['state']} ({each['reason']})")
    print(f"{found.recovery:.1f} s after there was space again a cycle was committed, without a restart; nothing lost")


if __name__ == "__main__":
    main()
