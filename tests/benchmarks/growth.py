"""`make growth`: how much slower a cycle and a start are with ten million stored changes than with none.

Two stores take the same polls in turn, one of them with a long past; then the daemon is started on each, in turn, and
the time until its first poll arrives at the provider is taken. Compare ratios: both see the same machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import anyio

from stratumd.plugin import MINUTE, iso
from stratumd.store import open_store
from stratumd.testing.provider import FakeOddsApi
from tests.benchmarks import past
from tests.benchmarks.daemon import SOURCE, START
from tests.benchmarks.daemon import Daemon as Cycles
from tests.support import postgres
from tests.support.daemon import PATIENCE, Daemon
from tests.support.odds_api import Row, book, event, market, outcome
from tests.support.provider import OneGame

PIPELINE = "bench"
BOOKS = 30
EVENTS = 15
APART = 12
"""Polls from one move of a book to its next."""
WARM = 5
"""Cycles before the first that counts."""
MOST_CYCLE, MOST_START = 1.2, 3.0
"""Of a cycle beside an empty store; seconds until the first poll."""


class Figures(NamedTuple):
    """What was measured on one store, in seconds."""

    cycle: float
    start: float


def main() -> None:
    """Fill, measure, and print a row per store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="changes that the past holds")
    parser.add_argument("--databases", nargs="*", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--cycles", type=int, default=300, help="cycles that count; the median is printed")
    parser.add_argument("--starts", type=int, default=5, help="starts of each; the median is printed")
    asked = parser.parse_args()
    print(f"{EVENTS * BOOKS * 6:,} quotes a poll, 4 % of them changed; {asked.rows:,} stored changes against none")
    print(f"{'':10}  {'cycle, ms':>18} {'ratio':>6}   {'first poll, s':>15}   {'filled in':>9}")
    met = [_compare(engine, asked.rows, asked.cycles, asked.starts) for engine in asked.databases]
    if not all(met):
        raise SystemExit(f"missed: a ratio of {MOST_CYCLE:g} at most, the first poll within {MOST_START:g} s")


def _compare(engine: str, rows: int, cycles: int, starts: int) -> bool:
    with databases(engine) as (empty, grown):
        began = time.monotonic()
        store = open_store(grown)
        past.fill(store, rows, START - MINUTE, pipeline=PIPELINE, source=SOURCE)
        store.close()
        filled = time.monotonic() - began
        short, long = measured(empty, grown, cycles, starts)
    ratio = long.cycle / short.cycle
    print(
        f"{engine:10}  {short.cycle * 1e3:8.1f} {long.cycle * 1e3:9.1f} {ratio:6.2f}   "
        f"{short.start:7.2f} {long.start:7.2f}   {filled:7.0f} s",
        flush=True,
    )
    return ratio <= MOST_CYCLE and long.start <= MOST_START


def measured(empty: str, grown: str, cycles: int, starts: int) -> tuple[Figures, Figures]:
    """Return the figures of the two stores, medians of cycles and of starts that they make in turn."""
    took = _cycled((empty, grown), cycles)
    begun = anyio.run(_started, (empty, grown), starts)
    first, second = (Figures(statistics.median(c), statistics.median(s)) for c, s in zip(took, begun, strict=True))
    return first, second


def _cycled(urls: Sequence[str], cycles: int) -> list[list[float]]:
    daemons = [Cycles(url, takes=True) for url in urls]
    try:
        for number in range(WARM + cycles):
            body = _body(number)
            for daemon in daemons if number % 2 else daemons[::-1]:
                if number < WARM:
                    daemon.cycle(number, body)
                else:
                    daemon.timed(number, body)
        return [daemon.seconds for daemon in daemons]
    finally:
        for daemon in daemons:
            daemon.close()


def _body(number: int) -> bytes:
    """Return the answer to a poll; one book in `APART` has moved since the one before."""
    return json.dumps([_game(game, number) for game in range(EVENTS)]).encode()


def _game(game: int, number: int) -> Row:
    books = [_book(at, (number + BOOKS - at - game) // APART) for at in range(BOOKS)]
    return event(*books, id=f"{game:032x}", commence_time=iso(START + 300 * MINUTE))


def _book(at: int, moves: int) -> Row:
    price = -110 - moves % 20
    lines = (
        market("h2h", outcome("Boston Celtics", price - 40), outcome("Utah Jazz", 130)),
        market("spreads", outcome("Boston Celtics", price, -3.5), outcome("Utah Jazz", -110, 3.5)),
        market("totals", outcome("Over", price, 220.5), outcome("Under", -110, 220.5)),
    )
    return book(f"book{at}", *lines)


# ---- starts


async def _started(urls: Sequence[str], starts: int) -> list[list[float]]:
    found: list[list[float]] = [[] for _ in urls]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(starts):
            for took, url in zip(found, urls, strict=True):
                took.append(await _first_poll(Path(folder), url))
    return found


async def _first_poll(folder: Path, url: str) -> float:
    """Start the daemon and return the seconds until its first poll arrives."""
    async with FakeOddsApi(OneGame(), key="k") as provider:
        config = folder / "growth.yaml"
        config.write_text(_config(url, provider.url))
        began = time.monotonic()
        daemon = Daemon(config)
        try:
            with anyio.fail_after(PATIENCE):
                while not provider.served:
                    assert daemon.process.poll() is None, daemon.said
                    await anyio.sleep(0.005)
            took = time.monotonic() - began
            code, _ = await daemon.stop()
            assert code == 0, daemon.said
        finally:
            daemon.kill()
    return took


def _config(url: str, provider: str) -> str:
    """JSON is YAML too. The schedule is so short that no instant of the run before delays the first."""
    source = {"use": "odds-api", "api_key": "k", "base_url": provider, "sports": ["basketball_nba"], "regions": ["us"]}
    detectors = ["consensus", "move", "dislocation", "steam"]
    return json.dumps(
        {
            "database": url,
            "http": "off",
            "sources": {SOURCE: source | {"schedule": {"every": "100ms"}}},
            "pipelines": {PIPELINE: {"sources": [SOURCE], "detectors": detectors, "sinks": ["log"]}},
        }
    )


@contextmanager
def databases(engine: str) -> Iterator[tuple[str, str]]:
    """Yield two databases of one kind, both durable."""
    with ExitStack() as stack:
        if engine == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            yield f"sqlite:///{folder}/empty.db", f"sqlite:///{folder}/grown.db"
            return
        server = stack.enter_context(postgres.running(durable=True))
        yield server.url(server.create()), server.url(server.create())


if __name__ == "__main__":
    main()
