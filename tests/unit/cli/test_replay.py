"""Ctrl-C ends a replay, although whatever is raised inside of an observation is contained."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from stratumd.cli.replay import _run
from stratumd.engine import Pipeline
from stratumd.plugin import HOUR, MINUTE, Detector, Finding, Observation, PluginConfig, Tick
from stratumd.testing.harness import PlainNormalizer, game, observation, spread

START = 1_767_268_800_000_000


class Interrupting(Detector):
    """While it runs, somebody presses Ctrl-C."""

    name = "interrupting"

    def detect(self, tick: Tick) -> list[Finding]:
        signal.raise_signal(signal.SIGINT)
        return []


def test_ctrl_c_ends_a_replay_after_the_observation_at_hand() -> None:
    taken: list[int] = []

    def observations() -> Iterator[Observation]:
        for minute in range(3):
            taken.append(minute)
            books = {"fanduel": [spread(-3.5 - minute, 1.91, 1.91)]}
            yield observation(START + minute * MINUTE, {game(START + HOUR): books})

    pipeline = Pipeline("test", [Interrupting(PluginConfig())], {"plain": PlainNormalizer(PluginConfig())})
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        _run(observations(), [pipeline], None)
    assert taken == [0]
    assert signal.getsignal(signal.SIGINT) is before
