"""Retention while the daemon runs: each hour, by the newest configuration, with a rest after each transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest

from stratumd.config import Config, load_config
from stratumd.plugin import DAY, HOUR, Job, Ledger, Micros
from stratumd.runtime.forgetting import EVERY, REST, forget, forgetting, kept
from stratumd.store import Cleaned, Keep, StoreDown
from tests.support.plugins import plugin
from tests.unit.runtime import bench

pytestmark = pytest.mark.anyio


class Old(bench.MemoryStore):
    """A store with old rows for three transactions; the connection is lost in the second one, the first time."""

    def __init__(self, now: Any) -> None:
        super().__init__(now)
        self.asked: list[tuple[Keep, Micros]] = []

    def ledger(self, pipeline: str) -> Any:
        return None

    def clean(self, keep: Keep, now: Micros) -> Iterator[Cleaned]:
        self.asked.append((keep, now))
        yield Cleaned("issues", 5)
        if len(self.asked) == 1:
            raise StoreDown("the server is gone")
        yield Cleaned("signals", 3)


async def test_it_goes_on_an_hour_later_where_it_was_broken_off() -> None:
    core = bench.core()
    timer = bench.timer_of(core)
    store = Old(timer.now)
    began = timer.now()
    config = configured("retention: {signals: 30d}\n")
    with anyio.CancelScope() as scope:

        def later() -> None:
            if len(store.asked) == 2 and timer.sleeps[-1] == EVERY:
                scope.cancel()
            timer.while_asleep = later

        timer.while_asleep = later
        await forget(lambda: config, replace(core, store=store))
    assert [each.signals for each, _ in store.asked] == [30 * DAY] * 2
    assert [at - began for _, at in store.asked] == [0, HOUR + REST]
    assert timer.sleeps == [REST, EVERY, *[REST] * 4, EVERY]  # two transactions of the store, two of the job


async def test_without_the_section_only_old_notices_are_deleted() -> None:
    core = bench.core()
    timer = bench.timer_of(core)
    store = Old(timer.now)
    config = configured("")
    with anyio.CancelScope() as scope:
        timer.while_asleep = scope.cancel
        await forget(lambda: config, replace(core, store=store))
    assert [keep for keep, _ in store.asked] == [Keep()]


# ---- what plugins' jobs have to say


class Working(Job):
    """Owes one event, and has two batches of its own."""

    name = "working"
    fails = False

    def owes(self, at: Micros, ledger: Ledger) -> list[str]:
        if self.fails:
            raise ValueError("no idea")
        return ["e1"]

    def run(self, at: Micros, ledger: Ledger) -> str:
        return "nothing"

    def forget(self, at: Micros, ledger: Ledger, length: Micros | None = None) -> Iterator[int]:
        yield 7
        if self.fails:
            raise ValueError("no more")
        yield 1 if length is None else 2


def test_jobs_say_which_signals_stay_and_delete_their_own() -> None:
    store, config = Recorded(), configured("retention: {signals: 30d}\n")
    done = [*forgetting(config, store, 5, kept(config))]
    assert store.keep is not None
    assert store.keep.owed == {("demo", "e1")}
    assert done == [Cleaned("demo.working", 7), Cleaned("demo.working", 1)]
    assert [*forgetting(config, store, 5, kept(config), DAY)][-1].rows == 2
    assert [*forgetting(config, store, 5, kept(config), jobs=False)] == []


def test_where_a_job_fails_no_signal_is_deleted_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Working, "fails", True)
    store, config = Recorded(), configured("retention: {signals: 30d}\n")
    assert [*forgetting(config, store, 5, kept(config))] == [Cleaned("demo.working", 7)]
    assert store.keep is not None
    assert (store.keep.signals, store.keep.consensus) == (None, 14 * DAY)


def test_the_file_says_which_sinks_and_pipelines_there_are() -> None:
    keep = kept(configured("retention: {observations: 90d}\n"))
    assert (keep.sinks, keep.pipelines) == (frozenset({"demo.log"}), frozenset({"demo"}))
    assert (keep.observations, keep.changes, keep.kpi) == (90 * DAY, None, 30 * DAY)


class Recorded:
    """A store that remembers what it was told to keep."""

    keep: Keep | None = None

    def clean(self, keep: Keep, now: Micros) -> Iterator[Cleaned]:
        self.keep = keep
        return iter(())

    def ledger(self, pipeline: str) -> Any:
        return None


FILE = """
sources: {demo: {use: demo, schedule: {every: 2s}}}
pipelines:
  demo: {sources: [demo], detectors: [consensus], jobs: [working], sinks: [log]}
"""


def configured(section: str) -> Config:
    """Return a configuration with a job of this module's."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "retention.yaml"
        path.write_text(section + FILE)
        return load_config(path, env={}, extra=[plugin("working", register_jobs=lambda: [Working])])
