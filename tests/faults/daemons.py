"""Measure what several daemons on one PostgreSQL lose or double while they are killed, frozen and cut off.

`python -m tests.faults.daemons` takes its lengths from the environment: DAEMONS, DAEMONS_SECONDS, DAEMONS_LEASE,
DAEMONS_EVERY, DAEMONS_PAUSE, DAEMONS_RESTARTS, DAEMONS_SEED.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import msgspec
import psycopg

from stratumd.config import load_config
from stratumd.plugin import SECOND, Micros, parse_iso
from stratumd.runtime.build import build_pipeline
from stratumd.store import open_reader, open_store
from tests.faults.crowd import PIPELINES, Crowd, Ordeal, gathered, settle, torment
from tests.support import postgres


class Found(NamedTuple):
    """What was left of it."""

    befell: dict[str, int]
    crashes: int
    instants: int
    missed: int
    doubled: int
    unanswered: int
    """Instants of which no answer is stored: their daemon was killed while it asked."""
    stored: int
    unprocessed: int
    signals: int
    differing: int
    """Signals that one daemon's replay of what is stored does not give, or gives beside them."""
    deliveries: int
    undelivered: int
    repeats: int
    disordered: int
    """Deliveries that came after a later one of their event."""
    takeovers: dict[str, int]
    refused: int
    """Commits of daemons that had lost their lease."""
    gaps: dict[str, float]
    """The longest time between two commits of each pipeline, and between two instants, while it lasted, in seconds."""

    def report(self) -> str:
        """Return it in lines."""
        width = max(map(len, self._fields))
        return "\n".join(f"{name:<{width}}  {_shown(value)}" for name, value in self._asdict().items())

    @property
    def flaws(self) -> dict[str, int]:
        """What must be nothing."""
        names = ("crashes", "missed", "doubled", "unprocessed", "differing", "undelivered", "disordered")
        return {name: value for name in names if (value := getattr(self, name))}


async def endure(folder: Path, server: postgres.Server, database: str, ordeal: Ordeal) -> Found:
    """Let several daemons go through an ordeal and look at what is left."""
    async with gathered(folder, server, database, ordeal) as crowd:
        await torment(crowd, ordeal)
        await settle(crowd)
        return examined(crowd, server.url(database), round(ordeal.every * SECOND))


def examined(crowd: Crowd, url: str, period: Micros) -> Found:
    """Look at what is left."""
    with psycopg.connect(url) as connection:
        # Reports have instants, too.
        ours = "FROM instants WHERE schedule LIKE 'source %'"
        taken = _column(connection, f"SELECT instant {ours} ORDER BY instant")
        taken_at = _column(connection, f"SELECT taken_at {ours} ORDER BY taken_at")
        polls = len(_column(connection, "SELECT id FROM polls")) - 1  # the last one was asked for by hand
        states = dict(connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())
        epochs = dict(connection.execute("SELECT pipeline, epoch FROM leases").fetchall())
    stored, unprocessed, signals, differing = replayed(crowd.config, url)
    asked = len(crowd.provider.served) - 1
    lines = sorted(_lines(crowd.logs), key=lambda line: line["timestamp"])
    work = {name: _cycles(lines, name) for name in PIPELINES} | {"instants": taken_at}
    first, repeats, disordered = _arrived(crowd)
    return Found(
        dict(crowd.befell),
        sum(number for what, number in crowd.befell.items() if what.startswith("crashes")),
        len(taken),
        (taken[-1] - taken[0]) // period + 1 - len(taken),
        max(0, asked - len(taken)),
        len(taken) - polls,
        stored,
        unprocessed,
        signals,
        differing,
        first,
        sum(states.values()) - states.get("delivered", 0),
        repeats,
        disordered,
        {name: epoch - 1 for name, epoch in epochs.items()},
        sum(line["event"] == "pipeline lost to another daemon" for line in lines),
        {name: _gap(times, crowd.calm_at) for name, times in work.items()},
    )


def replayed(config: Path, url: str) -> tuple[int, int, int, int]:
    """Replay what is stored in the order in which it was taken.

    Returns how many observations are stored, not processed, signals, and signals that are not the same.
    """
    loaded = load_config(config)
    unprocessed = signals = differing = 0
    store, reader = open_store(url), open_reader(url)
    try:
        for name in PIPELINES:
            spec = loaded.pipelines[name]
            stored = {each.id: each for each in store.pending("as if new", spec.sources, 10**6)}
            with psycopg.connect(url) as connection:
                query = "SELECT observation FROM processed WHERE pipeline = %s ORDER BY position"
                order = [row[0] for row in connection.execute(query, [name])]
            fresh = build_pipeline(spec, loaded.registry)
            again = {signal.to_json() for id in order for signal in fresh.step(stored[id]).signals}
            kept = {signal.to_json() for signal in reader.signals(pipeline=name)}
            unprocessed += len(stored.keys() - set(order))
            signals += len(kept)
            differing += len(again ^ kept)
    finally:
        reader.close()
        store.close()
    return len(stored), unprocessed, signals, differing


def _arrived(crowd: Crowd) -> tuple[int, int, int]:
    """Return how many messages arrived, how many repeats of these, and how many out of their event's order."""
    seen: set[str] = set()
    newest: dict[tuple[str, str], Micros] = {}
    repeats = disordered = 0
    for each in crowd.receiver.taken:
        if each.id in seen:
            repeats += 1
            continue
        seen.add(each.id)
        for told in _signals(each.json()):
            place, at = (told["pipeline"], told["event"]), parse_iso(told["observed_at"])
            disordered += at < newest.get(place, at)
            newest[place] = at
    return len(seen), repeats, disordered


def _signals(message: dict[str, Any]) -> Sequence[dict[str, Any]]:
    found = message.get("data", message)
    return found.get("signals", [found])


def _lines(logs: Iterable[Path]) -> Iterable[dict[str, Any]]:
    for log in logs:
        yield from (msgspec.json.decode(line) for line in log.read_bytes().splitlines() if line.startswith(b"{"))


def _cycles(lines: Iterable[dict[str, Any]], pipeline: str) -> list[Micros]:
    return [
        parse_iso(line["timestamp"]) for line in lines if line["event"] == "cycle" and line.get("pipeline") == pipeline
    ]


def _gap(times: Sequence[Micros], until: Micros) -> float:
    during = [*(at for at in times if at < until), until]
    return round(max(later - earlier for earlier, later in pairwise(during)) / SECOND, 2)


def _column(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    return [row[0] for row in connection.execute(query.encode())]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)


def _setting(name: str, default: float) -> float:
    return float(os.environ.get(f"DAEMONS{name}", default))


def main() -> None:
    """Run the ordeal that the environment describes, and print what was found."""
    ordeal = Ordeal(
        daemons=int(_setting("", 4)),
        length=_setting("_SECONDS", 600),
        lease=_setting("_LEASE", 5),
        every=_setting("_EVERY", 1),
        pause=_setting("_PAUSE", 8),
        restarts=int(_setting("_RESTARTS", 3)),
        seed=int(_setting("_SEED", 11)),
    )
    print(ordeal, flush=True)
    with tempfile.TemporaryDirectory(prefix="stratumd-daemons-") as folder, postgres.running(durable=True) as server:
        found = anyio.run(endure, Path(folder), server, server.create(), ordeal)
    print(found.report(), flush=True)
    if found.flaws:
        raise SystemExit(f"this must be nothing: {_shown(found.flaws)}")


if __name__ == "__main__":
    main()
