"""Time in a pipeline: it only goes on, and what is remembered depends on it and on nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from stratumd.engine import Pipeline, Step
from stratumd.plugin import DAY, HOUR, MINUTE, Micros, Observation, PluginConfig, parse_iso
from stratumd.testing.harness import PlainNormalizer, detector, game, observation, spread

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel")
NFL = "americanfootball_nfl"


def pipeline() -> Pipeline:
    detectors = [detector("consensus"), detector("move"), detector("steam", min_age="0s")]
    return Pipeline("test", detectors, {"plain": PlainNormalizer(PluginConfig())})


def poll(at: Micros, line: float, *, source: str = "test", **options: Any) -> Observation:
    event = game(NOON + 10 * DAY, sport=NFL)
    return observation(
        NOON + at, {event: {book: [spread(line, 1.91, 1.91)] for book in BOOKS}}, source=source, **options
    )


def types(step: Step) -> set[str]:
    return {signal.type for signal in step.signals}


def resumed(steps: list[Step], lookback: Micros) -> Pipeline:
    """Return a pipeline that goes on after `steps` as after a restart."""
    fresh, last = pipeline(), steps[-1].at
    before = [step for step in steps if step.at <= last - lookback][-1:]
    for step in (*before, *[step for step in steps if step.at > last - lookback]):
        fresh.warm(step.observation, step.at)
    newest = {(change.component, change.event): change for step in steps for change in step.states}
    records = [record for step in steps for record in step.records]
    fresh.load(newest.values(), records, {each.event: step.at for step in steps for each in step.coverage})
    return fresh


def test_an_answer_that_is_stored_late_counts_as_received_when_it_was_taken() -> None:
    subject = pipeline()
    subject.step(poll(MINUTE, -3.5))
    late = subject.step(poll(0, -3.5, source="other"))
    assert late.at == NOON + MINUTE


def test_late_answers_do_not_hide_a_steam() -> None:
    subject = pipeline()
    subject.step(poll(0, -3.5))
    subject.step(poll(2 * MINUTE, -3.5))
    moved = subject.step(poll(MINUTE, -5.5, source="other"))
    assert not moved.failures
    assert "STEAM" in types(moved)


@pytest.mark.parametrize("pause", [20 * HOUR, 30 * HOUR])
@pytest.mark.parametrize("restart", [False, True])
def test_an_event_away_for_more_than_a_day_starts_anew(pause: Micros, restart: bool) -> None:
    """Its own observations decide that, whether or not the daemon was started again meanwhile."""
    subject = pipeline()
    other = {game(NOON + 10 * DAY, id="other", sport=NFL): {"fanduel": [spread(-1.5, 1.91, 1.91)]}}
    steps = [subject.step(poll(0, -2.5)), subject.step(observation(NOON + MINUTE, other))]
    steps += [subject.step(observation(NOON + hour * HOUR, other)) for hour in range(1, pause // HOUR)]
    if restart:
        subject = resumed(steps, subject.lookback)
    back = subject.step(poll(pause, -3.5))
    assert ("KEY_CROSS" in types(back)) is (pause < DAY)


def test_a_detector_without_what_it_needs_concludes_nothing() -> None:
    """Consensus fails once in between: the dislocation that holds all the time does not fire again."""
    detectors = [detector("consensus"), detector("dislocation", cooldown="1m")]
    subject = Pipeline("test", detectors, {"plain": PlainNormalizer(PluginConfig())})
    event = game(NOON + 10 * DAY, sport=NFL)
    books = {book: [spread(-3.5, 1.91, 1.91)] for book in BOOKS} | {"fanduel": [spread(-6.5, 1.91, 1.91)]}
    sound = detectors[0].detect
    found = []
    for minute in range(5):
        detectors[0].detect = sound if minute != 2 else lambda tick: 1 / 0
        found.append(types(subject.step(observation(NOON + minute * MINUTE, {event: books}))))
    assert found == [{"DISLOCATION"}, set(), set(), set(), set()]
