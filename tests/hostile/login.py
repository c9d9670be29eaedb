"""Whether the time of a refused login tells who has an account: Welch's t test, `make timing`.

Wrong passwords are tried in turn, drawn at random, for addresses that have an account and for addresses that have none,
over HTTP. The hash is made cheap: beside a costly one a difference would be harder to see, for us and for anybody.
As is usual for such tests (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017), the slowest times
are cut off at several places, and |t| above 4.5 at any of them means that the two can be told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from math import sqrt
from pathlib import Path
from statistics import fmean, quantiles, variance
from typing import NamedTuple

from stratumd.testing.house import serving

LIMIT = 4.5
CUTS = (50, 75, 90, 95, 99)
"""Percent of the times that are looked at, the shortest ones."""
PEOPLE = 100
WARM = 200
OPTIONS = {
    "secret": "canary-secret-of-a-measurement-0123456789",
    "public_url": "http://127.0.0.1",
    "argon2": {"time": 1, "memory": 8, "lanes": 1},
    "throttle": {"per_client": 10**9, "per_address": 10**9},
}
PASSWORD = "a long enough Pa55phrase"


class Found(NamedTuple):
    """What one cut came to."""

    cut: int
    known: float
    unknown: float
    """Mean times, milliseconds."""
    t: float


def welch(first: list[float], second: list[float]) -> float:
    """Return Welch's t of two samples (B. L. Welch, Biometrika 34, 1947)."""
    spread = sqrt(variance(first) / len(first) + variance(second) / len(second))
    return (fmean(first) - fmean(second)) / spread if spread else 0.0


def compared(known: list[float], unknown: list[float]) -> list[Found]:
    """Compare the times in seconds, cut off at several places."""
    places = quantiles([*known, *unknown], n=100)
    found = []
    for cut in CUTS:
        first, second = ([each for each in some if each <= places[cut - 1]] for some in (known, unknown))
        found.append(Found(cut, 1e3 * fmean(first), 1e3 * fmean(second), welch(first, second)))
    return found


async def measure(folder: Path, tries: int) -> list[Found]:
    """Try so many logins."""
    async with serving(f"sqlite:///{folder}/s.db", {"accounts": OPTIONS}) as house:
        for number in range(PEOPLE):
            person = {"email": f"known{number}@example.org", "password": PASSWORD}
            (await house.client.post("/api/v1/account", json=person)).raise_for_status()
        host, port = house.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        times: dict[str, list[float]] = {"known": [], "other": []}
        for number in range(WARM + tries):
            kind = random.choice(("known", "other"))
            took = await _tried(reader, writer, f"{kind}{random.randrange(PEOPLE)}@example.org")
            if number >= WARM:
                times[kind].append(took)
        writer.close()
        return compared(times["known"], times["other"])


async def _tried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, email: str) -> float:
    body = json.dumps({"email": email, "password": "not the Pa55phrase at all"}).encode()
    head = f"POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    began = time.perf_counter()
    writer.write(head.encode() + b"\r\n\r\n" + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    took = time.perf_counter() - began
    await reader.readexactly(int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    if not answer.startswith(b"http/1.1 401 "):
        raise RuntimeError(answer.decode())
    return took


def main() -> int:
    """Print the table; exit code 1 where the two can be told apart."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tries", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), given.tries))
    print(f"{given.tries:,} refused logins; mean time by whether the address has an account, milliseconds")
    print("shortest     with  without        t")
    for each in found:
        print(f"{each.cut:7} %  {each.known:7.4f}  {each.unknown:7.4f}  {each.t:7.2f}")
    worst = max(abs(each.t) for each in found)
    print(f"largest |t| {worst:.2f}: they {'can' if worst > LIMIT else 'cannot'} be told apart (limit {LIMIT})")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
