"""Measure how long a revoked key is still accepted: two daemons on one PostgreSQL, under load.

`python -m tests.faults.revocation --rate 500 --times 10` asks both daemons together that often a second, revokes a key
at one of them, and looks at the requests that were begun after the revocation was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx

from tests.support import postgres
from tests.support.daemon import COMMAND, Daemon

CONFIG = """
database: {url}
sources:
  demo: {{use: demo, schedule: {{every: 1h}}}}
pipelines:
  demo:
    sources: [demo]
    detectors: [consensus]
http:
  listen: 127.0.0.1:0
  routes:
    - accounts:
        secret: canary-secret-of-a-measurement-0123456789
        public_url: http://127.0.0.1
        argon2: {{time: 1, memory: 8, lanes: 1}}
        plans: {{api: {{kind: api, title: API, scopes: ["intel:read"], per_minute: 1000000}}}}
    - partner-api: {{per_address: 1000000}}
"""
PERSON = {"email": "ann@example.com", "password": "a long enough Pa55phrase"}
SETTLED = 1.5
"""Seconds after a revocation that requests go on; none is accepted at the end of them."""
ASKED = "/api/v1/intel/signals?limit=1"
LINES = 64
"""Connections to each daemon; one request is under way on each."""


class Asked(NamedTuple):
    """A request."""

    daemon: int
    began: float
    """By the monotonic clock, seconds."""
    ended: float
    status: int

    @property
    def accepted(self) -> bool:
        """Whether the key was good."""
        return self.status == 200


class Revoked(NamedTuple):
    """What a revocation came to, at each daemon."""

    last: tuple[float, float]
    """Milliseconds from the answer to the revocation to the begin of the last request that was accepted; 0 for none."""
    requests: int
    """That were begun afterwards."""
    rate: float
    """Requests in a second, of both daemons."""
    at_the_end: int
    """Requests that were accepted in the last half second."""


async def measure(folder: Path, url: str, rate: int, times: int) -> list[Revoked]:
    """Start two daemons and revoke so many keys."""
    daemons = []
    try:
        for name in ("one", "two"):
            config = folder / f"{name}.yaml"
            config.write_text(CONFIG.format(url=url))
            daemons.append(Daemon(config))
            await daemons[-1].address()
        addresses = [await each.address() for each in daemons]
        async with httpx.AsyncClient(base_url=addresses[0], trust_env=False) as client:
            session = await _logged_in(client, folder / "one.yaml")
            return [await _revoke(client, session, addresses, rate) for _ in range(times)]
    finally:
        for each in daemons:
            each.kill()


async def _logged_in(client: httpx.AsyncClient, config: Path) -> dict[str, str]:
    (await client.post("/api/v1/account", json=PERSON)).raise_for_status()
    given = ["accounts", "set-plan", PERSON["email"], "api", "--plan", "api", "--reason", "a measurement"]
    confirm = ["--confirm", PERSON["email"]]
    done = await anyio.run_process([*COMMAND, *given, *confirm, "-c", str(config)], check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    answer = (await client.post("/api/v1/session", json={**PERSON, "keep": "token"})).raise_for_status()
    return {"authorization": f"Bearer {answer.json()['token']}"}


async def _revoke(client: httpx.AsyncClient, session: dict[str, str], addresses: list[str], rate: int) -> Revoked:
    answer = await client.post("/api/v1/account/keys", json={"name": "measured"}, headers=session)
    made = answer.raise_for_status().json()
    asked: list[Asked] = []
    sent_at = revoked_at = 0.0
    async with anyio.create_task_group() as group:
        for number, address in enumerate(addresses):
            group.start_soon(_ask_always, number, address, made["key"], rate / len(addresses), asked)
        await anyio.sleep(1.0)  # both know the key now
        sent_at = time.monotonic()
        (await client.delete(f"/api/v1/account/keys/{made['id']}", headers=session)).raise_for_status()
        revoked_at = time.monotonic()
        await anyio.sleep(SETTLED)
        group.cancel_scope.cancel()
    if strange := {each.status for each in asked} - {200, 401}:
        raise RuntimeError(f"requests were answered with {strange}")
    before = [each for each in asked if each.ended < sent_at]
    if not all(each.accepted for each in before) or {each.daemon for each in before} != {0, 1}:
        raise RuntimeError("the key was not accepted before")
    after = [each for each in asked if each.began >= revoked_at]
    accepted = [each for each in after if each.accepted]
    last = [max([each.began - revoked_at for each in accepted if each.daemon == n], default=0.0) for n in (0, 1)]
    late = sum(each.began > revoked_at + SETTLED - 0.5 for each in accepted)
    seconds = max(each.began for each in asked) - min(each.began for each in asked)
    return Revoked((last[0] * 1e3, last[1] * 1e3), len(after), len(asked) / seconds, late)


async def _ask_always(number: int, address: str, key: str, rate: float, asked: list[Asked]) -> None:
    """Begin requests at an even pace, also while others are under way, over connections that stay open.

    Those that were due while all connections were busy follow as soon as one is free.
    """
    host, port = address.removeprefix("http://").split(":")
    request = f"GET {ASKED} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    lines = [_Line(number, request, asked) for _ in range(LINES)]
    free = deque(lines)
    try:
        for line in lines:
            await loop.create_connection(lambda line=line: line, host, int(port))
            line.done = partial(free.append, line)
        due = time.monotonic()
        while True:
            while free and due <= time.monotonic():
                free.popleft().ask()
                due += 1 / rate
            await asyncio.sleep(max(0.001, due - time.monotonic()))
    finally:
        for line in lines:
            line.close()


class _Line(asyncio.Protocol):
    """One connection: it asks, and takes note of the answer."""

    def __init__(self, number: int, request: bytes, asked: list[Asked]) -> None:
        self.done: Callable[[], None]
        self._number = number
        self._request = request
        self._asked = asked
        self._began = 0.0
        self._got = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self) -> None:
        self._began = time.monotonic()
        self._transport.write(self._request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self._got = b""
        self._asked.append(Asked(self._number, self._began, time.monotonic(), int(head[9:12])))
        self.done()


def main() -> int:
    """Print the table; exit code 1 where a revoked key was accepted for more than a second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=int, default=500, help="requests in a second, of both daemons")
    parser.add_argument("--times", type=int, default=10, help="keys that are revoked")
    parser.add_argument("--json", action="store_true", help="a line of JSON per key")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres.running() as server:
        url = server.url(server.create())
        found = anyio.run(measure, Path(folder), url, given.rate, given.times)
    print("requests/s   after revocation   last accepted, ms: here   there")
    for each in found:
        print(f"{each.rate:10.0f}   {each.requests:16}   {each.last[0]:23.1f} {each.last[1]:7.1f}")
        if given.json:
            print(json.dumps(each._asdict()))
    worst = max(max(each.last) for each in found)
    accepted_at_the_end = sum(each.at_the_end for each in found)
    print(f"last accepted request after revocation: {worst:.1f} ms; accepted at the end: {accepted_at_the_end}")
    return int(worst > 1000 or accepted_at_the_end > 0)


if __name__ == "__main__":
    sys.exit(main())
