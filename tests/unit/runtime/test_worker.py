"""A pipeline processes what is stored, commits all that follows from it, and stays equal to the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import anyio
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from stratumd.config import DetectorSpec, PipelineSpec, When
from stratumd.errors import StratumError
from stratumd.plugin import (
    MINUTE,
    Delivery,
    Detector,
    Finding,
    Micros,
    Observation,
    PluginConfig,
    Poll,
    Signal,
    Sink,
    State,
    Tick,
    delivery_id,
)
from stratumd.plugin.components import Yield
from stratumd.registry import Registry, load
from stratumd.runtime.attempts import Target
from stratumd.runtime.build import Outlet
from stratumd.runtime.calls import Owner
from stratumd.runtime.core import Core
from stratumd.runtime.states import State as Condition
from stratumd.runtime.supervisor import attempt
from stratumd.runtime.worker import GROUP, Outlets, PipelineWorker
from stratumd.store import Commit, LeaseLost, StoreDown, StoreRefused
from stratumd.testing.harness import PlainNormalizer, game, observation, spread
from tests.support.plugins import plugin
from tests.unit.runtime.bench import MemoryStore, core, store_of

pytestmark = pytest.mark.anyio

START: Micros = 1_767_268_800_000_000
EVENT = game(starts=START + 600 * MINUTE)


class Seen(State, frozen=True):
    times: int


class Counting(Detector):
    """Finds something at every odd tick; what it counts is its state."""

    name = "counting"
    state = Seen
    signals = {"ODD": Seen}

    def detect(self, tick: Tick) -> Iterable[Yield]:
        times = tick.state.times + 1 if tick.state else 1
        yield Seen(times)
        if times % 2:
            key = tick.markets[0].key
            yield Finding("ODD", key, "home", "up", 1.0, 1.0, ("fanduel",), 60, {"times": times})


class Failing(Detector):
    name = "failing"

    def detect(self, tick: Tick) -> Iterable[Yield]:
        raise ValueError("no such line")


class Anything(Sink):
    name = "anything"

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        raise AssertionError("the worker delivers nothing")


class Undecided(Anything):
    def wants(self, signal: Signal) -> bool:
        raise LookupError("who knows")


def registry() -> Registry:
    return load([], extra=[plugin("counting", Counting), plugin("failing", Failing), plugin("plain", PlainNormalizer)])


def spec(*detectors: type[Detector]) -> PipelineSpec:
    chosen = detectors or (Counting,)
    return PipelineSpec("main", ("nba",), tuple(DetectorSpec(d.name, d, PluginConfig()) for d in chosen))


def outlet(kind: type[Sink] = Anything, when: When | None = None, name: str = "main.anything") -> Outlet:
    context: Any = None
    sink = kind(PluginConfig(), context)
    return Outlet(Target(name, sink, "post", "3"), Owner(sink, name, "post", "3"), when or When())


def worker(shared: Core, *detectors: type[Detector], outlets: Outlets | None = None) -> PipelineWorker:
    return PipelineWorker(spec(*detectors), registry(), shared, outlets or Outlets(), once=True)


def seen(minute: int) -> Observation:
    return observation(
        START + minute * MINUTE, {EVENT: {"fanduel": [spread(-3.5 - minute % 3, 1.91, 1.91)]}}, source="nba"
    )


def observe(shared: Core, *minutes: int) -> None:
    for minute in minutes:
        each = seen(minute)
        shared.store.observe([("nba", Poll(each.request, each.received_at, 0, each))])


def signals(shared: Core) -> list[Signal]:
    return [signal for commit in store_of(shared).commits for signal in commit.step.signals]


async def test_everything_stored_is_processed_in_order() -> None:
    shared = core()
    observe(shared, *range(40))
    await worker(shared).run()
    assert [each.received_at for each in store_of(shared).processed] == [START + n * MINUTE for n in range(40)]
    assert [signal.metadata["times"] for signal in signals(shared)] == list(range(1, 41, 2))
    assert shared.states.get("pipeline", "main").state is Condition.OK


async def test_a_restart_changes_nothing() -> None:
    """State, gate and board come back from the store: the signals are those of one uninterrupted run."""
    whole, parts = core(), core()
    observe(whole, *range(9))
    await worker(whole).run()
    for minute in range(9):
        observe(parts, minute)
        await worker(parts).run()
    assert [signal.to_json() for signal in signals(parts)] == [signal.to_json() for signal in signals(whole)]


@pytest.mark.parametrize("times", [1, 2])
async def test_a_commit_that_fails_leaves_nothing_behind(times: int) -> None:
    """The engine has stepped further than the store; it is thrown away, and the next run gives the same signals."""
    undisturbed, shared = core(), core()
    for each in (undisturbed, shared):
        observe(each, 0)
        await worker(each).run()
        observe(each, *range(1, 9))
    await worker(undisturbed).run()
    store_of(shared).down = [StoreDown("gone")] * times
    for _ in range(times):
        with pytest.raises(StoreDown):
            await worker(shared).run()
    await worker(shared).run()
    assert [s.to_json() for s in signals(shared)] == [s.to_json() for s in signals(undisturbed)]


async def test_one_engine_outlives_no_failed_commit() -> None:
    """The same worker, started again by the supervisor, rebuilds."""
    shared = core()
    observe(shared, *range(5))
    store_of(shared).down = [StoreDown("gone")]
    same = worker(shared)
    with pytest.raises(StratumError):
        await same.run()
    await same.run()
    assert [signal.metadata["times"] for signal in signals(shared)] == [1, 3, 5]


async def test_a_lost_lease_throws_the_engine_away_and_a_new_one_goes_on_from_the_store() -> None:
    """By the same code as a restart; what was stepped through and not committed is stepped through again."""
    undisturbed, shared = core(), core()
    for each in (undisturbed, shared):
        observe(each, 0)
        await worker(each).run()
        observe(each, *range(1, 9))
    await worker(undisturbed).run()
    store_of(shared).down = [LeaseLost()]
    await worker(shared).run()
    assert [s.to_json() for s in signals(shared)] == [s.to_json() for s in signals(undisturbed)]
    assert store_of(shared).sharing.held == [], "its post is left at the end"


async def test_deliveries_are_committed_with_their_signals() -> None:
    shared, woken = core(), []
    observe(shared, 0)
    outlets = Outlets((outlet(), outlet(name="main.other")), lambda: woken.append(len(store_of(shared).commits)))
    await worker(shared, outlets=outlets).run()
    (commit,) = store_of(shared).commits
    (signal,) = commit.step.signals
    names = ["main.anything", "main.other"]
    assert [(each.id, each.sink) for each in commit.deliveries] == [(delivery_id(signal.id, n), n) for n in names]
    assert woken == [1]


async def test_says_after_the_commit_how_new_the_quotes_are_and_says_nothing_without_any() -> None:
    shared, heard = core(), []
    outlets = Outlets(beat=lambda at: heard.append((len(store_of(shared).commits), at)))
    observe(shared, 0, 1)
    await worker(shared, outlets=outlets).run()
    bare = observation(START + 9 * MINUTE, {EVENT: {}}, source="nba")
    shared.store.observe([("nba", Poll(bare.request, bare.received_at, 0, bare))])
    await worker(shared, outlets=outlets).run()
    assert len(store_of(shared).commits) == 3
    assert heard == [(2, START + MINUTE)]


async def test_a_sink_gets_only_what_its_filter_admits() -> None:
    shared = core()
    observe(shared, 0)
    sinks = (outlet(when=When(min_strength=61)), outlet(when=When(types=("ODD",)), name="main.odd"))
    await worker(shared, outlets=Outlets(sinks)).run()
    assert [each.sink for each in store_of(shared).commits[0].deliveries] == ["main.odd"]


async def test_a_sink_that_cannot_decide_gets_the_signal_and_is_named() -> None:
    shared = core()
    observe(shared, 0)
    await worker(shared, outlets=Outlets((outlet(Undecided),))).run()
    assert len(store_of(shared).commits[0].deliveries) == 1
    fault = shared.journal.faults["main.anything"]
    assert (fault.plugin, fault.version, fault.error) == ("post", "3", "LookupError: who knows")
    assert fault.where.startswith("test_worker.py:")


async def test_a_dry_run_shows_deliveries_and_stores_none() -> None:
    shared = core()
    shown: list[str] = []

    async def preview(deliveries: Sequence[tuple[Outlet, Delivery]]) -> None:
        shown.extend(delivery.signal.type for _, delivery in deliveries)

    observe(shared, 0)
    await worker(shared, outlets=Outlets((outlet(),), preview=preview)).run()
    assert shown == ["ODD"]
    assert store_of(shared).commits[0].deliveries == ()


async def test_a_detector_that_raises_is_named_and_counted() -> None:
    shared = core()
    observe(shared, 0, 1, 2)
    await worker(shared, Failing, Counting).run()
    assert len(signals(shared)) == 2
    fault = shared.journal.faults["failing"]
    assert (fault.plugin, fault.error, fault.count) == ("failing", "ValueError: no such line", 3)
    assert fault.where.startswith("test_worker.py:")
    exposed = shared.metrics.expose().decode()
    assert 'stratumd_plugin_failures_total{component="failing",plugin="failing"} 3.0' in exposed


class Refusing(MemoryStore):
    """Refuses what follows from some observations, whatever else is committed with it."""

    def __init__(self, *minutes: int, all_of_it: bool = False) -> None:
        super().__init__()
        self._times = [START + minute * MINUTE for minute in minutes]
        self._all_of_it = all_of_it
        self.tries = 0

    def commit(self, commits: Sequence[Commit]) -> None:
        self.tries += 1
        for each in commits:
            if each.step.observation.received_at in self._times and (each.step.coverage or self._all_of_it):
                raise StoreRefused("integer out of range")
        super().commit(commits)


async def test_what_cannot_be_committed_is_left_out_and_named_and_the_rest_goes_on() -> None:
    store = Refusing(2, 5)
    shared = core(store)
    observe(shared, *range(8))
    await worker(shared).run()
    assert [each.received_at for each in store.processed] == [START + n * MINUTE for n in range(8)]
    empty = [commit.step for commit in store.commits if not commit.step.coverage]
    assert [step.observation.received_at for step in empty] == [START + 2 * MINUTE, START + 5 * MINUTE]
    assert [failure.error for step in empty for failure in step.failures] == ["StoreRefused: integer out of range"] * 2
    assert [signal.metadata["times"] for signal in signals(shared)] == [1, 3, 5]
    assert shared.states.get("pipeline", "main").state is Condition.OK
    assert shared.journal.faults["main"].count == 2


async def test_groups_come_back_after_an_observation_was_left_out() -> None:
    store = Refusing(0)
    shared = core(store)
    observe(shared, *range(GROUP + 10))
    await worker(shared).run()
    together, alone, left_out, rest = 1, GROUP, 1, 1
    assert store.tries == together + alone + left_out + rest


class Unversioned(Counting):
    @property
    def version(self) -> str:
        raise LookupError("who knows")


async def test_what_cannot_be_stepped_through_is_left_out_and_its_detector_named() -> None:
    shared = core()
    observe(shared, 0)
    await worker(shared, Unversioned).run()
    (commit,) = store_of(shared).commits
    (failure,) = commit.step.failures
    assert (failure.component, failure.error) == ("counting", "LookupError: who knows")
    assert failure.where.startswith("test_worker.py:")


async def test_a_pipeline_that_gets_nowhere_never_counts_as_ok() -> None:
    """Else each restart would begin with the shortest wait."""
    shared = core(Refusing(0, all_of_it=True))
    observe(shared, 0)
    with pytest.raises(StoreRefused):
        await worker(shared).run()
    with pytest.raises(KeyError):
        shared.states.get("pipeline", "main")


async def test_a_store_that_is_down_costs_no_observation() -> None:
    shared = core()
    observe(shared, 0)
    store_of(shared).down = [StoreDown("gone")]
    with pytest.raises(StoreDown):
        await worker(shared).run()
    assert store_of(shared).commits == []


@pytest.mark.parametrize("component", ["counting", "gate"])
async def test_a_state_that_cannot_be_read_any_more_is_forgotten_and_named(component: str) -> None:
    """As after a change of the plugin: the pipeline goes on, and says so."""
    shared = core()
    observe(shared, 0)
    await worker(shared).run()
    store = store_of(shared)
    (first,) = store.commits
    states = [replace(each, body=b'["older"]') if each.component == component else each for each in first.step.states]
    store.commits = [replace(first, step=replace(first.step, states=tuple(states)))]
    observe(shared, 1)
    await worker(shared).run()
    assert len(store.commits) == 2
    assert component in shared.journal.faults


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_a_detector_that_exits_does_not_end_the_daemon(error: BaseException) -> None:

    class Exiting(Counting):
        def detect(self, tick: Tick) -> Iterable[Yield]:
            raise error

    shared = core()
    observe(shared, 0)
    assert await attempt(worker(shared, Exiting), shared)
    assert "counting" in shared.journal.faults


async def test_the_counts_are_kept() -> None:
    shared = core()
    observe(shared, 0, 1)
    await worker(shared).run()
    entry = shared.journal.pipeline("main")
    assert (entry.observations, entry.events, entry.quotes, entry.changes) == (2, 1, 4, 4)
    assert entry.signals == {"ODD": 1}
    assert entry.last_observation == START + MINUTE
    assert [signal.type for signal in shared.journal.signals] == ["ODD"]


async def test_a_cycle_is_one_line() -> None:
    shared = core()
    shared.journal.source("nba").credits_remaining = 480
    shared.journal.source("another").credits_remaining = 2
    observe(shared, 0, 1)
    with capture_logs() as lines:
        await worker(shared).run()
    (line,) = [each for each in lines if each["log_level"] == "info"]  # what is wrong with quotes is for debugging
    expected = {"event": "cycle", "pipeline": "main", "source": "nba", "observations": 2, "events": 2, "quotes": 4}
    assert expected.items() <= line.items()
    assert (line["signals"], line["credits"]) == ({"ODD": 1}, 480)


async def test_a_cycle_is_one_row_of_figures_with_its_last_step() -> None:
    shared = core()
    observe(shared, *range(40))
    await worker(shared).run()
    commits = store_of(shared).commits
    rows = [(number, commit.kpi) for number, commit in enumerate(commits) if commit.kpi is not None]
    assert [(number, kpi.observations) for number, kpi in rows] == [(31, 32), (39, 8)]
    assert sum(kpi.snapshots for _, kpi in rows) == sum(len(commit.step.changes) for commit in commits)
    assert [kpi.signals for _, kpi in rows] == [{"ODD": 16}, {"ODD": 4}]
    first = rows[0][1]
    assert first.latency == max(0, first.finished_at - (START + 31 * MINUTE))


async def test_an_idle_pipeline_wakes_up() -> None:
    shared = core()
    running = PipelineWorker(spec(), registry(), shared, Outlets())
    async with anyio.create_task_group() as group:
        group.start_soon(running.run)
        for minute in range(3):
            observe(shared, minute)
            running.wake()
            with anyio.fail_after(30):
                while len(store_of(shared).commits) <= minute:  # noqa: ASYNC110  # a thread does it
                    await anyio.sleep(0.001)
        group.cancel_scope.cancel()
    assert [signal.metadata["times"] for signal in signals(shared)] == [1, 3]


async def test_slow_detectors_make_groups_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into the time of one commit is still pending, and comes with the next."""
    monkeypatch.setattr("stratumd.runtime.worker.LONGEST", -1)
    shared = core()
    observe(shared, 0, 1, 2)
    with capture_logs() as lines:
        await worker(shared).run()
    assert [line["observations"] for line in lines if line["event"] == "cycle"] == [1, 1, 1]
