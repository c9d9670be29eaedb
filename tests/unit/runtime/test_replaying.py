"""A replay into a store gets past what cannot be stored, as a running daemon does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stratumd.engine import Pipeline
from stratumd.plugin import HOUR, MINUTE, SECOND, Detector, Finding, Limits, Observation, PluginConfig, Tick
from stratumd.runtime.replaying import replay
from stratumd.store import Commit, Store, StoreRefused, open_reader, open_store
from stratumd.testing.harness import PlainNormalizer, game, observation, spread

START = 1_767_268_800_000_000
POLLS = 6


class Always(Detector):
    """Finds the same at every observation; the gate says what of it is new."""

    name = "always"

    def limits(self, type: str) -> Limits:
        return Limits(cooldown=2 * MINUTE, per_hour=100)

    def detect(self, tick: Tick) -> Iterator[Finding]:
        for market in tick.markets:
            yield Finding("FOUND", market.key, "home", "up", tick.at / SECOND, 1.0, ("fanduel",), 50, {})


class Refusing(Store):
    """Refuses what follows from some observations, whatever else is committed with it."""

    refused: tuple[int, ...] = ()

    def commit(self, commits: list[Commit]) -> None:
        times = {(commit.step.at - START) // MINUTE for commit in commits if commit.step.signals}
        if times & set(self.refused):
            raise StoreRefused("integer out of range")
        super().commit(commits)


def observations() -> list[Observation]:
    return [
        observation(START + minute * MINUTE, {game(START + 2 * HOUR): {"fanduel": [spread(-3.5 - minute, 1.9, 1.9)]}})
        for minute in range(POLLS)
    ]


def pipeline() -> Pipeline:
    return Pipeline("test", [Always(PluginConfig())], {"plain": PlainNormalizer(PluginConfig())})


def test_what_cannot_be_stored_is_left_out_and_the_rest_is_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'replay.db'}"
    fired = [step.at for step in replay(observations(), [pipeline()]) if step.signals]
    assert len(fired) > 1
    broken = (fired[1] - START) // MINUTE
    monkeypatch.setattr(Refusing, "refused", (broken,))
    monkeypatch.setattr("stratumd.store.opening.Store", Refusing)
    store = open_store(url)
    try:
        steps = list(replay(observations(), [pipeline()], store))
    finally:
        store.close()
    assert [step.observation.id for step in steps] == [each.id for each in observations()]
    named = [(failure.component, failure.error) for failure in steps[broken].failures]
    assert named == [("test", "StoreRefused: integer out of range")]
    assert steps[broken].signals == ()
    assert steps[broken + 1].signals, "the gate does not think that it has let the signal pass"
    reader = open_reader(url)
    try:
        assert [signal.id for signal in reader.signals()] == [signal.id for step in steps for signal in step.signals]
    finally:
        reader.close()
