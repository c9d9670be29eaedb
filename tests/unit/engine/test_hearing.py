"""Detectors hear the news of their topics, no older than their lookback, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from stratumd.plugin import (
    HOUR,
    MINUTE,
    Detector,
    Finding,
    Micros,
    News,
    Normalizer,
    Observation,
    PluginConfig,
    Request,
    Snapshot,
    Tick,
    Told,
)
from stratumd.testing.harness import Harness, game, moneyline, observation

AT: Micros = 1_784_000_000_000_000
QUOTES = {game(AT + 8 * HOUR): {"a": [moneyline(1.9, 1.9)]}}


class Gossip(Normalizer):
    name = "gossip"

    def normalize(self, observation: Observation) -> Snapshot:
        return Snapshot(None, [], [], news=[msgspec.json.decode(observation.body, type=News)])


class Listener(Detector):
    name, hears, lookback = "listener", ("weather",), 10 * MINUTE

    def __init__(self) -> None:
        super().__init__(PluginConfig())
        self.heard: list[Mapping[str, Told]] = []

    def detect(self, tick: Tick) -> Iterable[Finding]:
        self.heard.append(tick.news)
        return ()


class Deaf(Listener):
    name, hears = "deaf", ()


def said(minute: int, topic: str = "weather", sport: str = "basketball_nba", source: str = "x") -> Observation:
    body = msgspec.json.encode(News(sport, topic, source, {}))
    return Observation("gossip", "gossip", AT + minute * MINUTE, Request("/"), 200, body)


def heard(*told: Observation, minute: int = 5) -> Mapping[str, Told]:
    """Return what a detector hears at odds of a minute; one after it that hears nothing must not."""
    listener, deaf = Listener(), Deaf()
    harness = Harness([listener, deaf], [Gossip(PluginConfig())])
    harness.run([*told, observation(AT + minute * MINUTE, QUOTES)])
    assert [dict(each) for each in deaf.heard] == [{}]
    return listener.heard[-1]


def test_the_newest_word_on_its_topic_is_heard() -> None:
    found = heard(said(0), said(1, source="y"))
    assert [(topic, told.at, told.news.source) for topic, told in found.items()] == [("weather", AT + MINUTE, "y")]


def test_other_topics_and_other_sports_are_not() -> None:
    assert not heard(said(0, topic="traffic"), said(0, sport="baseball_mlb"))


def test_what_is_older_than_the_lookback_is_not() -> None:
    assert heard(said(0), minute=10)
    assert not heard(said(0), minute=11)
