"""The daemon's own path for one poll, stage by stage, without the clock and the network around it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from stratumd.config import load_config
from stratumd.plugin import SECOND, Micros, Observation, Poll, Request, delivery_id, parse_iso
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.garbage import resting, settle
from stratumd.runtime.turns import take_turns
from stratumd.store import Commit, NewDelivery, open_store

SOURCE = "feed"
START: Micros = parse_iso("2026-01-15T20:00:00Z")
"""When the feed's first poll was answered."""
EVERY: Micros = 30 * SECOND
CHECKPOINT, COLLECTOR = "then the checkpoint", "then the collector"
"""Stages that nobody waits for: the signals are committed by then."""
CONFIG = """
sources:
  feed:
    use: odds-api
    api_key: none
    sports: [upcoming]
    regions: [us]
    schedule: {every: 30s}
pipelines:
  bench:
    sources: [feed]
    detectors: [consensus, move, dislocation, steam]
    sinks: [log]
"""


class Daemon:
    """One pipeline with all four detectors on one database."""

    def __init__(self, database: str, *, takes: bool = False) -> None:
        """With `takes` each answer is read from the store before it is stepped, as the daemon does it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.yaml"
            path.write_text(CONFIG)
            config = load_config(path)
        self.pipeline = build_pipeline(config.pipelines["bench"], config.registry)
        self.store = open_store(database)
        self.seconds: list[float] = []
        self._takes = takes
        self._copying = 0.0
        self._stages: dict[str, list[float]] = defaultdict(list)
        self.changes = self.signals = 0
        settle()
        take_turns()

    def cycle(self, number: int, body: bytes) -> dict[str, float]:
        """Take the poll of that number; return the seconds of each stage. What nobody waits for comes last."""
        clock = time.perf_counter
        with resting():
            took = self._cycle(number, body)
            took[CHECKPOINT] = self._checkpointed()
            ended = clock()
        found = dict(took)  # a new object: the collector looks now
        found[COLLECTOR] = clock() - ended
        return found

    def _cycle(self, number: int, body: bytes) -> dict[str, float]:
        clock = time.perf_counter
        began = clock()
        at = START + number * EVERY
        request = Request("/v4/sports/upcoming/odds", {"markets": "h2h,spreads,totals", "oddsFormat": "american"})
        observation = Observation(SOURCE, "odds-api", at, request, 200, body)
        self.store.observe([(SOURCE, Poll(request, at, 0, observation))])
        stored = clock()
        if self._takes:
            (observation,) = self.store.pending("bench", [SOURCE], 100)
        step = self.pipeline.step(observation)
        stepped = clock()
        deliveries = tuple(NewDelivery(delivery_id(each.id, "log"), each, "log") for each in step.signals)
        self.store.commit([Commit(step, deliveries)])
        ended = clock()
        self.changes += len(step.changes)
        self.signals += len(step.signals)
        return {"store the answer": stored - began, "step": stepped - stored, "commit": ended - stepped}

    def _checkpointed(self) -> float:
        """Let SQLite's log come into the file, and return the seconds of work; PostgreSQL does that by itself."""
        checkpoints = self.store.checkpoints
        if checkpoints is None:
            return 0.0
        checkpoints.settle()
        before, self._copying = self._copying, checkpoints.seconds
        return self._copying - before

    def timed(self, number: int, body: bytes) -> None:
        """Take the poll, and keep how long it took."""
        took = self.cycle(number, body)
        self.seconds.append(sum(seconds for stage, seconds in took.items() if stage not in (CHECKPOINT, COLLECTOR)))
        for stage, seconds in took.items():
            self._stages[stage].append(seconds)

    def stages(self) -> dict[str, float]:
        """Return the median seconds of each stage."""
        return {stage: statistics.median(seconds) for stage, seconds in self._stages.items()}

    def close(self) -> None:
        """Close the database."""
        self.store.close()
