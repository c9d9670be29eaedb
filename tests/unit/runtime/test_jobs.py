"""Jobs: run when they are due, one run at a time, with a time and not a clock; their failures are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from stratumd.config import JobSpec, PipelineSpec, Timetable
from stratumd.errors import PluginError
from stratumd.plugin import MINUTE, Job, Ledger, Micros, PluginConfig, Report
from stratumd.plugin.views import PauseRow
from stratumd.registry import Registered, Registry
from stratumd.runtime.core import Core
from stratumd.runtime.jobs import JobWorker, answered
from stratumd.runtime.journal import Journal
from stratumd.runtime.states import State, States
from tests.unit.runtime.bench import MemorySharing
from tests.unit.runtime.virtual import VirtualTimer

pytestmark = pytest.mark.anyio


class FakeStore:
    def __init__(self, clock: Callable[[], Micros]) -> None:
        self.sharing = MemorySharing(clock)
        self.pauses: list[PauseRow] = []

    def paused(self, now: Micros) -> list[PauseRow]:
        return self.pauses

    def ledger(self, pipeline: str) -> Any:
        assert pipeline == "nba"
        return self

    def signals(self, events: list[str]) -> list[Any]:
        return []


def worker(what: Callable[[Micros, Ledger], None], *, once: bool = False, **when: Any) -> tuple[JobWorker, Core]:
    class Noting(Job):
        name = "noting"

        def run(self, at: Micros, ledger: Ledger) -> str:
            what(at, ledger)
            return "noted"

    timer = VirtualTimer()
    core = Core(cast(Any, FakeStore(timer.now)), States(timer.now, lambda state: None), Journal(), timer=timer)
    registry = Registry(jobs={"noting": Registered(Noting, "noting", "1.0")})
    schedule = Timetable.model_validate(when or {"every": timedelta(minutes=60)})
    spec = JobSpec("nba.noting", "noting", Noting, PluginConfig(), schedule)
    return JobWorker(spec, PipelineSpec("nba", ()), registry, core, once), core


async def runs_of(count: int, before: Callable[[Core], None] = lambda core: None, **when: Any) -> list[Micros]:
    """Return the times of the first runs; `before` happens before the job begins."""
    found: list[Micros] = []
    enough = anyio.Event()

    def note(at: Micros, ledger: Ledger) -> None:
        found.append(at)
        if len(found) == count:
            anyio.from_thread.run_sync(enough.set)

    job, core = worker(note, **when)
    before(core)
    async with anyio.create_task_group() as group:
        group.start_soon(job.run)
        await enough.wait()
        group.cancel_scope.cancel()
    return found[:count]


async def test_an_interval_begins_at_once_and_keeps_its_beat() -> None:
    first, second, third = await runs_of(3, every="60m")
    assert (second - first, third - second) == (60 * MINUTE, 60 * MINUTE)


async def test_a_cron_job_is_given_its_own_instant() -> None:
    first, second = await runs_of(2, cron="0 5 * * *")
    assert first % (24 * 60 * MINUTE) == 5 * 60 * MINUTE
    assert second - first == 24 * 60 * MINUTE


async def test_what_another_daemon_ran_is_left_to_it() -> None:
    def elsewhere(core: Core) -> None:
        core.store.sharing.take("job nba.noting", core.timer.now(), 0)

    (first,) = await runs_of(1, elsewhere, every="60m")
    assert first == VirtualTimer().now() + 60 * MINUTE


async def test_a_paused_job_is_not_run_and_nothing_is_made_up_for() -> None:
    """Also where the process began while it was paused."""
    began = VirtualTimer().now()

    def pause(core: Core) -> None:
        cast(Any, core.store).pauses = [_paused("nba.noting", began + 150 * MINUTE), _paused("wnba.noting", None)]

    first, second = await runs_of(2, pause, every="60m")
    assert (first - began, second - first) == (180 * MINUTE, 60 * MINUTE)


async def test_a_paused_job_is_left_alone_by_a_single_round() -> None:
    found: list[Micros] = []
    job, core = worker(lambda at, ledger: found.append(at), once=True)
    cast(Any, core.store).pauses = [_paused("nba.noting", None)]
    await job.run()
    assert found == []
    assert core.states.get("job", "nba.noting").state is State.OK


def _paused(name: str, until: Micros | None) -> PauseRow:
    return PauseRow(name, "", 0, until, kind="job")


async def test_a_job_of_a_single_round_runs_once_and_ends() -> None:
    found: list[Micros] = []
    job, core = worker(lambda at, ledger: found.append(at), once=True)
    await job.run()
    assert len(found) == 1
    assert core.states.get("job", "nba.noting").state is State.OK


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
async def test_a_failure_names_the_plugin_and_the_line(error: BaseException) -> None:
    def fail(at: Micros, ledger: Ledger) -> None:
        raise error

    job, _ = worker(fail, once=True)
    with pytest.raises(PluginError, match=r"plugin noting 1\.0 failed in 'nba\.noting' at test_jobs\.py"):
        await job.run()


async def test_a_stop_ends_a_job_between_two_calls_of_the_ledger() -> None:
    calls: list[int] = []
    begun = anyio.Event()

    def go_on(at: Micros, ledger: Ledger) -> None:
        while True:
            calls.append(len(ledger.signals([])))
            if len(calls) == 1:
                anyio.from_thread.run_sync(begun.set)

    job, core = worker(go_on, once=True)
    async with anyio.create_task_group() as group:
        group.start_soon(job.run)
        await begun.wait()
        group.cancel_scope.cancel()
    assert calls
    assert not list(core.states)


@pytest.mark.parametrize(
    ("rows", "said"),
    [(ValueError("no"), "ValueError: no"), (["x"], "TypeError: answered with a str; a report yields mappings")],
)
async def test_a_report_that_fails_or_gives_no_rows_is_named(rows: Any, said: str) -> None:
    class Asked(Report):
        name = "asked.rows"

        def answer(self, ledger: Ledger) -> Iterable[Mapping[str, Any]]:
            if isinstance(rows, Exception):
                raise rows
            yield from rows

    registry = Registry(reports={"asked.rows": Registered(Asked, "asked", "1.0")})
    config = cast(Any, SimpleNamespace(registry=registry, pipelines={"nba": PipelineSpec("nba", ())}))
    with pytest.raises(PluginError, match=rf"plugin asked 1\.0 failed in 'asked\.rows' at test_jobs\.py:\d+: {said}"):
        answered(config, cast(Any, lambda pipeline: None), "asked.rows", {}, "nba")
