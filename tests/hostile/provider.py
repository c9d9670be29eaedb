"""Hostile answers through the real path: source, normalizer, pipeline, store."""

from __future__ import annotations

import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from stratumd.client import Client
from stratumd.config import Config, load_config
from stratumd.errors import BadPayload, SourceError, TransientError
from stratumd.observe.metrics import Metrics
from stratumd.plugin import SECOND, Observation, Poll, Request, check_json
from stratumd.runtime.build import build_pipeline, build_source
from stratumd.runtime.clock import SystemTimer, Timer
from stratumd.runtime.collector import Collector
from stratumd.runtime.core import Core
from stratumd.runtime.journal import Journal
from stratumd.runtime.states import States
from stratumd.runtime.worker import Outlets, PipelineWorker
from stratumd.store import Commit, Store, open_store
from stratumd.testing.provider import FakeOddsApi
from stratumd_odds_api.wire import REFUSED
from tests.hostile.bodies import GOOD, MANNERS, hostile, shapes
from tests.support.odds_api import NOON, PARAMS, PATH
from tests.support.provider import KEY, OneGame

PATIENCE = 60.0
GROUP = 100
NORMAL_EVERY = 500
GIBIBYTE = 1 << 30

CONFIG = """
database: sqlite:///{folder}/hostile.db
http: off
sources:
  odds:
    use: odds-api
    api_key: {key}
    base_url: {url}
    sports: [basketball_nba]
    regions: [us]
    retries: 0
    timeout: 3s
    schedule: {{every: 1s}}
pipelines:
  main:
    sources: [odds]
    detectors: [consensus: {{min_books: 2}}, move, dislocation, steam]
"""


@dataclass(slots=True)
class Outcome:
    """What came of hostile answers."""

    answers: int = 0
    uncaught: list[str] = field(default_factory=list)
    """What no one had expected."""
    faults: int = 0
    """Failures of plugins' code, contained and named."""
    abnormal: list[str] = field(default_factory=list)
    """Answers after which a normal one was not understood as ever."""
    reactions: Counter[str] = field(default_factory=Counter)
    """How the answers were taken, by the error they gave."""
    partial: int = 0
    """Steps of which not everything, or more than everything, is in the store."""


def configured(folder: Path, url: str) -> Config:
    """Return the configuration of a daemon that polls `url`."""
    path = folder / "hostile.yaml"
    path.write_text(CONFIG.format(folder=folder, key=KEY, url=url))
    return load_config(path)


def core_of(store: Store, timer: Timer | None = None) -> Core:
    """Return what the parts of a daemon share."""
    timer = timer or SystemTimer()
    return Core(store, States(timer.now), Journal(), Metrics(), timer)


@asynccontextmanager
async def polling(folder: Path, provider: FakeOddsApi) -> AsyncIterator[tuple[Core, Collector]]:
    """A store, a pipeline at work on it, and a source that polls `provider` whenever it is run."""
    config = configured(folder, provider.url)
    store = open_store(config.database.connect_url())
    core = core_of(store)
    worker = PipelineWorker(config.pipelines["main"], config.registry, core, Outlets())
    feed = build_source(config.sources["odds"], config.registry, core.timer)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run)
            yield core, Collector(feed, None, core, worker.wake)
            group.cancel_scope.cancel()
    finally:
        store.close()


async def try_shapes(folder: Path, every: int = 1) -> Outcome:
    """Answer polls with every shape and manner, or every so-manieth, and each time a normal one after it."""
    outcome = Outcome()
    async with FakeOddsApi(OneGame(), key=KEY) as provider, polling(folder, provider) as (core, collector):
        done = 0

        async def round(name: str) -> str:
            """Poll once and let the pipeline take it; return the error's name."""
            nonlocal done
            entry = core.journal.source("odds")
            failed = entry.failed
            try:
                await collector.run()
            except SourceError as error:
                return type(error).__name__
            except Exception as error:  # this is what is looked for
                outcome.uncaught.append(f"{name}: {error!r}")
            done = sum(1 for _ in _observations(folder))
            with anyio.fail_after(PATIENCE):
                while core.journal.pipeline("main").observations < done:  # noqa: ASYNC110  # it says nothing by itself
                    await anyio.sleep(0.002)
            return str(entry.last_error) if entry.failed > failed else "ok"

        await round("the first")
        normal = core.journal.pipeline("main").quotes
        hostile = [(name, body) for name, body in shapes()[::every]]
        for name, body in [*hostile, *((manner, b"") for manner in MANNERS[:: max(1, every // 4)])]:
            outcome.answers += 1
            provider.answer_next(body) if name not in MANNERS else provider.fail_next(name)
            outcome.reactions[_brief(await round(name))] += 1
            before = core.journal.pipeline("main").quotes
            said = await round("after " + name)
            if said != "ok" or core.journal.pipeline("main").quotes - before != normal:
                outcome.abnormal.append(f"{name}: {said}")
        outcome.faults = sum(fault.count for fault in core.journal.faults.values())
    outcome.partial = partial_writes(folder / "hostile.db")
    return outcome


def _observations(folder: Path) -> list[tuple[str]]:
    with sqlite3.connect(folder / "hostile.db") as database:
        found = database.execute("SELECT id FROM observations").fetchall()
    database.close()
    return found


def _brief(error: str) -> str:
    return error if len(error) < 60 else error[:57] + "…"


def try_mutations(folder: Path, number: int, seed: int = 7) -> Outcome:
    """Put mutated bodies through check, normalizer, pipeline and store, without the network."""
    outcome, draw = Outcome(), random.Random(seed)
    config = configured(folder, "http://127.0.0.1:9")
    store = open_store(config.database.connect_url())
    try:
        pipeline = build_pipeline(config.pipelines["main"], config.registry)
        normal = pipeline.step(_observed(GOOD, 0, outcome)).quotes
        for start in range(0, number, GROUP):
            bodies = [hostile(draw) for _ in range(min(GROUP, number - start))]
            if start % NORMAL_EVERY == 0:
                bodies.append(GOOD)
            try:
                seen = [_observed(body, 1 + start * 2 + n, outcome) for n, body in enumerate(bodies)]
                steps = [pipeline.step(each) for each in seen]
                store.observe([("odds", Poll(each.request, each.received_at, 1, each)) for each in seen])
                store.commit([Commit(step) for step in steps])
            except BaseException as error:  # this is what is looked for
                outcome.uncaught.append(f"{start}: {error!r}")
                continue
            outcome.answers += len(bodies)
            outcome.faults += sum(len(step.failures) for step in steps)
            if bodies[-1] is GOOD and (steps[-1].quotes != normal or steps[-1].failures):
                outcome.abnormal.append(f"after {start}")
    finally:
        store.close()
    outcome.partial = partial_writes(folder / "hostile.db")
    return outcome


def _observed(body: bytes, number: int, outcome: Outcome) -> Observation:
    """Return what the source would make of an answer."""
    headers = {}
    try:
        check_json(body)
        outcome.reactions["ok"] += 1
    except BadPayload as error:
        headers[REFUSED] = error.code
        outcome.reactions[error.code] += 1
    return Observation("odds", "odds-api", NOON + number * SECOND, Request(PATH, PARAMS), 200, body, headers)


def partial_writes(path: Path) -> int:
    """Return how many observations were processed in part, or not at all, by what is in the store."""
    database = sqlite3.connect(path)

    def one(query: str) -> int:
        (found,) = database.execute(query).fetchone()
        return int(found or 0)

    try:
        unprocessed = one(
            "SELECT count(*) FROM observations o LEFT JOIN processed p ON p.observation = o.id WHERE p.position IS NULL"
        )
        changes = one("SELECT sum(changes) FROM processed") - one("SELECT count(*) FROM changes")
        signals = one("SELECT sum(signals) FROM processed") - one("SELECT count(*) FROM signals")
        alone = one(
            "SELECT count(*) FROM changes c LEFT JOIN series s USING (event_id, series_id) WHERE s.book IS NULL"
        )
        return unprocessed + abs(changes) + abs(signals) + alone
    finally:
        database.close()


async def bomb_peak(manner: str, size: int = GIBIBYTE) -> tuple[float, float, str]:
    """Let a process of its own be answered by a bomb: MiB it held before, and at most, and what it said of it."""
    async with FakeOddsApi(OneGame(), key=KEY, bomb=size) as provider:
        provider.fail_next(manner)
        done = await anyio.run_process([sys.executable, "-m", "tests.hostile.peak", provider.url], check=False)
    before, peak, said = done.stdout.decode().split("\t")
    return float(before), float(peak), said.strip()


async def drip(deadline: float) -> tuple[float, str]:
    """Ask a provider that sends a byte now and then: seconds until the answer was given up, and what was said."""
    async with FakeOddsApi(OneGame(), key=KEY) as provider:
        provider.fail_next("slow")
        client = Client(provider.url)
        began = time.monotonic()
        try:
            await client.get(PATH, {**PARAMS, "apiKey": KEY}, deadline=deadline)
        except TransientError as error:
            return time.monotonic() - began, str(error)
        finally:
            await client.close()
    raise AssertionError("it was answered")
