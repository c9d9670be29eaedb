"""The watchdog names the line of a plugin that blocks the event loop or a step, and nothing of those that do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stratumd.engine import Pipeline
from stratumd.plugin import PluginConfig
from stratumd.registry import Registered, Registry
from stratumd.runtime.plugin_code import PluginCode
from stratumd.runtime.quarantines import LeftOut, show_block
from stratumd.runtime.states import State
from stratumd.runtime.watchdog import Block, Watchdog
from stratumd.testing.harness import PlainNormalizer, game, observation, spread
from tests.support import unruly
from tests.support.unruly import Options, Unruly
from tests.unit.runtime.bench import core

NOON = 1_768_046_400_000_000
HERE = "unruly.py"


class Places(PluginCode):
    """Takes the tests' own module for a plugin's; the package that it is in holds other things, too."""

    def owner(self, file: str) -> tuple[str, str] | None:
        return ("unruly", "1.0") if file == unruly.__file__ else None


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long takes as little as shows it."""
    monkeypatch.setattr(unruly, "NAP", 1.0)


def watchdog(limit: float = 0.1, deadline: float = 0.25, clock: Callable[[], float] = time.monotonic) -> Watchdog:
    registry = Registry(detectors={"unruly": Registered(Unruly, "unruly", "1.0")})
    return Watchdog(Places(lambda: registry), limit=limit, deadline=deadline, look=0.02, clock=clock)


def steps(dog: Watchdog) -> list[Block]:
    """Return what was told of steps; the tests' own thread has no event loop that beats."""
    return [block for block in dog.blocks if block.what == "main"]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


@contextmanager
def stepping(dog: Watchdog, act: str) -> Iterator[threading.Thread]:
    """Step one observation in a thread, with a detector that does `act`."""
    made = Pipeline("main", [Unruly(Options(act=act))], {"plain": PlainNormalizer(PluginConfig())})

    def run() -> None:
        with dog.stepping("main"):
            made.step(observation(NOON, {game(NOON + 3_600_000_000): {"fanduel": [spread(-3.5, 1.91, 1.91)]}}))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield thread
    thread.join()


@pytest.mark.parametrize("act", ["nap", "work"])
def test_a_detector_that_takes_long_is_named_by_its_line_and_found_overdue(act: str) -> None:
    dog = watchdog()
    with dog.watching(), stepping(dog, act):
        until(lambda: any(block.seconds >= 0.25 for block in steps(dog)))
        block = steps(dog)[0]
        assert (block.what, block.plugin, block.version, block.component) == ("main", "unruly", "1.0", "unruly")
        name, _, line = block.where.partition(":")
        assert name == HERE
        text = Path(unruly.__file__).read_text().splitlines()[int(line) - 1]
        assert "sleep(NAP)" in text if act == "nap" else "monotonic() < end" in text or "sum(" in text
    with dog.watching():
        until(lambda: steps(dog)[-1].ended)
    (late,) = dog.overdue("main")
    assert late.component == "unruly"
    assert dog.overdue("main") == []


def test_one_that_is_quick_is_not() -> None:
    """However much time goes by between the steps, and however slow the machine is: in them, none does."""
    time_of = [0.0]
    dog = watchdog(clock=lambda: time_of[0])
    with dog.watching():
        for _ in range(5):
            with stepping(dog, "signal"):
                time.sleep(0.03)
            time_of[0] += 60.0
    assert not steps(dog)


def test_the_loop_that_stands_still_is_named_by_the_line_it_stands_at() -> None:
    dog = watchdog()
    with dog.watching():
        unruly.act("nap")

        def turns() -> bool:
            dog.beat()
            return bool(dog.blocks) and dog.blocks[-1].ended

        until(turns)
    first = dog.blocks[0]
    assert (first.what, first.plugin, first.component) == ("event loop", "unruly", "unruly")
    assert first.where.startswith(HERE)


def test_what_blocks_is_shown_and_left_out_once_it_took_too_long() -> None:
    shared = core()
    shared.states.put("pipeline", "main", State.OK)
    block = Block("main", "unruly", "1.0", "unruly", "unruly.py:7", 6.0)
    show_block(shared, block)
    state = shared.states.get("pipeline", "main")
    assert state.state is State.RECOVERABLE_ERROR
    assert "unruly.py:7" in state.reason
    show_block(shared, block._replace(ended=True, seconds=7.0))
    assert shared.states.get("pipeline", "main").state is State.OK
    assert "blocked the pipeline main for 7.0 s" in shared.journal.faults["unruly"].error

    made = Pipeline("main", [Unruly(Options())], {"plain": PlainNormalizer(PluginConfig())})
    shared.watchdog._overdue["main"] = {"unruly": block}
    left_out = LeftOut("main", shared)
    left_out.overdue(made)
    left_out.show(made)
    shown = shared.states.get("component", "main.unruly")
    assert (shown.state, "no answer within 5 s" in shown.reason) == (State.RECOVERABLE_ERROR, True)
    made.quarantine.out.clear()
    left_out.show(made)
    assert not [each for each in shared.states if each.kind == "component"]


def test_who_holds_the_interpreter_itself_is_named_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread can look meanwhile; the first look after it finds the line, unless the step is over by then."""
    monkeypatch.setattr("stratumd.runtime.watchdog.HELD", 0.1)
    dog = watchdog()
    patience = time.monotonic() + 30
    with dog.watching():
        while not any(block.ended for block in steps(dog)):
            assert time.monotonic() < patience, "it never came"
            with stepping(dog, "hold") as thread:
                thread.join()
    block = next(block for block in steps(dog) if block.ended)
    number = int(block.where.removeprefix(f"{HERE}:"))
    assert "re.match" in Path(unruly.__file__).read_text().splitlines()[number - 1]
    assert block.seconds > 0.1


def test_nobody_is_blamed_for_a_time_in_which_the_process_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when it was frozen: time went by, and none of it was worked."""
    monkeypatch.setattr("stratumd.runtime.watchdog.HELD", 0.1)
    monkeypatch.setattr("stratumd.runtime.watchdog.time.process_time", lambda: 0.0)
    dog = watchdog(limit=60.0, deadline=60.0)
    with dog.watching(), stepping(dog, "hold"):
        pass
    assert not steps(dog)
