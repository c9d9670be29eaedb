"""A component in a process of its own does what it would do here, and whatever it does wrong stays there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

import stratumd
from stratumd.engine import Elsewhere, Pipeline
from stratumd.engine.quarantine import UNANSWERED
from stratumd.errors import DeliveryError
from stratumd.odds import Pricing
from stratumd.plugin import Delivery, Detector, Notice, PluginConfig, Secret, parse_iso
from stratumd.registry import load
from stratumd.runtime.attempts import Target, attempt
from stratumd.runtime.build import Lent
from stratumd.runtime.clock import SystemTimer
from stratumd.runtime.isolation import process
from stratumd.runtime.isolation.child import where
from stratumd.runtime.isolation.components import isolated_detector, isolated_normalizer, isolated_sink
from stratumd.runtime.isolation.process import Child
from stratumd.testing import scenario
from stratumd.testing.harness import PlainNormalizer, game, observation, spread
from tests.support.steps import observation as seen
from tests.support.steps import signal
from tests.support.unruly import Options, Unruly, UnrulyReader, UnrulySink

NOON = parse_iso("2026-01-10T12:00:00Z")


def child_of(component: Any) -> Child:
    child: Child = component._child
    return child


@pytest.fixture
def kept() -> Iterator[list[Any]]:
    """Components whose processes are to end with the test."""
    made: list[Any] = []
    yield made
    for each in made:
        child_of(each).close()


def unruly(kept: list[Any], act: str = "", deadline: float = 10.0) -> Detector:
    found = isolated_detector(Unruly, Options(act=act), Pricing())
    child_of(found).deadline = deadline
    kept.append(found)
    return found


def pipeline(*detectors: Detector) -> Pipeline:
    return Pipeline("test", detectors, {"plain": PlainNormalizer(PluginConfig())})


def poll(minute: int = 0) -> Any:
    at = NOON + minute * 60_000_000
    return observation(at, {game(NOON + 9 * 3600 * 1_000_000): {"fanduel": [spread(-3.5 - minute, 1.91, 1.91)]}})


def test_bundled_detectors_give_the_same_in_a_child(kept: list[Any]) -> None:
    """Findings, evidence, records, limits: every signal has the same id and the same bytes."""
    registry = load(["consensus", "steam", "move"])

    def run(make: Callable[[Any], Detector]) -> list[bytes]:
        detectors = [make(registry.detectors[name].component) for name in ("consensus", "steam", "move")]
        kept.extend(each for each in detectors if hasattr(each, "_child"))
        made = pipeline(*detectors)
        steps = [made.step(each) for each in scenario.observations()]
        assert not [failure for step in steps for failure in step.failures]
        return [signal.to_json() for step in steps for signal in step.signals]

    here = run(lambda kind: kind(kind.config()))
    assert here
    assert run(lambda kind: isolated_detector(kind, kind.config(), Pricing())) == here


def test_state_records_and_limits_come_and_go(kept: list[Any]) -> None:
    there, here = pipeline(unruly(kept)), pipeline(Unruly(Options(act="")))
    for minute in range(4):
        one, other = there.step(poll(minute)), here.step(poll(minute))
        assert (one.records, one.states, one.failures) == (other.records, other.states, other.failures)
        assert [each.metadata for each in one.signals] == [each.metadata for each in other.signals]
    assert there.by_name["unruly"].limits("UNRULY").cooldown == 60_000_000


def test_what_it_raises_is_named_with_its_own_line(kept: list[Any]) -> None:
    (failure,) = pipeline(unruly(kept, "raise")).step(poll()).failures
    assert (failure.component, failure.error) == ("unruly", "ValueError: no")
    assert failure.where.startswith("unruly.py:")


def test_a_plugin_installed_beside_core_is_not_taken_for_core() -> None:
    """Its folder begins as core's does: `site-packages/stratumd_late_money` and `site-packages/stratumd`."""
    file = f"{Path(stratumd.__file__).parent}_late_money/__init__.py"
    source = "from stratumd.plugin import parse_iso\ndef fail():\n    parse_iso('no')"
    space: dict[str, Any] = {}
    exec(compile(source, file, "exec"), space)  # it is the test's own
    with pytest.raises(ValueError, match="no") as caught:
        space["fail"]()
    assert where(caught.value) == "stratumd_late_money/__init__.py:3"


@pytest.mark.parametrize(
    ("act", "deadline", "said"),
    [("leave", 10.0, "ended with exit code 7"), ("spin", 0.3, "was ended after 0.3")],
)
def test_one_that_does_not_answer_is_ended_and_started_again(
    kept: list[Any], act: str, deadline: float, said: str
) -> None:
    detector = unruly(kept, act, deadline)
    made = pipeline(detector)
    first = child_of(detector).pid
    (failure,) = made.step(poll()).failures
    assert failure.error.startswith(UNANSWERED)
    assert said in failure.error
    (failure,) = made.step(poll(1)).failures
    assert "started again later" in failure.error
    child_of(detector)._not_before = 0.0
    made.step(poll(2))
    assert child_of(detector).restarts == 1
    assert first is not None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


@pytest.mark.parametrize("act", ["exit", "hoard", "print"])
def test_one_that_answers_all_the_same_goes_on(kept: list[Any], act: str) -> None:
    detector = unruly(kept, act)
    made = pipeline(detector)
    failed = [failure.error for minute in range(2) for failure in made.step(poll(minute)).failures]
    assert [error.partition(":")[0] for error in failed] == {
        "exit": ["SystemExit"] * 2,
        "hoard": ["MemoryError"] * 2,
    }.get(act, [])
    assert child_of(detector).restarts == 0


def test_one_that_leaks_is_replaced(kept: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "RECYCLE", 200 << 20)
    detector = unruly(kept, "leak")
    made = pipeline(detector)
    assert not [failure for minute in range(6) for failure in made.step(poll(minute)).failures]
    assert 1 <= child_of(detector).restarts <= 3


def stats() -> Iterator[str]:
    """What the system says of every process: its name, its state, its parent, its group."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            yield path.read_text()


def test_the_children_of_a_child_end_with_it(kept: list[Any]) -> None:
    detector = unruly(kept, "fork")
    pipeline(detector).step(poll())
    pid = child_of(detector).pid
    assert pid is not None
    child_of(detector).close()
    patience = time.monotonic() + 10  # a killed process is there until the system next lets it run
    while not states(pid) <= {"Z"}:
        assert time.monotonic() < patience, states(pid)
        time.sleep(0.01)


def states(group: int) -> set[str]:
    """What the processes of a group do: `R` runs, `S` sleeps, `Z` has ended."""
    fields = [stat.rpartition(") ")[2].split() for stat in stats()]
    return {each[0] for each in fields if each[2] == str(group)}


def test_it_gets_no_secret_of_the_environment(kept: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODDS_API_KEY", "canary")
    detector = unruly(kept)
    with open(f"/proc/{child_of(detector).pid}/environ", "rb") as environ:
        assert b"canary" not in environ.read()


def test_a_normalizer_reads_the_same_in_a_child(kept: list[Any]) -> None:
    there = isolated_normalizer(UnrulyReader, PluginConfig())
    kept.append(there)
    assert there.normalize(poll()) == UnrulyReader(PluginConfig()).normalize(poll())
    sleepy = poll().__class__("t", "unruly", NOON, poll().request.__class__("/", {"act": "sleep"}), 200, b"")
    child_of(there).deadline = 0.3
    with pytest.raises(Elsewhere, match="was ended after"):
        there.normalize(sleepy)
    child_of(there)._not_before, child_of(there).deadline = 0.0, 10.0
    assert there.normalize(poll()).listings


def sink(kept: list[Any], act: str) -> Any:
    context = Lent("main.unruly", load([]), SystemTimer())
    found = isolated_sink(UnrulySink, Options(act=act, key=Secret("s3cret")), context)
    kept.append(found)
    return found


DELIVERIES = [Delivery(f"d{n}", signal(seen(), n)) for n in range(2)]


@pytest.mark.anyio
async def test_a_sink_delivers_in_a_child(kept: list[Any]) -> None:
    made = sink(kept, "")
    assert made.batch == 3
    assert made.wants(DELIVERIES[0].signal)
    assert made._judge is not None
    await made.open()
    pid, number, key = (await made.deliver(DELIVERIES)).split(":")
    assert (int(pid), number, key) == (child_of(made).pid, "2", "s3cret")
    await made.close()
    assert made._judge.pid is None or made._judge._running.process.poll() is not None


@pytest.mark.anyio
async def test_a_notice_is_sent_in_the_child_too(kept: list[Any]) -> None:
    made = sink(kept, "")
    assert type(made).notices
    with pytest.raises(DeliveryError, match=f"^{made._child.pid} Over a@b.org$") as failed:
        await made.notify(Notice("n1", "usage", "Over", "so much", 0, "a@b.org"))
    assert failed.value.disable


@pytest.mark.anyio
async def test_what_a_sink_says_of_a_failure_keeps_its_meaning(kept: list[Any]) -> None:
    with pytest.raises(DeliveryError, match="closed") as found:
        await sink(kept, "refuse").deliver(DELIVERIES)
    assert (found.value.retry_after, found.value.permanent, found.value.disable) == (7.0, True, False)


@pytest.mark.anyio
@pytest.mark.parametrize("act", ["wait", "spin", "leave"])
async def test_a_sink_that_does_not_return_is_ended_at_cores_deadline(kept: list[Any], act: str) -> None:
    made = sink(kept, act)
    with anyio.fail_after(30):
        error = await attempt(Target("main.unruly", made, "unruly"), lambda: made.deliver(DELIVERIES), 0.5)
    assert error is not None
    child_of(made).close()  # waits for the call that was given up
    child_of(made)._not_before = 0.0
    assert child_of(made).started().batch == 3
