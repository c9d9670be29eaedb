"""From a file to everything that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.config import Config, load_config
from stratumd.errors import DeliveryError
from stratumd.plugin import Detector, Sink, Source
from stratumd.runtime.core import Core
from stratumd.runtime.once import run_once
from stratumd.runtime.parts import assemble
from stratumd.runtime.states import State
from stratumd.store import Waiting
from stratumd.testing.harness import PlainNormalizer
from tests.support.plugins import plugin
from tests.unit.runtime.bench import MemoryStore, answer, core, store_of

pytestmark = pytest.mark.anyio


class Tape(Source):
    name = "tape"
    format = "plain"
    continuous = True

    async def poll(self) -> Any:
        yield answer(b"[1]")


class Jammed(Tape):
    name = "jammed"

    def __init__(self, options: Any, context: Any) -> None:
        raise RuntimeError("jammed")


class Idle(Detector):
    name = "idle"

    def detect(self, tick: Any) -> Any:
        return ()


class Post(Sink):
    name = "post"

    async def deliver(self, deliveries: Any) -> None:
        raise DeliveryError("closed", disable=True)


CONFIG = """
sources:
  nba: {use: tape}
  wnba: {use: %s}
pipelines:
  main: {sources: [nba, wnba], detectors: [idle], sinks: [post]}
  late: {sources: [wnba], detectors: [idle], sinks: [{post: {enabled: false}}]}
"""


def config(folder: Path, second: str = "tape") -> Config:
    path = folder / "stratumd.yaml"
    path.write_text(CONFIG % second)
    modules = [plugin(n, c) for n, c in {"tape": Tape, "jammed": Jammed, "idle": Idle, "post": Post}.items()]
    return load_config(path, env={}, extra=[*modules, plugin("plain", PlainNormalizer)])


async def test_every_enabled_part_runs(tmp_path: Path) -> None:
    parts = assemble(config(tmp_path), core(), once=False, write=None)
    names = [(part.kind, part.name) for part in parts.running()]
    assert names == [("source", "nba"), ("source", "wnba"), ("pipeline", "main"), ("pipeline", "late")]
    assert parts.courier.sinks == ["main.post"]


async def test_a_dry_run_serves_no_sink(tmp_path: Path) -> None:
    assert assemble(config(tmp_path), core(), once=False, write=print).courier.sinks == []


async def test_a_source_that_cannot_be_built_is_named_and_left_out(tmp_path: Path) -> None:
    shared = core()
    parts = assemble(config(tmp_path, "jammed"), shared, once=False, write=None)
    assert list(parts.collectors) == ["nba"]
    found = shared.states.get("source", "wnba")
    assert found.state is State.PERMANENT_ERROR
    assert "plugin jammed failed in 'wnba'" in found.reason


class Settled(MemoryStore):
    """A store in which deliveries become fewer with every look: what is scripted, then none."""

    def __init__(self, *counts: int) -> None:
        super().__init__()
        self.counts = list(counts)

    def delivery_counts(self) -> dict[tuple[str, str], Waiting]:
        count = self.counts.pop(0) if self.counts else 0
        return {("main.post", "pending"): Waiting(count, 0)} if count else {}


async def once(shared: Core, folder: Path, second: str = "tape") -> bool:
    shared.states.put("sink", "main.post", State.OK)
    parts = assemble(config(folder, second), shared, once=True, write=None)
    with anyio.fail_after(30):
        return await run_once(parts, shared)


async def test_once_polls_processes_and_waits_for_the_deliveries(tmp_path: Path) -> None:
    shared = core(Settled(3, 2, 1))
    assert await once(shared, tmp_path)
    assert len(store_of(shared).polls) == 2
    assert {each.name for each in shared.states if each.state is State.STOPPED} == {"nba", "wnba", "main", "late"}


async def test_once_says_where_a_source_could_not_be_built(tmp_path: Path) -> None:
    shared = core(Settled())
    assert not await once(shared, tmp_path, "jammed")
    assert len(store_of(shared).polls) == 1


async def test_once_does_not_wait_for_ever(tmp_path: Path) -> None:
    shared = core(Settled(*[3] * 10_000))
    assert not await once(shared, tmp_path)


async def test_once_does_not_wait_for_a_sink_that_is_off(tmp_path: Path) -> None:
    shared = core(Settled(*[3] * 10_000))
    shared.states.put("sink", "main.post", State.PERMANENT_ERROR)
    parts = assemble(config(tmp_path), shared, once=True, write=None)
    assert not await run_once(parts, shared)
    assert len(store_of(shared).polls) == 2
