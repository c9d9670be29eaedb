"""How much memory a process takes at most that is answered by a bomb: `python -m tests.hostile.peak URL`."""

from __future__ import annotations

import sys

import anyio

from stratumd.client import Client
from stratumd.errors import SourceError

PATH = "/v4/sports/basketball_nba/odds"
PARAMS = {"regions": "us", "markets": "h2h,spreads,totals", "oddsFormat": "american", "apiKey": "canary-9f2b"}


async def measure(url: str) -> None:
    """Ask once; write MiB held before and at most, and what came of it."""
    client = Client(url)
    before = _peak()
    try:
        answer = await client.get(PATH, PARAMS, deadline=60.0)
        said = f"answered with {answer.status} and {len(answer.body)} bytes"
    except SourceError as error:
        said = f"{type(error).__name__}: {error}"
    sys.stdout.write(f"{before}\t{_peak()}\t{said}\n")


def _peak() -> float:
    with open("/proc/self/status", encoding="ascii") as status:  # what the parent held does not count
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    anyio.run(measure, sys.argv[1])
