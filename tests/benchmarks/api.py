"""How fast the partner API answers, beside a bare Starlette route in the same run: `make bench-api`.

The server has one process (one core); the load comes from others: wrk where it is installed, else the generator below.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stratumd.engine.outcome import Step
from stratumd.http.server import address, bind, serve
from stratumd.runtime.garbage import settle
from tests.integration.partner_api.world import MINUTE, START, World, make_signal, make_step, world
from tests.support import postgres, steps

CONNECTIONS = 32
CACHED, STORED = 8_000, 2_500
"""Requests a second that are asked for, from the cache and from the database; at half of them it answers in 20 ms."""
HALF = "  at half of what is asked for"
HEADERS = b"host: bench\r\nauthorization: Bearer key_ann\r\n"


class Load(NamedTuple):
    """What a load found."""

    per_second: float
    p50: float
    p99: float
    """Milliseconds."""
    failed: int


# ---- the load, in another process


def load(url: str, path: str, seconds: float, rate: float | None = None, extra: bytes = b"") -> Load:
    """Ask as fast as it goes, or `rate` times a second; called in a process of its own."""
    return uvloop.run(_load(url, path, seconds, rate, extra))


async def _load(url: str, path: str, seconds: float, rate: float | None, extra: bytes) -> Load:
    host, port = url.removeprefix("http://").split(":")
    request = b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path.encode(), HEADERS, extra)
    loop = asyncio.get_running_loop()
    pause = CONNECTIONS / rate if rate else 0.0
    begun = loop.time()
    asking = [_Asking(request, begun + seconds, pause, begun + pause * n / CONNECTIONS) for n in range(CONNECTIONS)]
    for each in asking:
        await loop.create_connection(lambda each=each: each, host, int(port))
    await asyncio.gather(*[each.ended for each in asking])
    took = loop.time() - begun
    times = sorted(time for each in asking for time in each.times)
    failed = sum([each.failed for each in asking])
    return Load(len(times) / took, 1e3 * times[len(times) // 2], 1e3 * times[len(times) * 99 // 100], failed)


class _Asking(asyncio.Protocol):
    """One connection that asks again and again: from when it was due, so that who falls behind is not asked less."""

    def __init__(self, request: bytes, end: float, pause: float, due: float) -> None:
        self.times: list[float] = []
        self.failed = 0
        self._loop = asyncio.get_running_loop()
        self.ended = self._loop.create_future()
        self._request = request
        self._end = end
        self._pause = pause
        self._due = due
        self._left = 0
        self._head = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the server went"))

    def data_received(self, data: bytes) -> None:
        if not self._left:
            self._head += data
            size = self._head.find(b"\r\n\r\n")
            if size < 0:
                return
            head, body = self._head[:size].lower(), len(self._head) - size - 4
            place = head.index(b"content-length: ") + 16
            end = head.find(b"\r", place)
            self._left = int(head[place : end if end > 0 else None]) - body
            self.failed += not head.startswith(b"http/1.1 200")
            self._head = b""
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self.times.append(self._loop.time() - self._due)
            self._due = self._due + self._pause if self._pause else self._loop.time()
            self._loop.call_at(self._due, self._next) if self._due > self._loop.time() else self._next()

    def _next(self) -> None:
        if self._loop.time() >= self._end:
            self.ended.set_result(None)
            self._transport.close()
            return
        self._transport.write(self._request)


def wrk(url: str, path: str, seconds: float, extra: bytes) -> Load:
    """Ask as fast as it goes, with wrk."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency", url + path]
    command += ["-H", "Authorization: Bearer key_ann"]
    command += ["-H", extra.decode().strip()] if extra else []
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = {line.split()[0]: line.split()[1] for line in text.splitlines() if len(line.split()) > 1}
    failed = int(lines["Non-2xx"].split(":")[-1]) if "Non-2xx" in lines else 0
    return Load(float(lines["Requests/sec:"]), _ms(lines["50%"]), _ms(lines["99%"]), failed)


def _ms(text: str) -> float:
    for unit, factor in (("us", 1e-3), ("ms", 1.0), ("s", 1e3)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


async def loaded(url: str, path: str, seconds: float, rate: float | None = None, extra: bytes = b"") -> Load:
    """Load from another process."""
    if shutil.which("wrk") and rate is None:
        return await to_thread.run_sync(wrk, url, path, seconds, extra)
    return await to_thread.run_sync(_apart, url, path, seconds, rate, extra)


def _apart(*arguments: Any) -> Load:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: Load = pool.apply(load, arguments)
        return found


# ---- clients of a stream, in another process


def listen(url: str, clients: int, ready: Any, over: Any, results: Any) -> None:
    """Open streams, and tell when each heard each message.

    Two thousand clients are one process here: it does no more than take the bytes in and look at the clock, and reads
    them when all is over: what is measured is what the server takes, not what two thousand readers on one core would.
    """
    ears = Ears(url, clients)
    ears.open()
    ready.put(True)
    ears.hear(over)
    results.put([*ears.heard()])


class Ears:
    """Streams that are read by one thread, each from a connection of its own."""

    def __init__(self, url: str, clients: int) -> None:
        self._address = url.removeprefix("http://").split(":")
        self._clients = clients
        self._poll = select.epoll()
        self._by_file: dict[int, socket.socket] = {}
        self._taken: dict[int, list[tuple[int, bytes]]] = {}

    def open(self) -> None:
        """Open them one after another."""
        host, port = self._address
        for _ in range(self._clients):
            ear = socket.create_connection((host, int(port)))
            ear.sendall(b"GET /api/v1/stream/signals HTTP/1.1\r\n%b\r\n" % HEADERS)
            got = b""
            while b": connected\n\n" not in got:
                got += ear.recv(65_536)
            ear.setblocking(False)
            self._by_file[ear.fileno()] = ear
            self._taken[ear.fileno()] = []
            self._poll.register(ear.fileno(), select.EPOLLIN)

    def hear(self, over: Any) -> None:
        """Take in what comes until it is over."""
        clock = time.monotonic_ns
        while not over.is_set():
            for file, _ in self._poll.poll(0.1):
                got = self._by_file[file].recv(65_536)
                self._taken[file].append((clock(), got))
                if not got:
                    raise ConnectionError("the server ended a stream")

    def heard(self) -> Iterator[tuple[str, int]]:
        """Yield the id of every message of every stream, and when the end of it was there."""
        for taken in self._taken.values():
            rest = b""
            for at, got in taken:
                *whole, rest = (rest + got).split(b"\n\n")
                for message in whole:
                    if b"\ndata: {" in message:
                        begin = message.index(b'"id":"') + 6
                        yield message[begin : message.index(b'"', begin)].decode(), at


async def streamed(held: World, clients: int, messages: int, whose: str) -> tuple[float, float, float]:
    """Return p50, p99 and the most of the milliseconds from a commit to a client.

    `whose`: the daemon's `own` commits, of which it knows, or `another`'s, for which it looks at the store.
    """
    context = multiprocessing.get_context("spawn")
    ready, results, over = context.Queue(), context.Queue(), context.Event()
    process = context.Process(target=listen, args=(held.held.url, clients, ready, over, results))
    process.start()
    await to_thread.run_sync(lambda: ready.get(timeout=120))
    await asyncio.sleep(1.0)
    committed: dict[str, int] = {}
    for number in range(messages):
        id, at = f"{whose}{number}", held.clock.now() + 1 + number
        step = make_step(at, [make_signal(id, at)], price=random.uniform(1.5, 2.5))
        committed[id] = await to_thread.run_sync(_kept, held, step)
        if whose == "own":
            held.held.told()
        await asyncio.sleep(random.uniform(0.6, 0.8))
    held.clock.advance(messages + 1)
    over.set()
    heard = await to_thread.run_sync(lambda: results.get(timeout=60))
    process.join()
    if sorted(id for id, _ in heard) != sorted([*committed] * clients):
        raise RuntimeError(f"{len(heard)} messages were heard, not each of {messages} by each of {clients} clients")
    delays = sorted((at - committed[id]) / 1e6 for id, at in heard)
    return delays[len(delays) // 2], delays[len(delays) * 99 // 100], delays[-1]


def _kept(held: World, step: Step) -> int:
    """Commit a step, and return when it was."""
    steps.keep(held.held.store, step, sinks=())
    return time.monotonic_ns()


# ---- the table


@asynccontextmanager
async def bare(body: bytes) -> AsyncIterator[str]:
    """Serve a route that gives the same bytes and does nothing else."""

    async def answer(request: Request) -> Response:
        return Response(body, media_type="application/json")

    listener = bind("127.0.0.1", 0)
    app = Starlette(routes=[Route("/api/v1/intel/signals", answer)])
    task = asyncio.create_task(serve(app, listener))
    await asyncio.sleep(0.1)
    try:
        yield address(listener)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


async def measure(url: str, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one database."""
    path = "/api/v1/intel/signals?limit=50"
    seconds = options.seconds
    chosen = {"streams_per_key": 10_000, "streams_per_address": 10_000}
    async with world(url, chosen, background=True) as held:
        signals = [
            make_signal(f"s{n:04d}", START - n * MINUTE // 4, strength=n % 100 + 1) for n in range(options.signals)
        ]
        await held.commit(make_step(START, signals))
        await held.heard()
        body = (await held.get("intel/signals?limit=50")).content
        settle()  # as the daemon does when all is built
        print(f"\n{name}: {len(body):,} bytes of {len(json.loads(body)['items'])} signals out of {len(signals)}")
        async with bare(body) as yardstick:
            await row("bare Starlette route", yardstick, path, seconds)
            cached = await row("keyed and metered, from the cache", held.held.url, path, seconds)
            await row(HALF, held.held.url, path, seconds, CACHED / 2)
            cost = await counting(held, path, seconds)
            fresh = b"cache-control: no-cache\r\n"
            store = await row("read from the database each time", held.held.url, path, seconds, None, fresh)
            await row(HALF, held.held.url, path, seconds, STORED / 2, fresh)
        print(f"  {'counting costs':42} {cost:7.1f} % of throughput")
        for whose in ("own", "another") if name == "PostgreSQL" else ("own",):
            p50, p99, most = await streamed(held, options.clients, options.messages, whose)
            print(
                f"  {options.clients:,} stream clients hear a commit ({whose} daemon's) after p50 {p50:.0f}, "
                f"p99 {p99:.0f}, most {most:.0f} ms"
            )
    return {"cached": cached.per_second, "store": store.per_second}


async def counting(held: World, path: str, seconds: float) -> float:
    """Return what counting costs, in percent of the requests that one core could serve without it.

    The server is busy all the time, so that is the part of its processor time: that says more than the throughput of
    two runs, between which a shared machine is given to others. The least of six runs with it and without, in turn.
    """
    counter = held.api.meter.count
    counted, free = [], []
    for _ in range(6):
        counted.append(await _processor(held.held.url, path, seconds / 2))
        held.api.meter.count = lambda *_: None
        free.append(await _processor(held.held.url, path, seconds / 2))
        held.api.meter.count = counter
    return 100.0 * (1.0 - min(free) / min(counted))


async def _processor(url: str, path: str, seconds: float) -> float:
    """Return the processor time of a request, in seconds."""
    began = time.process_time()
    found = await loaded(url, path, seconds)
    return (time.process_time() - began) / (found.per_second * max(1, round(seconds)))


async def row(what: str, url: str, path: str, seconds: float, rate: float | None = None, extra: bytes = b"") -> Load:
    """Print a line."""
    found = await loaded(url, path, seconds, rate, extra)
    print(
        f"  {what:42} {found.per_second:9,.0f} /s  p50 {found.p50:6.2f}  p99 {found.p99:6.2f} ms  failed {found.failed}"
    )
    sys.stdout.flush()
    return found


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--signals", type=int, default=1_000)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--messages", type=int, default=10)
    parser.add_argument("--databases", default="sqlite,postgresql")
    options = parser.parse_args()
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if "sqlite" in options.databases:
        with tempfile.TemporaryDirectory() as folder:
            uvloop.run(measure(f"sqlite:///{Path(folder) / 'bench.db'}", "SQLite", options))
    if "postgresql" in options.databases:
        with postgres.running(durable=True) as server:
            uvloop.run(measure(server.url(server.create()), "PostgreSQL", options))


if __name__ == "__main__":
    main()
