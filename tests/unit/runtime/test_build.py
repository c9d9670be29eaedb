"""Components are built from the configuration; a plugin whose constructor fails is named."""

from __future__ import annotations

from typing import Any

import pytest

from stratumd.config import DetectorSpec, PipelineSpec, SinkSpec, SourceSpec
from stratumd.errors import ConfigError, PluginError
from stratumd.observe.logs import logger
from stratumd.plugin import Context, Detector, PluginConfig, Sink, Source
from stratumd.registry import load
from stratumd.runtime.build import Lent, build_pipeline, build_sink, build_source
from tests.support.plugins import plugin
from tests.unit.runtime.virtual import VirtualTimer


class Options(PluginConfig):
    depth: int = 3


class Quiet(Source):
    name = "quiet"
    format = "plain"
    config = Options

    def poll(self) -> Any:
        raise NotImplementedError


class Deaf(Sink):
    name = "deaf"

    async def deliver(self, deliveries: Any) -> None: ...


class Broken(Detector):
    name = "broken"

    def __init__(self, options: Any) -> None:
        raise RuntimeError("no table")

    def detect(self, tick: Any) -> Any: ...


class BrokenSource(Quiet):
    name = "broken-source"

    def __init__(self, options: Any, context: Context) -> None:
        raise SystemExit(2)


REGISTRY = load([], extra=[plugin("quiet", Quiet), plugin("deaf", Deaf), plugin("broken", Broken)])
TIMER = VirtualTimer()


def test_a_source_gets_its_options_and_its_context() -> None:
    spec = SourceSpec("nba", "quiet", Quiet, Options(depth=5), None)
    feed = build_source(spec, REGISTRY, TIMER)
    assert feed.source.options.depth == 5
    assert feed.source.context.name == "nba"
    assert feed.source.context.clock.now() == TIMER.now()
    assert (feed.owner.name, feed.owner.plugin) == ("nba", "quiet")


def test_a_sink_keeps_the_name_that_its_delivery_rows_carry() -> None:
    outlet = build_sink(SinkSpec("main.deaf", "deaf", Deaf, PluginConfig()), REGISTRY, TIMER)
    assert (outlet.target.name, outlet.target.plugin) == ("main.deaf", "deaf")


def test_a_source_in_front_of_another() -> None:
    inner = Lent("demo", REGISTRY, TIMER).source("quiet", {"depth": 7})
    assert isinstance(inner, Quiet)
    assert inner.options.depth == 7


@pytest.mark.parametrize(
    ("use", "options", "message"),
    [("absent", {}, "is not loaded"), ("quiet", {"depth": "deep"}, "options of 'quiet': depth: ")],
)
def test_a_source_in_front_of_nothing_says_so(use: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Lent("demo", REGISTRY, TIMER).source(use, options)


def test_a_constructor_that_fails_is_named() -> None:
    spec = PipelineSpec("main", ("nba",), (DetectorSpec("broken", Broken, PluginConfig()),))
    with pytest.raises(PluginError, match="RuntimeError: no table") as caught:
        build_pipeline(spec, REGISTRY)
    assert (caught.value.plugin, caught.value.component) == ("broken", "broken")
    assert caught.value.where.startswith("test_build.py:")


def test_a_constructor_that_exits_is_contained() -> None:
    registry = load([], extra=[plugin("broken-source", BrokenSource)])
    with pytest.raises(PluginError, match="SystemExit: 2"):
        build_source(SourceSpec("nba", "broken-source", BrokenSource, Options(), None), registry, TIMER)


def test_a_plugins_log_says_whose_it_is() -> None:
    context = Lent("nba", REGISTRY, TIMER)
    assert type(context.log) is type(logger("any"))


class Forgetful(Detector):
    """Cannot say how far it looks back."""

    name = "forgetful"
    answer: Any = None

    @property
    def lookback(self) -> Any:
        if self.answer is None:
            raise RuntimeError("how far?")
        return self.answer

    def detect(self, tick: Any) -> Any: ...


@pytest.mark.parametrize(
    ("answer", "told"), [(None, "how far?"), ("10m", "microseconds"), (1.5, "microseconds"), (-1, "-1")]
)
def test_a_detector_that_cannot_say_how_far_it_looks_back_is_named(
    answer: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Forgetful, "answer", answer)
    registry = load([], extra=[plugin("forgetful", Forgetful)])
    spec = PipelineSpec("nba", ("feed",), (DetectorSpec("forgetful", Forgetful, PluginConfig()),))
    with pytest.raises(PluginError, match=told) as caught:
        build_pipeline(spec, registry)
    assert (caught.value.plugin, caught.value.component) == ("forgetful", "forgetful")
