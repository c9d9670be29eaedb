"""Plugins: found by their entry points without importing them, loaded one by one, each in its own `try`."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from types import ModuleType
from typing import Any, NamedTuple

import pluggy

from stratumd import hookspecs
from stratumd.errors import PluginError
from stratumd.plugin import Component, Detector, Job, Normalizer, PluginConfig, Report, Sink, Source, Strategy
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Routes

GROUP = "stratumd.plugins"
"""The entry point group in which a distribution names its plugins."""

RESERVED = {
    "source": frozenset({"use", "enabled", "schedule", "budget", "isolate", "on_error"}),
    "normalizer": frozenset[str](),
    "detector": frozenset({"enabled", "isolate", "on_error"}),
    "sink": frozenset({"enabled", "name", "when", "notices", "digest", "isolate", "on_error"}),
    "job": frozenset({"enabled", "schedule", "on_error"}),
    "report": frozenset[str](),
    "strategy": frozenset[str](),
    "routes": frozenset({"enabled"}),
    "operation": frozenset[str](),
}
"""Keys that stand beside a component's options in the file and belong to core."""


class _Kind(NamedTuple):
    hook: str
    base: type[Component]
    method: str
    """What a component of this kind must define."""


_KINDS = {
    "source": _Kind("register_sources", Source, "poll"),
    "normalizer": _Kind("register_normalizers", Normalizer, "normalize"),
    "detector": _Kind("register_detectors", Detector, "detect"),
    "sink": _Kind("register_sinks", Sink, "deliver"),
    "job": _Kind("register_jobs", Job, "run"),
    "report": _Kind("register_reports", Report, "answer"),
    "strategy": _Kind("register_strategies", Strategy, "should_bet"),
    "routes": _Kind("register_routes", Routes, "endpoints"),
    "operation": _Kind("register_operations", Operation, "run"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that is installed; nothing of it has been imported."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint
    rivals: tuple[str, ...] = ()
    """Other distributions (`name version`) that use the same name: then none of them is loaded."""

    @property
    def page(self) -> str:
        """Where its distribution says that it is described: the URL of its documentation or homepage, else its name."""
        dist = self.entry_point.dist
        said = [each.partition(",") for each in (dist.metadata.get_all("Project-URL") if dist else None) or ()]
        urls = {label.strip().lower(): url.strip() for label, _, url in said}
        return urls.get("documentation") or urls.get("homepage") or self.distribution


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin that was imported and registered."""

    name: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A component that a plugin provides."""

    component: type[Any]
    plugin: str
    version: str
    """The version of the plugin's distribution."""


@dataclass(slots=True)
class Registry:
    """What the loaded plugins provide, by kind and name, and what could not be loaded."""

    available: tuple[str, ...] = ()
    """The names of all plugins that could be loaded."""
    plugins: list[Loaded] = field(default_factory=list)
    failures: list[PluginError] = field(default_factory=list)
    sources: dict[str, Registered] = field(default_factory=dict)
    normalizers: dict[str, Registered] = field(default_factory=dict)
    detectors: dict[str, Registered] = field(default_factory=dict)
    sinks: dict[str, Registered] = field(default_factory=dict)
    jobs: dict[str, Registered] = field(default_factory=dict)
    reports: dict[str, Registered] = field(default_factory=dict)
    strategies: dict[str, Registered] = field(default_factory=dict)
    routes: dict[str, Registered] = field(default_factory=dict)
    operations: dict[str, Registered] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, Registered]:
        """Return the components of a kind: `source`, `detector`, `strategy` and so on."""
        return {
            "source": self.sources,
            "normalizer": self.normalizers,
            "detector": self.detectors,
            "sink": self.sinks,
            "job": self.jobs,
            "report": self.reports,
            "strategy": self.strategies,
            "routes": self.routes,
            "operation": self.operations,
        }[kind]

    def components(self) -> Iterator[tuple[str, Registered]]:
        """Yield every component with its kind."""
        for kind in _KINDS:
            yield from ((kind, registered) for registered in self.of(kind).values())

    def failure(self, plugin: str) -> PluginError | None:
        """Return why `plugin` is not there, or None."""
        return next((failure for failure in self.failures if failure.plugin == plugin), None)


def discover() -> dict[str, Found]:
    """Return the installed plugins by name, in order of name, without importing any."""
    found: dict[str, Found] = {}
    owner_of = cache(_owner)  # the points of a distribution share it, and each look into it reads the whole file
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        distribution, version = owner_of(point.dist)
        first = found.get(point.name)
        if first is None:
            found[point.name] = Found(point.name, distribution, version, point)
        else:
            rivals = (*first.rivals, f"{distribution} {version}")
            found[point.name] = Found(first.name, first.distribution, first.version, first.entry_point, rivals)
    return found


def _owner(distribution: Distribution | None) -> tuple[str, str]:
    """Return the name and the version of a distribution."""
    return ("unknown", "") if distribution is None else (distribution.name, distribution.version)


def load(names: Iterable[str], *, extra: Iterable[ModuleType] = ()) -> Registry:
    """Load the plugins of these names and those that they require; nothing else is imported.

    A plugin that fails is left out and stands in `failures`; the others go on. Modules in `extra` are plugins
    without being installed: `stratumd_some_name` is the plugin `some-name`.
    """
    loader = _Loader(extra)
    loader.run(names)
    return loader.registry


def plugin_of(component: str) -> str:
    """Return the name of the plugin that a component's name in the configuration belongs to."""
    return component.partition(".")[0]


class _Loader:
    def __init__(self, extra: Iterable[ModuleType]) -> None:
        self.found = discover()
        self.extra = {
            module.__name__.rpartition(".")[2].removeprefix("stratumd_").replace("_", "-"): module for module in extra
        }
        self.registry = Registry(available=tuple(sorted({*self.found, *self.extra})))
        self.manager = pluggy.PluginManager("stratumd")
        self.manager.add_hookspecs(hookspecs)

    def run(self, names: Iterable[str]) -> None:
        waiting, seen = [*names, *self.extra], set[str]()
        while waiting:
            name = waiting.pop(0)
            if name not in seen:
                seen.add(name)
                self._attempt(name)
                waiting += self._needed_by(name)
        self._drop_incomplete()

    def _needed_by(self, plugin: str) -> list[str]:
        """Name what the plugin requires, and the plugins that read what its sources fetch."""
        names: list[str] = []
        for kind, registered in self.registry.components():
            if registered.plugin == plugin:
                names += registered.component.requires
                if kind == "source" and plugin_of(registered.component.format) in self.registry.available:
                    names.append(plugin_of(registered.component.format))
        return names

    def _attempt(self, name: str) -> None:
        origin = self._origin(name)
        try:
            components = self._components(origin)
        except PluginError as error:
            self.registry.failures.append(error)
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            return
        self.registry.plugins.append(origin)
        for kind, component in components:
            self.registry.of(kind)[component.name] = Registered(component, name, origin.version)

    def _origin(self, name: str) -> Loaded:
        if name in self.extra:
            module = self.extra[name]
            return Loaded(name, module.__name__, getattr(module, "__version__", ""))
        found = self.found.get(name)
        return Loaded(name, found.distribution, found.version) if found else Loaded(name, "", "")

    def _components(self, origin: Loaded) -> list[tuple[str, type[Component]]]:
        self._register(origin)
        components: list[tuple[str, type[Component]]] = []
        for kind, expected in _KINDS.items():
            for component in self._provided(origin, expected.hook):
                mistake = _mistake(kind, component, origin.name) or self._taken(kind, component, components)
                if mistake:
                    raise _failed(origin, mistake)
                components.append((kind, component))
        return components

    def _register(self, origin: Loaded) -> None:
        module = self._imported(origin)
        try:
            self.manager.register(module, name=origin.name)
            self.manager.check_pending()  # after each one: at the end it would not say whose hook is misspelt
        except pluggy.PluginValidationError as error:
            raise _failed(origin, f"a hook does not fit: {_one_line(error)}") from error

    def _imported(self, origin: Loaded) -> ModuleType:
        if origin.name in self.extra:
            return self.extra[origin.name]
        found = self.found.get(origin.name)
        if found is None:
            raise _failed(origin, "it is not installed")
        if found.rivals:
            owners = " and ".join([f"{found.distribution} {found.version}", *found.rivals])
            raise _failed(origin, f"{owners} both use this name; uninstall one of them")
        try:
            module: ModuleType = found.entry_point.load()
        except Exception as error:  # a stranger's module may raise anything while it is imported
            raise _failed(origin, f"{type(error).__name__}: {_one_line(error)}", error) from error
        return module

    def _provided(self, origin: Loaded, hook: str) -> list[Any]:
        provided: list[Any] = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            if implementation.plugin_name == origin.name:
                try:
                    provided += implementation.function()
                except Exception as error:  # a stranger's hook may raise anything
                    raise _failed(origin, f"{hook}: {type(error).__name__}: {_one_line(error)}", error) from error
        return provided

    def _taken(self, kind: str, component: type[Component], own: list[tuple[str, type[Component]]]) -> str | None:
        """Say who else uses the component's name for the same kind."""
        rivals = [other for other_kind, other in own if other_kind == kind and other.name == component.name]
        if not rivals:
            return None
        first, second = _place(rivals[0]), _place(component)
        return f"two {kind}s are named {component.name!r}: {first} and {second}"

    def _drop_incomplete(self) -> None:
        """Take back plugins whose requirements are missing, until all that is left is complete."""
        while (gap := self._gap()) is not None:
            plugin, missing = gap
            origin = next(loaded for loaded in self.registry.plugins if loaded.name == plugin)
            self.registry.plugins.remove(origin)
            for kind in _KINDS:
                components = self.registry.of(kind)
                for name in [name for name, owned in components.items() if owned.plugin == plugin]:
                    del components[name]
            self.registry.failures.append(_failed(origin, f"it needs the plugin {missing!r}, which is not there"))

    def _gap(self) -> tuple[str, str] | None:
        present = {loaded.name for loaded in self.registry.plugins}
        for _, registered in self.registry.components():
            for name in registered.component.requires:
                if name not in present:
                    return registered.plugin, name
        return None


def _mistake(kind: str, component: Any, plugin: str) -> str | None:
    """Say what is wrong with a component's class, in the words its author needs."""
    expected = _KINDS[kind]
    if not (inspect.isclass(component) and issubclass(component, expected.base)):
        return f"{expected.hook} returned {component!r}, which is no subclass of {expected.base.__name__}"
    where, name = component.__qualname__, getattr(component, "name", None)
    if not isinstance(name, str) or plugin_of(name) != plugin:
        return f"{where}.name must be {plugin!r} or '{plugin}.<part>', not {name!r}"
    if not (inspect.isclass(component.config) and issubclass(component.config, PluginConfig)):
        return f"{where}.config must be a subclass of PluginConfig"
    reserved = RESERVED[kind] & component.config.model_fields.keys()
    if reserved:
        return f"{where} has an option {min(reserved)!r}, which is core's own key of a {kind}"
    if getattr(component, expected.method) is getattr(expected.base, expected.method):
        return f"{where} does not define {expected.method}()"
    if issubclass(component, Sink) and component.notices and component.notify is Sink.notify:
        return f"{where} takes notices and does not define notify()"
    if kind == "source" and not isinstance(getattr(component, "format", None), str):
        return f"{where}.format must name the normalizer that reads its observations"
    return None


def _failed(origin: Loaded, reason: str, cause: Exception | None = None) -> PluginError:
    distribution = f"{origin.distribution} {origin.version}".strip()
    owner = f" ({distribution})" if distribution else ""
    return PluginError(
        f"plugin {origin.name!r}{owner}: {reason}",
        plugin=origin.name,
        version=origin.version,
        where=_origin_of(cause),
    )


def _origin_of(error: Exception | None) -> str:
    """Return `file:line` of the innermost frame that raised."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _place(component: type[Component]) -> str:
    return f"{component.__module__}.{component.__qualname__}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
