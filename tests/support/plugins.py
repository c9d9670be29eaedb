"""Small plugins for tests, made without being installed: `load(…, extra=[module])` registers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from types import ModuleType
from typing import Any, Literal

import msgspec
from pydantic import Field, field_validator

from stratumd import hookimpl
from stratumd.plugin import (
    Component,
    Delivery,
    Detector,
    Normalizer,
    Observation,
    PluginConfig,
    Poll,
    Secret,
    Signal,
    Sink,
    Snapshot,
    Source,
    Tick,
)
from stratumd.plugin.components import Yield

_HOOKS = {"sources": Source, "normalizers": Normalizer, "detectors": Detector, "sinks": Sink}


def plugin(name: str, *components: Any, **functions: Any) -> ModuleType:
    """Return a module that is the plugin `name`, with `components`, and with `functions` as further hooks."""
    module = ModuleType(f"stratumd_{name.replace('-', '_')}")
    for plural, base in _HOOKS.items():
        provided = [component for component in components if issubclass(component, base)]
        if provided:
            setattr(module, f"register_{plural}", hookimpl(_returning(provided)))
    for hook, function in functions.items():
        setattr(module, hook, hookimpl(function))
    return module


def _returning(provided: list[type[Component]]) -> Any:
    def hook() -> list[type[Component]]:
        return provided

    return hook


class Budget(PluginConfig):
    daily: int = Field(default=100, ge=1)
    pause: timedelta = timedelta(minutes=1)


class FeedOptions(PluginConfig):
    api_key: Secret
    sports: tuple[str, ...] = Field(min_length=1)
    timeout: timedelta = timedelta(seconds=10)
    shape: Literal["short", "long"] = "short"
    host: str | None = None
    quota: Budget = Budget()
    limits: dict[str, int] = Field(default_factory=dict)

    @field_validator("host")
    @classmethod
    def _no_scheme(cls, host: str | None) -> str | None:
        if host is not None and "://" in host:
            raise ValueError(f"{host} must not have a scheme")
        return host


class Feed(Source):
    name, config, format = "feed", FeedOptions, "feed"

    async def poll(self) -> AsyncIterator[Poll]:
        never: list[Poll] = []
        for poll in never:
            yield poll


class TapeOptions(PluginConfig):
    files: tuple[str, ...]


class Tape(Source):
    name, config, format = "tape", TapeOptions, "feed"
    continuous = True
    requires = ("feed",)

    async def poll(self) -> AsyncIterator[Poll]:
        never: list[Poll] = []
        for poll in never:
            yield poll


class FeedReader(Normalizer):
    name = "feed"

    def normalize(self, observation: Observation) -> Snapshot:
        return Snapshot(scope=None, listings=[], issues=[])


class AverageOptions(PluginConfig):
    min_books: int = Field(default=5, ge=2, le=50)
    window: timedelta = timedelta(minutes=3)
    weights: dict[str, float] = Field(default_factory=dict)


class Average(Detector):
    name, config = "average", AverageOptions
    provides = ("average",)

    def detect(self, tick: Tick) -> Iterable[Yield]:
        return ()


class Shown(msgspec.Struct):
    value: float


class GapOptions(PluginConfig):
    threshold: float = Field(default=1.0, gt=0)


class Gap(Detector):
    name, config = "gap", GapOptions
    needs = ("average",)
    signals = {"GAP": Shown, "CHASM": Shown}

    def detect(self, tick: Tick) -> Iterable[Yield]:
        return ()


class PostOptions(PluginConfig):
    webhook: Secret
    batch: int = 10


class Post(Sink):
    name, config = "post", PostOptions

    def wants(self, signal: Signal) -> bool:
        return True

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        return None


FAKES = (
    plugin("feed", Feed, FeedReader),
    plugin("tape", Tape),
    plugin("average", Average),
    plugin("gap", Gap),
    plugin("post", Post),
)
"""A feed with a secret, a continuous tape that needs it, two detectors in order, and a sink with a secret."""
