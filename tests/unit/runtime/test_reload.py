"""A reload exchanges what changed between two turns of the event loop, or nothing at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from structlog.testing import capture_logs

from stratumd.config import Config, load_config
from stratumd.errors import ConfigError, Unauthorized
from stratumd.plugin import Detector, PluginConfig, Sink, Source
from stratumd.runtime.core import Core
from stratumd.runtime.exchange import Exchange, hold
from stratumd.runtime.notify import Notifier
from stratumd.runtime.parts import Parts, assemble
from stratumd.runtime.plan import Item, Plan
from stratumd.runtime.posts import open_posts
from stratumd.runtime.reload import Reloader
from stratumd.runtime.states import State
from stratumd.runtime.stop import Stop
from stratumd.runtime.view import DaemonView
from stratumd.store import StoreDown
from stratumd.testing.harness import PlainNormalizer
from tests.support.plugins import plugin
from tests.unit.runtime.bench import core, failure, store_of, timer_of

pytestmark = pytest.mark.anyio


class Depth(PluginConfig):
    depth: int = 1


class Tape(Source):
    name, format, config = "tape", "plain", Depth
    refused: ClassVar[tuple[str, ...]] = ()
    """The sources whose key the provider refuses."""

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        if options.depth > 9:
            raise RuntimeError("too deep")

    async def poll(self) -> Any:
        if self.context.name in self.refused:
            yield failure(Unauthorized("no such key"))
        await anyio.sleep(0.01)  # virtual time passes by itself


class Idle(Detector):
    name, config = "idle", Depth

    def detect(self, tick: Any) -> Any:
        return ()


class Post(Sink):
    name, config = "post", Depth

    async def deliver(self, deliveries: Any) -> None:
        raise AssertionError("nothing is delivered")


MODULES = [plugin("tape", Tape), plugin("idle", Idle), plugin("post", Post), plugin("plain", PlainNormalizer)]
BEFORE = """
sources:
  nba: {use: tape, schedule: {every: 60s}}
  wnba: {use: tape, schedule: {every: 60s}}
pipelines:
  main: {sources: [nba], detectors: [idle], sinks: [post, {post: {name: file, depth: 2}}]}
  late: {sources: [wnba], detectors: [idle]}
"""


class Bench:
    """A daemon's parts, running, with a file that they can be reloaded from."""

    def __init__(self, folder: Path, shared: Core) -> None:
        self.path = folder / "stratumd.yaml"
        self.core = shared
        self.write()
        config = self.load()
        self.parts: Parts = assemble(config, shared, once=False, write=None)
        self.view = DaemonView(config, shared)

    def write(self, *changes: tuple[str, str]) -> None:
        text = BEFORE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        self.path.write_text(text)

    def load(self) -> Config:
        return load_config(self.path, env={}, extra=MODULES)

    def metric(self, name: str) -> float | None:
        return self.core.metrics.registry.get_sample_value(f"stratumd_config_last_reload_{name}")

    def everything(self) -> list[object]:
        """All that runs, to be compared by identity."""
        parts = self.parts
        return [*parts.running(), *parts.outlets.values(), *parts.courier._workers.values(), self.view.config]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Bench, Reloader]]:
    bench = Bench(folder, core())
    async with open_posts() as posts:
        for part in bench.parts.running():
            hold(part, posts, bench.core)
        exchange = Exchange(bench.core, bench.parts, posts)
        yield bench, Reloader(bench.load, bench.core, exchange, bench.view, Notifier())
        posts.cancel()


async def test_the_same_file_leaves_everything_as_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        before = bench.everything()[:-1]
        assert (await reloader.reload()).exit_code == 0
        outlets = len(bench.parts.outlets)
        assert [id(each) for each in bench.parts.running()] == [id(each) for each in before[:4]]
        assert [each.target for each in bench.parts.outlets.values()] == [each.target for each in before[4:][:outlets]]
        assert (bench.metric("successful"), bench.metric("success_timestamp_seconds")) == (
            1,
            bench.core.timer.now() / 1e6,
        )


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ([("use: tape", "use: tpae")], 78, "did you mean 'tape'?"),
        ([("use: tape,", "use: tape, depth: 10,")], 1, "plugin tape failed in 'nba'"),
        ([("  late:", "  more: {sources: [nba], detectors: [idle]}\n  late:"), ("[wnba]", "[nbaa]")], 78, "nbaa"),
    ],
    ids=["a mistake", "a source that cannot be built", "half right"],
)
async def test_what_cannot_be_done_wholly_changes_nothing(
    tmp_path: Path, changes: list[tuple[str, str]], code: int, said: str
) -> None:
    async with running(tmp_path) as (bench, reloader):
        before = bench.everything()
        bench.write(*changes)
        with capture_logs() as lines:
            found = await reloader.reload()
        assert (found.exit_code, said in found.error) == (code, True)
        assert [id(each) for each in bench.everything()] == [id(each) for each in before]
        # Other parts run beside it and may have something to say of a busy machine.
        (event,) = [line["event"] for line in lines if line["log_level"] == "error"]
        assert event == "reload failed; nothing was changed"
        assert bench.metric("successful") == 0
        assert bench.view.status()["reload"]["error"] == found.error
        bench.write()
        assert (await reloader.reload()).exit_code == 0
        assert bench.metric("successful") == 1


async def test_whatever_loading_raises_is_an_answer(tmp_path: Path) -> None:
    """A plugin is imported then, and its code may raise anything."""
    async with running(tmp_path) as (bench, _):
        for error, code in ((ZeroDivisionError("one"), 1), (SystemExit(3), 1), (ConfigError("two"), 78)):
            reloader = Reloader(raising(error), bench.core, None, bench.view, Notifier())
            assert (await reloader.reload()).exit_code == code
            assert (await reloader.preview()).exit_code == code


def raising(error: BaseException) -> Any:
    def load() -> Config:
        raise error

    return load


async def test_a_source_with_other_options_keeps_its_due_instants(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        before = dict(bench.parts.collectors)
        bench.write(("use: tape,", "use: tape, depth: 3,"))
        await reloader.reload()
        after = bench.parts.collectors
        assert after["nba"] is not before["nba"]
        assert after["nba"].ticks is before["nba"].ticks
        assert after["wnba"] is before["wnba"]


async def test_another_schedule_begins_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        before = bench.parts.collectors["nba"]
        bench.write(("every: 60s", "every: 30s"))
        await reloader.reload()
        assert bench.parts.collectors["nba"].ticks is not before.ticks


async def test_a_pipeline_keeps_its_engine_while_its_sinks_change(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        worker, kept = bench.parts.workers["main"], bench.parts.outlets["main.post"]
        bench.write(("[post,", "[{post: {when: {min_strength: 50}}},"), ("name: file", "name: chat"))
        found = await reloader.reload()
        assert bench.parts.workers["main"] is worker
        sinks = worker._outlets.sinks
        assert [each.target.name for each in sinks] == ["main.post", "main.chat"]
        assert sinks[0].target is kept.target
        assert sinks[0].when.min_strength == 50
        assert found.waiting == {"main.file": 2}
        assert bench.parts.courier.sinks == ["main.post", "main.chat"]


async def test_a_store_that_does_not_answer_hides_only_what_waits(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        bench.write((", {post: {name: file, depth: 2}}", ""))
        store_of(bench.core).down = [StoreDown("down")] * 9
        found = await reloader.reload()
        assert (found.exit_code, found.waiting) == (0, {})


async def test_a_new_source_wakes_the_pipelines_that_it_feeds(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        bench.write(("pipelines:", "  more: {use: tape, schedule: {every: 60s}}\npipelines:"), ("[nba]", "[nba, more]"))
        await reloader.reload()
        news = bench.parts.workers["main"]._news
        bench.parts.stored("more")
        assert news.is_set()


async def refused(bench: Bench) -> None:
    """Wait until the provider refused a key."""
    with anyio.fail_after(30):
        while not any(each.state is State.PERMANENT_ERROR for each in bench.core.states):  # noqa: ASYNC110  # another task or process changes it
            await anyio.sleep(0.01)


async def test_what_failed_for_good_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tape, "refused", ("nba",))
    async with running(tmp_path) as (bench, reloader):
        await refused(bench)
        before = bench.parts.collectors["nba"]
        assert (await reloader.reload()).plan["restart"] == ["source nba"]
        assert bench.parts.collectors["nba"] is not before


async def test_a_part_that_was_off_and_still_cannot_be_built_prevents_no_other_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tape, "refused", ("nba",))
    async with running(tmp_path) as (bench, reloader):
        await refused(bench)
        bench.write(
            ("use: tape,", "use: tape, depth: 10,"),
            ("[wnba], detectors: [idle]", "[wnba], detectors: [{idle: {depth: 2}}]"),
        )
        assert (await reloader.reload()).exit_code == 0
        await anyio.sleep(0.05)
        assert "nba" not in bench.parts.collectors
        assert "too deep" in bench.core.states.get("source", "nba").reason


async def test_what_is_gone_is_shown_no_more(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        bench.core.metrics.component.labels("source", "wnba", "OK").set(1)
        bench.write(("wnba: {use: tape,", "wnba: {use: tape, enabled: false,"))
        await reloader.reload()
        with anyio.fail_after(30):
            while {"wnba", "late"} & {each.name for each in bench.core.states}:  # noqa: ASYNC110  # several tasks
                await anyio.sleep(0.01)
        assert {*bench.core.journal.sources, *bench.core.journal.pipelines} == {"nba", "main"}
        assert b'name="wnba"' not in bench.core.metrics.expose()


async def test_what_needs_a_restart_keeps_its_old_value(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        old = bench.view.config
        bench.write(("sources:", "database: sqlite:///new.db\nhttp: {listen: '127.0.0.1:1'}\nsources:"))
        found = await reloader.reload()
        assert found.plan["fixed"] == ["database", "http"]
        assert (bench.view.config.database, bench.view.config.http) == (old.database, old.http)
        assert bench.view.status()["reload"]["fixed"] == ("database", "http")


async def test_a_preview_says_the_same_and_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        bench.write(("use: tape,", "use: tape, depth: 3,"))
        before = bench.everything()
        planned = await reloader.preview()
        assert [id(each) for each in bench.everything()] == [id(each) for each in before]
        assert bench.core.journal.reloaded is None
        assert planned.plan == (await reloader.reload()).plan


async def test_signals_that_come_during_a_reload_ask_for_one_more(tmp_path: Path) -> None:
    async with running(tmp_path) as (bench, reloader):
        stop, times = Stop(), []

        async def reload() -> None:
            times.append(timer_of(bench.core).now())
            if len(times) == 1:
                for _ in range(3):
                    stop.reload.set()

        reloader.reload = reload
        async with anyio.create_task_group() as group:
            group.start_soon(reloader.follow, stop)
            stop.reload.set()
            with anyio.fail_after(30):
                while len(times) < 2:
                    await anyio.lowlevel.checkpoint()
            await anyio.sleep(0.05)  # time enough for a third
            group.cancel_scope.cancel()
        assert len(times) == 2


async def test_the_service_manager_is_told(tmp_path: Path) -> None:
    """Also of a reload that fails: it ended, and the daemon is as ready as before."""

    class Told(Notifier):
        said: list[str] = []

        def _send(self, *lines: str) -> bool:
            self.said.append(lines[0])
            return True

    async with running(tmp_path) as (bench, _):
        told = Told()
        reloader = Reloader(raising(ConfigError("no")), bench.core, None, bench.view, told)
        await reloader.reload()
    assert [line for line in told.said if "=1" in line] == ["RELOADING=1", "READY=1"]


async def test_a_daemon_for_http_alone_takes_over_the_log_and_the_pipelines_and_builds_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, core())
    reloader = Reloader(bench.load, bench.core, None, bench.view, Notifier())
    old, before = bench.view.config, bench.everything()[:-1]
    kept = Plan(keep=(Item("pipeline", "main"), Item("pipeline", "late"))).listed()
    bench.write(("every: 60s", "every: 30s"), ("[post, {post: {name: file, depth: 2}}]", "[post]"))
    assert (await reloader.reload()).plan == kept
    bench.write(
        ("  late:", "  later:"),
        ("sources: [nba]", "operators: {two: [one]}, sources: [nba]"),
        ("sources:\n", "log: {level: debug}\ndatabase: sqlite:///new.db\nsources:\n"),
    )
    planned = await reloader.preview()
    answer = await reloader.reload()
    assert answer.plan == planned.plan == Plan(
        start=(Item("pipeline", "later"),),
        stop=(Item("pipeline", "late"),),
        adjust=(Item("pipeline", "main"), Item("log")),
        fixed=("database",),
    ).listed()  # fmt: skip
    config = bench.view.config
    assert (config.log.level, [*config.pipelines], config.database) == ("debug", ["main", "later"], old.database)
    assert bench.everything()[:-1] == before, "nothing was built"
    bench.path.write_text("sources: [")
    assert (await reloader.reload()).exit_code == 78
