"""How long closing lines and closing-line value take: `python -m tests.benchmarks.closing [EVENTS]`.

Made-up events with 12 books, 3 markets and 6 polls each, of which a fifth of the quotes changes, and 2 signals a game.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from stratumd.config import PipelineSpec
from stratumd.engine.outcome import Coverage, Step
from stratumd.plugin import HOUR, MINUTE, Change, Event, Ledger, MarketKey, Micros, Signal
from stratumd.registry import load
from stratumd.runtime.jobs import assigned
from stratumd.store import open_ledger, open_store, plugin_migrations
from tests.support.steps import START, keep, observation
from tests.support.steps import signal as made_signal

BOOKS = tuple(f"book{number}" for number in range(12))
LINES = {"h2h": None, "spreads": -3.5, "totals": 220.5}
SIDES = {"h2h": ("home", "away"), "spreads": ("home", "away"), "totals": ("over", "under")}
POLLS = 6
AT_ONCE = 50


def fill(url: str, events: int) -> Micros:
    """Store the made-up past of so many events; return when all of them have started."""
    draw = random.Random(7)
    store = open_store(url, plugins=_migrations())
    try:
        for first in range(0, events, AT_ONCE):
            keep(store, *_steps(draw, range(first, min(events, first + AT_ONCE))), sinks=())
    finally:
        store.close()
    return START + 3 * HOUR


def run(url: str, at: Micros) -> tuple[str, float, float]:
    """Close everything; return what the job says, how many seconds it took, and how many of a processor."""
    registered = load(["clv"]).jobs["clv"]
    job = assigned(registered, registered.component.config(), PipelineSpec("nba", ()), "clv")
    with open_ledger(url, "nba", _migrations()) as ledger:
        started, spent = time.perf_counter(), time.process_time()
        said = job.run(at, ledger)
        return said, time.perf_counter() - started, time.process_time() - spent


def rows(url: str, report: str) -> list[dict[str, object]]:
    """Return the answer of a report."""
    registered = load(["clv"]).reports[report]
    asked = assigned(registered, registered.component.config(), PipelineSpec("nba", ()), report)
    ledger: Ledger
    with open_ledger(url, "nba", _migrations()) as ledger:
        return [*asked.answer(ledger)]


def _migrations() -> dict[str, Path]:
    return plugin_migrations((each.plugin, each.component) for _, each in load(["clv"]).components())


def _steps(draw: random.Random, numbers: range) -> Iterator[Step]:
    games = [
        Event(f"game{number:06d}", "basketball_nba", f"Home {number}", f"Away {number}", START + 70 * MINUTE)
        for number in numbers
    ]
    keys = tuple(MarketKey(market) for market in LINES)
    for poll in range(POLLS):
        seen = observation(START + poll * 12 * MINUTE + numbers.start, body=repr((numbers, poll)).encode())
        changes = [change for game in games for change in _changes(draw, game, seen.received_at, poll == 0)]
        yield Step(
            pipeline="nba",
            observation=seen,
            at=seen.received_at,
            events=tuple(games) if poll == 0 else (),
            coverage=tuple(Coverage(game.id, keys) for game in games),
            changes=tuple(changes),
            signals=tuple(_signal(game, seen, poll) for game in games) if poll in (1, 3) else (),
            quotes=len(games) * len(BOOKS) * 6,
            whole=True,
        )


def _changes(draw: random.Random, game: Event, at: Micros, whole: bool) -> Iterator[Change]:
    for book in BOOKS:
        for market, line in LINES.items():
            if whole or draw.random() < 0.2:
                lean = draw.uniform(-0.03, 0.03)
                for side, sign in zip(SIDES[market], (1, -1), strict=True):
                    own = None if line is None else -line if side == "away" else line
                    yield Change(game.id, book, market, None, side, None, own, 1.91 + sign * lean, at)


def _signal(game: Event, seen: object, poll: int) -> Signal:
    made = made_signal(seen)  # type: ignore[arg-type]  # an observation
    return msgspec.structs.replace(
        made, id=f"{game.id}-{poll}", event=game.id, home=game.home, away=game.away, commence_at=game.commence_at,
        books=("book1", "book2"), metadata={"stale": [{"book": "book3"}], "movers": [], "originator": None},
    )  # fmt: skip


def main() -> None:
    """Measure, and print a line for each part."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/stratum.db"
        began = time.perf_counter()
        at = fill(url, events)
        print(f"{events:,} events stored in {time.perf_counter() - began:.1f} s (not measured)")
        said, seconds, spent = run(url, at)
        print(f"{said}: {seconds:.1f} s, of a processor {spent:.1f} s, {events / spent:,.0f} events per such second")
        began = time.perf_counter()
        found = rows(url, "clv.scorecards")
        print(f"{len(found)} cells of scorecards in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
