"""What fails too often is left out for a while, in observed time, and a restart or a replay leaves out the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from stratumd.engine import Pipeline, Step
from stratumd.engine.quarantine import LEFT_OUT, MOST
from stratumd.plugin import HOUR, MINUTE, SECOND, Detector, Micros, Observation, PluginConfig, Tick, parse_iso
from stratumd.testing.harness import PlainNormalizer, game, observation, spread
from tests.unit.engine.test_containment import Healthy

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
OFTEN = 2 * SECOND


class Sick(Detector):
    """Fails while it is told to."""

    name = "sick"
    provides = ("health",)

    def __init__(self, fails: Callable[[Tick], bool]) -> None:
        super().__init__(PluginConfig())
        self.fails = fails
        self.asked: list[Micros] = []

    def detect(self, tick: Tick) -> Iterable[Any]:
        self.asked.append(tick.at)
        if self.fails(tick):
            raise ValueError("no")
        return ()


class Needy(Healthy):
    name = "needy"
    needs = ("health",)


class Blind(PlainNormalizer):
    """Reads nothing."""

    def normalize(self, observation: Observation) -> Any:
        raise LookupError("where?")


def poll(at: Micros) -> Observation:
    return observation(at, {game(NOON + 9 * HOUR): {"fanduel": [spread(-3.5 - at % 7, 1.91, 1.91)]}})


def pipeline(sick: Sick, normalizer: type[PlainNormalizer] = PlainNormalizer) -> Pipeline:
    detectors = [sick, Needy(PluginConfig()), Healthy(PluginConfig())]
    return Pipeline("test", detectors, {"plain": normalizer(PluginConfig())})


def run(made: Pipeline, start: Micros, count: int, every: Micros = OFTEN) -> list[Step]:
    return [made.step(poll(start + number * every)) for number in range(count)]


def always(tick: Tick) -> bool:
    return True


def never(tick: Tick) -> bool:
    return False


def skipped(step: Step) -> list[str]:
    return [each.component for each in step.failures if each.error.startswith(LEFT_OUT)]


def test_a_detector_that_fails_twenty_times_a_minute_is_left_out_and_the_others_go_on() -> None:
    sick = Sick(always)
    steps = run(pipeline(sick), NOON, MOST + 5)
    assert len(sick.asked) == MOST
    assert [skipped(step) for step in steps[MOST:]] == [["sick"]] * 5
    (row,) = steps[-1].failures
    assert (row.component, row.event) == ("sick", None)
    assert row.error == "left out: ValueError: no"
    assert row.where.startswith("test_quarantine.py:")
    assert all(step.coverage for step in steps)


def test_who_needs_its_records_is_not_judged_and_nobody_else_notices() -> None:
    with_it = run(pipeline(Sick(always)), NOON, MOST + 5)
    assert {signal.detector for step in with_it for signal in step.signals} == {"healthy"}


@pytest.mark.parametrize("every", [4 * SECOND, MINUTE])
def test_one_that_fails_less_often_is_asked_every_time(every: Micros) -> None:
    sick = Sick(always)
    run(pipeline(sick), NOON, 3 * MOST, every)
    assert len(sick.asked) == 3 * MOST


def test_it_is_tried_again_after_a_while_and_each_time_later() -> None:
    sick = Sick(always)
    made = pipeline(sick)
    run(made, NOON, MOST)
    out = NOON + (MOST - 1) * OFTEN
    run(made, NOON + MOST * OFTEN, 20 * 30)
    trials = [at for at in sick.asked if at > out]
    assert [trial - out for trial in trials[:4]] == [MINUTE, 3 * MINUTE, 7 * MINUTE, 15 * MINUTE]


def test_one_good_answer_brings_it_back() -> None:
    sick = Sick(lambda tick: tick.at < NOON + MINUTE)
    made = pipeline(sick)
    run(made, NOON, 120)
    assert not made.quarantine.out
    assert sick.asked[-1] == NOON + 119 * OFTEN
    assert len(sick.asked) > MOST + 30


def test_a_normalizer_is_left_out_too() -> None:
    made = pipeline(Sick(never), Blind)
    steps = run(made, NOON, MOST + 3)
    assert [skipped(step) for step in steps[MOST:]] == [["plain"]] * 3
    assert not any(step.coverage for step in steps)


def test_a_restart_leaves_out_the_same() -> None:
    whole = run(pipeline(Sick(always)), NOON, 200)
    made, states = pipeline(Sick(always)), {}
    steps: list[Step] = []
    for number in range(200):
        if number % 7 == 3:
            made = pipeline(Sick(always))
            made.load(states.values())
        steps.append(made.step(poll(NOON + number * OFTEN)))
        states |= {(each.component, each.event): each for each in steps[-1].states}
    assert [step.failures for step in steps] == [step.failures for step in whole]


def test_what_only_a_clock_sees_is_put_there_and_a_replay_obeys_the_rows() -> None:
    sick, made = Sick(never), pipeline(Sick(never))
    first = run(made, NOON, 3)
    made.quarantine.put("sick", made.now, "no answer within 5 s", "sick.py:7")
    steps = [*first, *run(made, NOON + 3 * OFTEN, 60)]
    left_out = [step.observation.received_at for step in steps if skipped(step)]
    assert left_out == [NOON + (3 + n) * OFTEN for n in range(29)]

    again = pipeline(sick)
    replayed = [again.step(step.observation, obey=step.failures) for step in steps]
    assert [step.failures for step in replayed] == [step.failures for step in steps]
    assert [step.signals for step in replayed] == [step.signals for step in steps]
    assert not set(sick.asked) & set(left_out)


def test_a_row_of_one_event_is_obeyed_at_that_event() -> None:
    sick = Sick(never)
    lived = pipeline(Sick(always)).step(poll(NOON))
    again = pipeline(sick).step(lived.observation, obey=lived.failures)
    assert sick.asked == []
    assert (again.failures, again.signals, again.changes) == (lived.failures, lived.signals, lived.changes)


def test_nothing_is_stored_while_nothing_fails() -> None:
    assert not [each for step in run(pipeline(Sick(never)), NOON, 5) for each in step.states if not each.event]
