"""A configuration that was read and found right: what the daemon is built from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stratumd.config.alerts import Alerts
from stratumd.config.digests import SignalDigest
from stratumd.config.models import Database, HttpSpec, LogSpec, QualityRules, Retention, When
from stratumd.config.schedules import Budget, Schedule
from stratumd.config.timetable import Timetable
from stratumd.errors import Problem
from stratumd.odds import Pricing
from stratumd.plugin import Detector, Job, PluginConfig, Severity, Sink, Source
from stratumd.plugin.routes import Routes
from stratumd.registry import Registry


@dataclass(frozen=True, slots=True)
class Absent:
    """A component that is left out because its plugin cannot be loaded, as its `on_error` asks for."""

    kind: str
    """`source`, `detector`, `sink` or `job`."""
    name: str
    """In the file; a pipeline's component begins with the pipeline's name and a dot."""
    reason: str
    again: bool
    """Whether it is tried again while the daemon runs."""
    plugin: str = ""
    """The plugin that cannot be loaded; empty where the component only needs what another one records."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source of the file."""

    name: str
    use: str
    component: type[Source]
    options: PluginConfig | None
    """None where the source is not enabled."""
    schedule: Schedule | None
    """None for a continuous source."""
    enabled: bool = True
    budget: Budget = field(default_factory=Budget)
    isolate: bool = False
    """Whether the normalizer that reads its answers runs in a process of its own."""


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """An enabled detector of a pipeline."""

    name: str
    component: type[Detector]
    options: PluginConfig
    isolate: bool = False
    """Whether it runs in a process of its own."""


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """A sink of a pipeline."""

    name: str
    """Unique in the file: the pipeline's name, a dot, and the sink's `name` or else its component."""
    use: str
    component: type[Sink]
    options: PluginConfig | None
    """None where the sink is not enabled, or its pipeline does not run."""
    when: When = field(default_factory=When)
    enabled: bool = True
    isolate: bool = False
    """Whether it runs in a process of its own."""
    notices: Severity | None = None
    """The daemon's own messages go here as well that matter so much or more; None for none."""
    digest: SignalDigest | None = None
    """Its signals come in one message a day or a week, too, or only so; None where they do not."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """An enabled job of a pipeline."""

    name: str
    """Unique in the file: the pipeline's name, a dot, and the component."""
    use: str
    component: type[Job]
    options: PluginConfig
    schedule: Timetable


@dataclass(frozen=True, slots=True)
class RoutesSpec:
    """Enabled routes of a plugin."""

    name: str
    component: type[Routes]
    options: PluginConfig


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A pipeline of the file."""

    name: str
    sources: tuple[str, ...]
    """The names of its enabled sources."""
    detectors: tuple[DetectorSpec, ...] = ()
    sinks: tuple[SinkSpec, ...] = ()
    pricing: Pricing = field(default_factory=Pricing)
    operators: Mapping[str, str] = field(default_factory=dict)
    """The operator of a book, by book key, where it differs from `stratumd.odds.OPERATORS`."""
    jobs: tuple[JobSpec, ...] = ()
    quality: QualityRules = field(default_factory=QualityRules)
    isolated: frozenset[str] = frozenset()
    """The formats whose normalizer runs in a process of its own."""

    @property
    def signal_types(self) -> tuple[str, ...] | None:
        """The types of signals that its detectors give; None where one does not say."""
        return signal_types([each.component for each in self.detectors])

    @property
    def runs(self) -> bool:
        """False where all its sources are disabled: then the pipeline is not started."""
        return bool(self.sources)


def signal_types(detectors: Iterable[type[Detector]]) -> tuple[str, ...] | None:
    """Return the types of signals that detectors give; None where one does not say.

    Without `signals`, one that records or annotates is there for that.
    """
    listed = [*detectors]
    if any(not (each.signals or each.provides or each.annotates) for each in listed):
        return None
    return tuple(dict.fromkeys(type for each in listed for type in each.signals))


@dataclass(frozen=True, slots=True)
class Config:
    """A whole file."""

    path: Path
    database: Database
    sources: Mapping[str, SourceSpec]
    pipelines: Mapping[str, PipelineSpec]
    http: HttpSpec | None
    log: LogSpec
    registry: Registry
    warnings: tuple[Problem, ...] = ()
    absent: tuple[Absent, ...] = ()
    """What is left out because its plugin cannot be loaded."""
    retention: Retention | None = None
    """None where everything is kept for ever."""
    routes: tuple[RoutesSpec, ...] = ()
    """What plugins answer over HTTP."""
    alerts: Alerts = field(default_factory=Alerts)
    """What the operator is told by itself."""

    @property
    def signal_types(self) -> tuple[str, ...] | None:
        """The types of signals that the pipelines give; None where a detector does not say, or is left out."""
        given = [each.signal_types for each in self.pipelines.values()]
        if None in given or any(each.kind == "detector" for each in self.absent):
            return None
        return tuple(sorted({type for types in given for type in types or ()}))

    def enabled_sources(self) -> dict[str, SourceSpec]:
        """Return the sources that are to be polled."""
        return {name: source for name, source in self.sources.items() if source.enabled}
