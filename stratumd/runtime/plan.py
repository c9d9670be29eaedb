"""What a new configuration changes of the running one: a pure comparison, component by component."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, TypeVar

from stratumd.config import Config, JobSpec, PipelineSpec, SinkSpec, When

S = TypeVar("S")


class Item(NamedTuple):
    """A component of a configuration."""

    kind: str
    """`source`, `pipeline`, `job`, `sink`, or `log`; in a daemon for HTTP alone `routes`, `log`, and each `pipeline`
    that they show."""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of every component."""

    start: tuple[Item, ...] = ()
    """New ones."""
    stop: tuple[Item, ...] = ()
    """Those that are no longer configured, or disabled."""
    restart: tuple[Item, ...] = ()
    """Those with other options, and those that had failed for good."""
    adjust: tuple[Item, ...] = ()
    """Those that take the change while they run: a sink's `when`, a pipeline's list of sinks, the log."""
    keep: tuple[Item, ...] = ()
    """Those that do not notice."""
    fixed: tuple[str, ...] = ()
    """What was changed and needs a restart of the daemon: its old value stays."""

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return bool(self.start or self.stop or self.restart or self.adjust)

    def listed(self) -> dict[str, list[str]]:
        """Return it as JSON values."""
        return {each.name: [str(item) for item in getattr(self, each.name)] for each in fields(self)}


def difference(old: Config, new: Config, off: Collection[tuple[str, str]] = ()) -> Plan:
    """Return what leads from `old` to `new`. `off` are the components (kind, name) that failed for good.

    These are started again although nothing of them changed: what they failed at may have been mended elsewhere.
    """
    told = [*_sources(old, new), *_pipelines(old, new), *_jobs(old, new), *_sinks(old, new), *_log(old, new)]
    revived = [(item, "restart" if fate == "keep" and item in off else fate) for item, fate in told]
    return _plan(revived, old, new)


def difference_beside(old: Config, new: Config) -> Plan:
    """Return the same for a daemon that serves HTTP alone: no part runs there, and its routes show other pipelines."""
    routes = [(Item("routes", each.name), "keep") for each in old.routes]
    return _plan([*routes, *_compared("pipeline", _read(old), _read(new), _shown), *_log(old, new)], old, new)


_FATES = ("start", "stop", "restart", "adjust", "keep")
_Told = Iterator[tuple[Item, str]]


def _plan(told: Iterable[tuple[Item, str]], old: Config, new: Config) -> Plan:
    listed = [*told]
    by_fate: dict[str, tuple[Item, ...]] = {
        fate: tuple(item for item, found in listed if found == fate) for fate in _FATES
    }
    return Plan(**by_fate, fixed=tuple(_fixed(old, new)))


def _sources(old: Config, new: Config) -> _Told:
    return _compared("source", old.enabled_sources(), new.enabled_sources(), _same)


def _pipelines(old: Config, new: Config) -> _Told:
    def fate(before: PipelineSpec, after: PipelineSpec) -> str:
        if _engine(before, old) != _engine(after, new):
            return "restart"
        return "keep" if before.sinks == after.sinks else "adjust"

    return _compared("pipeline", _running(old), _running(new), fate)


def _jobs(old: Config, new: Config) -> _Told:
    def circumstances(config: Config) -> dict[str, Any]:
        return {n: (spec, p.pricing, dict(p.operators)) for n, (p, spec) in jobs_of(config).items()}

    return _compared("job", circumstances(old), circumstances(new), _same)


def _sinks(old: Config, new: Config) -> _Told:
    return _compared("sink", sinks_of(old), sinks_of(new), _sink_fate)


def _log(old: Config, new: Config) -> _Told:
    if old.log != new.log:
        yield Item("log"), "adjust"


def _compared(kind: str, old: Mapping[str, S], new: Mapping[str, S], fate: Callable[[S, S], str]) -> _Told:
    for name in dict.fromkeys([*old, *new]):
        item = Item(kind, name)
        if name not in new:
            yield item, "stop"
        elif name not in old:
            yield item, "start"
        else:
            yield item, fate(old[name], new[name])


def _same(before: object, after: object) -> str:
    return "keep" if before == after else "restart"


def _shown(before: object, after: object) -> str:
    return "keep" if before == after else "adjust"


def _sink_fate(before: SinkSpec, after: SinkSpec) -> str:
    if replace(before, when=When()) != replace(after, when=When()):
        return "restart"
    return "keep" if before.when == after.when else "adjust"


def _running(config: Config) -> dict[str, PipelineSpec]:
    return {name: spec for name, spec in config.pipelines.items() if spec.runs}


def sinks_of(config: Config) -> dict[str, SinkSpec]:
    """Return the sinks that run, by name."""
    return {sink.name: sink for spec in _running(config).values() for sink in spec.sinks if sink.enabled}


def jobs_of(config: Config) -> dict[str, tuple[PipelineSpec, JobSpec]]:
    """Return the jobs that run, by name, each with its pipeline."""
    return {job.name: (spec, job) for spec in _running(config).values() for job in spec.jobs}


def _engine(spec: PipelineSpec, config: Config) -> tuple[Any, ...]:
    """Return what a pipeline's results depend on besides the observations."""
    normalizers = _normalizers({config.sources[name].component.format for name in spec.sources}, config)
    return (spec.sources, spec.detectors, spec.pricing, dict(spec.operators), spec.quality, spec.isolated, normalizers)


def _normalizers(formats: Iterable[str], config: Config) -> dict[str, type[Any]]:
    """Return the normalizers that read these formats; all, where a source brings formats that it does not name."""
    known = {name: registered.component for name, registered in config.registry.normalizers.items()}
    wanted = set(formats)
    return {name: known[name] for name in wanted} if wanted <= known.keys() else known


def _read(config: Config) -> dict[str, Any]:
    """Return what routes and reports read of the pipelines."""
    return {
        name: (spec.pricing, dict(spec.operators), [each.component for each in spec.detectors])
        for name, spec in config.pipelines.items()
    }


def _fixed(old: Config, new: Config) -> Iterator[str]:
    if (old.database.connect_url(), old.database.lease) != (new.database.connect_url(), new.database.lease):
        yield "database"
    if (old.http, old.routes) != (new.http, new.routes):
        yield "http"
