"""From the configuration to live components."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError

from stratumd.config import Budget, DetectorSpec, PipelineSpec, SinkSpec, SourceSpec, When
from stratumd.config.digests import SignalDigest
from stratumd.config.models import QualityRules
from stratumd.engine import Pipeline
from stratumd.engine.quality import Bounds
from stratumd.errors import ConfigError, PluginError, StratumError
from stratumd.observe.logs import logger
from stratumd.odds import Pricing
from stratumd.plugin import Clock, Cycle, Detector, Log, Normalizer, Purse, Severity, Signal, Sink, Source
from stratumd.redaction import described, learn
from stratumd.registry import Registered, Registry
from stratumd.runtime.attempts import Target
from stratumd.runtime.blame import blame
from stratumd.runtime.calls import Owner
from stratumd.runtime.isolation.components import isolated_detector, isolated_normalizer, isolated_sink
from stratumd.runtime.till import Till

C = TypeVar("C")


class Lent:
    """What core lends to a source or a sink: the `Context` of the contract."""

    def __init__(
        self, name: str, registry: Registry, clock: Clock, ended: Container[str] = (), purse: Purse | None = None
    ) -> None:
        self.name = name
        self.purse: Purse = purse or Till(name, Budget(), clock)
        self._ended = ended
        self.clock = clock
        self.log: Log = logger("stratumd.plugin", component=name)
        self._registry = registry

    def source(self, use: str, options: Mapping[str, Any]) -> Source:
        """Build another plugin's source, for a source that stands in front of it."""
        registered = self._registry.sources.get(use)
        if registered is None:
            raise ConfigError(f"{self.name}: the source {use!r} is not loaded; name its plugin in 'requires'")
        try:
            checked = registered.component.config.model_validate(dict(options))
        except ValidationError as error:
            raise ConfigError(f"{self.name}: options of {use!r}: {_first(error)}") from error
        learn(checked)
        source: Source = registered.component(checked, self)
        return source

    def is_over(self, event: str) -> bool:
        """Say whether the event is known to be final or cancelled."""
        return event in self._ended


@dataclass(frozen=True, slots=True)
class Feed:
    """A source that was built."""

    source: Source
    owner: Owner
    till: Till
    """What its requests are paid from."""
    cycles: tuple[Cycle, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlet:
    """A sink that was built, and which signals it gets."""

    target: Target
    owner: Owner
    when: When
    notices: Severity | None = None
    """The daemon's own messages go there as well that matter so much or more; None for none."""
    digest: SignalDigest | None = None
    """Its signals come in one message a day or a week, too, or only so; None where they do not."""

    @property
    def singly(self) -> bool:
        """Whether its signals are delivered one by one."""
        return self.digest is None or not self.digest.only

    def wants(self, signal: Signal) -> bool:
        """Say whether `signal` is to come here, by itself or in a digest. Raises what the sink's code raises."""
        sink = self.target.sink
        return self.when.admits(signal, sink.shadow) and sink.wants(signal)


def build_source(spec: SourceSpec, registry: Registry, clock: Clock, ended: Container[str] = ()) -> Feed:
    """Build a source that is told which events have `ended`. `PluginError` where its code fails."""
    registered = registry.sources[spec.use]
    till = Till(spec.name, spec.budget, clock)
    context = Lent(spec.name, registry, clock, ended, till)
    source = _built(registered, spec.name, partial(spec.component, spec.options, context))
    cycles = _built(registered, spec.name, partial(cycles_of, spec))
    return Feed(source, Owner(source, spec.name, registered.plugin, registered.version), till, cycles)


def cycles_of(spec: SourceSpec) -> tuple[Cycle, ...]:
    """Return the cycles that a source's options ask for."""
    return tuple(spec.component.cycles(spec.options))


def build_sink(spec: SinkSpec, registry: Registry, clock: Clock) -> Outlet:
    """Build a sink. `PluginError` where its code fails."""
    registered = registry.sinks[spec.use]
    context = Lent(spec.name, registry, clock)
    make: Callable[..., Sink] = partial(isolated_sink, spec.component) if spec.isolate else spec.component
    sink = _built(registered, spec.name, partial(make, spec.options, context))
    owner = Owner(sink, spec.name, registered.plugin, registered.version)
    target = Target(spec.name, sink, registered.plugin, registered.version)
    return Outlet(target, owner, spec.when, spec.notices, spec.digest)


def build_pipeline(spec: PipelineSpec, registry: Registry) -> Pipeline:
    """Build a pipeline with an empty board. `PluginError` where a plugin's code fails."""
    detectors: list[Detector] = [
        _built(registry.detectors[each.name], each.name, partial(_detector, each, spec.pricing))
        for each in spec.detectors
    ]
    normalizers: dict[str, Normalizer] = {
        name: _built(registered, name, partial(_unconfigured, registered, isolate=name in spec.isolated))
        for name, registered in registry.normalizers.items()
    }
    return Pipeline(
        spec.name,
        detectors,
        normalizers,
        pricing=spec.pricing,
        operators=spec.operators,
        bounds=_bounds(spec.quality),
        describe=described,
    )


def build_judge(spec: PipelineSpec, registry: Registry) -> Pipeline:
    """Build a pipeline without its detectors: it says only what is wrong with quotes."""
    normalizers = {name: build_normalizer(name, registry) for name in registry.normalizers}
    bounds = _bounds(spec.quality)
    return Pipeline(
        spec.name, (), normalizers, pricing=spec.pricing, operators=spec.operators, bounds=bounds, describe=described
    )


def _bounds(rules: QualityRules) -> Bounds:
    return Bounds(rules.min_hold, rules.max_hold, rules.max_movement, rules.reject_invalid)


def build_normalizer(name: str, registry: Registry) -> Normalizer:
    """Build a normalizer by itself. `PluginError` where a plugin's code fails."""
    registered = registry.normalizers[name]
    return _built(registered, name, partial(_unconfigured, registered, isolate=False))


def _detector(spec: DetectorSpec, pricing: Pricing) -> Detector:
    """Build a detector, and ask it for its lookback here, where it is named if it fails to say."""
    kind, options = spec.component, spec.options
    detector = isolated_detector(kind, options, pricing) if spec.isolate else kind(options)
    lookback: object = detector.lookback
    if not isinstance(lookback, int) or lookback < 0:
        raise TypeError(f"'lookback' must be microseconds as a whole number, not {lookback!r}")
    return detector


def _unconfigured(registered: Registered, *, isolate: bool) -> Normalizer:
    kind: type[Normalizer] = registered.component
    return isolated_normalizer(kind, kind.config()) if isolate else kind(kind.config())


def _built(registered: Registered, name: str, build: Callable[[], C]) -> C:
    try:
        return build()
    except StratumError:
        raise
    except BaseException as error:  # a plugin may raise anything
        raise _blamed(registered, name, error) from error


def _blamed(registered: Registered, name: str, error: BaseException) -> PluginError:
    kind = registered.component
    return blame(error, kind, name=name, plugin=registered.plugin, version=registered.version)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
