"""Whatever instant the daemon is killed at: nothing that was accepted is lost, and nothing is there twice.

`STRATUMD_KILLS=100` kills it as often.
"""

from __future__ import annotations

import os
import random
import re
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import anyio
import msgspec
import pytest

from stratumd import recording
from stratumd.config import load_config
from stratumd.plugin import HOUR, MINUTE, Micros, Observation, delivery_id, iso, parse_iso
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.clock import SystemTimer
from stratumd.store import open_reader, open_store
from stratumd.testing.provider import Content, FakeOddsApi, RecordedContent
from stratumd_demo.market import Market
from stratumd_demo.wire import SimulatedContent
from tests.support import SHARED
from tests.support.daemon import PATIENCE, Daemon

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("STRATUMD_KILLS", "4"))
RECORDING = "recordings/wnba-2026-07-14--07-31.jsonl.xz"
LAST_STEPS = 3
_TIME = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')

CONFIG = """
database: sqlite:///{folder}/killed.db
http: off
sources:
  odds:
    use: odds-api
    api_key: fake-key
    base_url: {url}
    sports: [{sport}]
    regions: [us]
    schedule: {{every: 80ms, idle: 80ms}}
pipelines:
  main:
    sources: [odds]
    detectors:
      - consensus: {{min_books: 3}}
      - move: {{window: 1s, sync_window: 1s, cooldown: 1s}}
      - dislocation: {{cooldown: 1s}}
      - steam: {{window: 1s, min_age: 0s, cooldown: 1s}}
    sinks:
      - file: {{path: {folder}/signals.jsonl}}
"""


def shifted(observations: Iterator[Observation], by: Micros) -> Iterator[Observation]:
    """Put recorded answers into the present: the games are still to come."""

    def later(found: re.Match[bytes]) -> bytes:
        return b'"' + iso(parse_iso(found[1].decode()) + by).encode() + b'"'

    for each in observations:
        yield msgspec.structs.replace(each, body=_TIME.sub(later, each.body), id="")


def content() -> tuple[str, Content | RecordedContent]:
    """The sport and what the provider serves: a recording where there is one, else the simulated market."""
    now = SystemTimer().now()
    path = SHARED / RECORDING
    if not path.exists():
        return "basketball_nba", SimulatedContent(Market(7, now, pace=600.0), SystemTimer())
    recorded = list(islice(recording.read(path), 400))
    moved = shifted(iter(recorded), (now - recorded[0].received_at + HOUR) // MINUTE * MINUTE)
    return "basketball_wnba", RecordedContent(moved, at_end="loop")


async def answers(provider: FakeOddsApi, count: int) -> None:
    """Wait until the provider served so many more answers."""
    goal = len(provider.served) + count
    with anyio.fail_after(PATIENCE):
        while len(provider.served) < goal:  # noqa: ASYNC110  # another process does it
            await anyio.sleep(0.01)


async def test_killed_at_random_moments(tmp_path: Path) -> None:
    config, chance = tmp_path / "killed.yaml", random.Random(11)
    sport, served = content()
    async with FakeOddsApi(served, credits=10**9) as provider:
        config.write_text(CONFIG.format(folder=tmp_path, url=provider.url, sport=sport))
        for _ in range(KILLS):
            daemon = Daemon(config)
            try:
                await answers(provider, 1 + chance.randrange(8))
                await anyio.sleep(chance.uniform(0, 0.1))
            finally:
                daemon.kill()
        daemon = Daemon(config)
        await daemon.wait_for("cycle", 3)
        code, _ = await daemon.stop()
        assert code == 0, daemon.said
    check(config, tmp_path, answered=sum(each.status == 200 for each in provider.served))


def check(config: Path, folder: Path, answered: int) -> None:
    """Replay what is stored and compare it with what was stored of it at the time."""
    loaded = load_config(config)
    spec = loaded.pipelines["main"]
    store = open_store(loaded.database.connect_url())
    try:
        stored = store.pending("as if new", spec.sources, 10**6)
    finally:
        store.close()
    fresh = build_pipeline(spec, loaded.registry)
    processed, delivered, waiting = kept(folder / "killed.db")
    steps = [fresh.step(each) for each in stored if each.id in processed]
    replayed = [signal for step in steps for signal in step.signals]
    reader = open_reader(loaded.database.connect_url())
    try:
        signals = reader.signals()
    finally:
        reader.close()

    assert len({each.id for each in stored}) == len(stored), "an observation is stored twice"
    assert len(stored) - len(processed) <= 1, "stored observations were left unprocessed"
    assert answered - len(stored) <= KILLS, "more answers were lost than kills"
    order = [signal.to_json() for signal in sorted(replayed, key=lambda each: (each.observed_at, each.id))]
    assert [signal.to_json() for signal in signals] == order
    assert len(signals) > KILLS, "too few signals to say anything"
    assert delivered == {delivery_id(signal.id, "main.file") for signal in replayed}
    written = [msgspec.json.decode(line)["id"] for line in (folder / "signals.jsonl").read_bytes().splitlines()]
    received = {delivery_id(signal, "main.file") for signal in written}
    assert received | waiting == delivered, "what was not received still waits"
    newest = {delivery_id(signal.id, "main.file") for step in steps[-LAST_STEPS:] for signal in step.signals}
    assert waiting <= newest, "only what the very last cycles gave may wait for the next start"
    print(  # noqa: T201  # the figures, for `pytest -s`
        f"{KILLS} kills: {answered} answers, {len(stored)} stored, {len(signals)} signals, "
        f"{len(delivered)} deliveries, {len(written) - len(set(written))} repeated with the same id"
    )


def kept(database: Path) -> tuple[set[str], set[str], set[str]]:
    """The ids of processed observations, of deliveries, and of those that are still to be made."""
    connection = sqlite3.connect(database)
    try:
        processed = {row[0] for row in connection.execute("SELECT observation FROM processed")}
        states = dict(connection.execute("SELECT id, state FROM deliveries").fetchall())
        return processed, set(states), {id for id, state in states.items() if state != "delivered"}
    finally:
        connection.close()
