"""A past to look back on: the simulated market, polled in virtual time, kept in a store as a daemon would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from stratumd.config import load_config
from stratumd.plugin import HOUR, MINUTE, Micros, Observation, Poll, parse_iso
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.rebuilding import rebuild
from stratumd.runtime.replaying import replay
from stratumd.store import open_store
from stratumd_demo.market import Market
from stratumd_demo.score import observe

OPENED: Micros = parse_iso("2026-01-10T12:00:00Z")
CONFIG = """
database: sqlite:///{folder}/past.db
sources:
  demo: {{use: demo, schedule: {{every: 1m}}}}
pipelines:
  main:
    sources: [demo]
    detectors:
      - consensus
      - move: {{window: 10m}}
      - dislocation
      - steam: {{min_age: 0s}}
      - value
"""


@lru_cache(maxsize=4)
def polled(minutes: int = 60, games: int = 4, seed: int = 7) -> tuple[Observation, ...]:
    """Return what a poll a minute of the simulated market is answered."""
    market = Market(seed, OPENED, games=games)

    def answers() -> Iterator[Observation]:
        for minute in range(minutes):
            market.advance(OPENED + minute * MINUTE)
            yield observe(market)

    return tuple(answers())


def configured(folder: Path, text: str = CONFIG) -> Path:
    """Write the configuration, and return its path."""
    path = folder / "stratumd.yaml"
    path.write_text(text.format(folder=folder))
    return path


def kept(config: Path, observations: Iterable[Observation], database: str | None = None) -> None:
    """Step through `observations` under the configuration and keep all that follows."""
    loaded = load_config(config)
    store = open_store(database or loaded.database.connect_url())
    try:
        for _ in replay(
            observations, [build_pipeline(spec, loaded.registry) for spec in loaded.pipelines.values()], store
        ):
            pass
    finally:
        store.close()


def resumed(config: Path, observations: Iterable[Observation]) -> None:
    """Go on with the pipeline `main` in a new process: what it knows comes from the store."""
    loaded = load_config(config)
    spec, store = loaded.pipelines["main"], open_store(loaded.database.connect_url())
    try:
        pipeline = build_pipeline(spec, loaded.registry)
        rebuild(pipeline, store, spec.sources)
        for _ in replay(observations, [pipeline], store):
            pass
    finally:
        store.close()


def stored(config: Path, observations: Iterable[Observation], database: str | None = None) -> None:
    """Store `observations` as received; no pipeline takes them."""
    store = open_store(database or load_config(config).database.connect_url())
    try:
        store.observe([(each.source, Poll(each.request, each.received_at, 0, each)) for each in observations])
    finally:
        store.close()


__all__ = ["CONFIG", "HOUR", "MINUTE", "OPENED", "configured", "kept", "polled", "resumed", "stored"]
