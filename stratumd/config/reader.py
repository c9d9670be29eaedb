"""What all parts of a file have in common: expecting a shape, conditions, components by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from pydantic import BaseModel

from stratumd.config.document import Items, Node, Scalar, Table
from stratumd.config.models import NAME
from stratumd.config.options import Owner, read_options
from stratumd.config.references import Surroundings
from stratumd.config.report import Report, Span
from stratumd.config.spec import Absent
from stratumd.plugin.known import suggest
from stratumd.registry import Registered, Registry, discover, plugin_of

Model = TypeVar("Model", bound=BaseModel)

_CONDITION = re.compile(r"(?P<how>if-env|unless-env)\s+(?P<variable>[A-Za-z_][A-Za-z0-9_]*)")
_PLACES = {
    "source": "give it to a source as 'use'",
    "detector": "list it under 'detectors'",
    "sink": "list it under 'sinks'",
    "job": "list it under 'jobs'",
    "routes": "list it under 'routes' of 'http'",
}
ON_ERROR = ("stop", "retry", "disable")
"""What may become of a component whose plugin cannot be loaded: nothing starts, it is tried again, it stays away."""
ISOLATE = ("none", "process")
"""Where a component runs: in the daemon's process, or in one of its own."""
_ENABLED_HINT = "write true, false, if-env NAME or unless-env NAME"


@dataclass(frozen=True, slots=True)
class Reader:
    """One file being read."""

    report: Report
    surroundings: Surroundings
    registry: Registry
    absent: list[Absent] = field(default_factory=list)
    """What is left out because its plugin cannot be loaded."""

    def table(self, node: Node, what: str, owner: Span) -> Table | None:
        """Return `node` as a mapping; an empty value is an empty mapping."""
        if isinstance(node, Table):
            return node
        if isinstance(node, Scalar) and node.value is None:
            return Table({}, owner)
        self.report.add(
            node.span, f"{what}: expected a mapping", hint="write its keys below it, indented: 'key: value'"
        )
        return None

    def items(self, node: Node | None, what: str, example: str) -> list[Node]:
        """Return the items of a list; none where it is empty or not there."""
        if isinstance(node, Items):
            return node.items
        if node is not None and not (isinstance(node, Scalar) and node.value is None):
            self.report.add(node.span, f"{what}: expected a list", hint=f"write {example}")
        return []

    def named(self, name: str, what: str, at: Span) -> None:
        """Refuse a name that cannot become part of ids and metrics."""
        if not NAME.fullmatch(name):
            self.report.add(
                at,
                f"{name!r} cannot be the name of a {what}",
                hint="a name begins with a letter; letters, digits, '-' and '_' follow, 63 at most",
            )

    def known_keys(self, table: Table, keys: Collection[str], where: str) -> None:
        """Refuse keys of core's own that do not exist."""
        for key, entry in table.entries.items():
            if key not in keys:
                hint = suggest(key, keys, listed="its keys are")
                self.report.add(entry.key, f"unknown key {key!r} in {where}", hint=hint)

    def section(self, model: type[Model], table: Table, key: str, label: str = "") -> Model | None:
        """Return a section of core's own; its defaults where the file does not have it."""
        entry = table.entries.get(key)
        if entry is None:
            return model()
        owner = Owner(label or f"'{key}'", entry.key)
        values = self.table(entry.node, owner.label, entry.key)
        if values is None:
            return None
        return read_options(model, values, owner, self.report, self.surroundings)

    def enabled(self, table: Table) -> bool:
        """Say whether the component of `table` is enabled. A condition that cannot be read counts as true."""
        entry = table.entries.get("enabled")
        if entry is None:
            return True
        verdict = condition(entry.node, self.surroundings)
        if verdict is None:
            self.report.add(entry.node.span, "'enabled' cannot be read", hint=_ENABLED_HINT)
        return verdict is not False

    def choice(self, table: Table, key: str, choices: Sequence[str]) -> str:
        """Return which of `choices` a key of core's own names; the first where it names none."""
        entry = table.entries.get(key)
        if entry is None:
            return choices[0]
        given = entry.node.text if isinstance(entry.node, Scalar) else ""
        if given in choices:
            return given
        hint = suggest(given, choices) or f"write {key}: {choices[-1]}"
        self.report.add(entry.node.span, f"{key!r}: expected one of {', '.join(choices)}", hint=hint)
        return choices[0]

    def isolated(self, table: Table) -> bool:
        """Say whether a component is to run in a process of its own."""
        return self.choice(table, "isolate", ISOLATE) == "process"

    def loaded(
        self, kind: str, name: str, at: Span, table: Table, called: str, *, enabled: bool = True
    ) -> Registered | None:
        """Return a component as `component` does, unless its `on_error` lets the rest start without it.

        `called` is its name in the file.
        """
        on_error = self.choice(table, "on_error", ON_ERROR)
        plugin = plugin_of(name)
        failure = self.registry.failure(plugin)
        missing = plugin not in self.registry.available
        if on_error == "stop" or not enabled or not (failure or missing):
            return self.component(kind, name, at, enabled=enabled)
        reason = str(failure) if failure else f"no plugin {plugin!r} is installed"
        self.leave_out(Absent(kind, called, reason, on_error == "retry", plugin), at)
        return None

    def leave_out(self, absent: Absent, at: Span) -> None:
        """Leave a component out, and warn of it."""
        self.absent.append(absent)
        self.report.add(at, f"{absent.kind} {absent.name!r} is left out: {absent.reason}", severity="warning")

    def component(self, kind: str, name: str, at: Span, *, enabled: bool = True) -> Registered | None:
        """Return the component that the file calls `name`, or None after saying why there is none."""
        plugin = plugin_of(name)
        if plugin not in self.registry.available:
            hint = suggest(name, self.registry.available) or "'stratumd plugins' lists what is installed"
            self.report.add(at, f"no plugin {plugin!r} is installed", hint=hint)
            return None
        found = self.registry.of(kind).get(name)
        failure = self.registry.failure(plugin)
        if found is None and failure is None:
            self.report.add(at, f"plugin {plugin!r} has no {kind} {name!r}", hint=self._others(plugin, kind))
        elif found is None and enabled:
            self.report.add(at, f"{failure}", hint=f"at {failure.where}" if failure and failure.where else None)
        return found

    def _others(self, plugin: str, kind: str) -> str | None:
        owned = [(other, found) for other, found in self.registry.components() if found.plugin == plugin]
        same = [found.component.name for other, found in owned if other == kind]
        if same:
            return f"did you mean {same[0]!r}?" if len(same) == 1 else f"it has {', '.join(same)}"
        kinds = list(dict.fromkeys(other for other, _ in owned if other in _PLACES))
        return f"it is a {kinds[0]}: {_PLACES[kinds[0]]}" if kinds else None


def condition(node: Node, surroundings: Surroundings) -> bool | None:
    """Return what `enabled:` says here, or None where it says nothing that can be understood."""
    if not isinstance(node, Scalar):
        return None
    if isinstance(node.value, bool):
        return node.value
    match = _CONDITION.fullmatch(node.text.strip())
    if match is None:
        return None
    return surroundings.set(match["variable"]) is (match["how"] == "if-env")


def docs(component: str) -> str:
    """Return where the plugin that a component belongs to is described: a stranger's where its packaging says."""
    plugin = plugin_of(component)
    return _elsewhere().get(plugin, f"plugins/{plugin}")


@cache
def _elsewhere() -> dict[str, str]:
    """Return the pages of the plugins that stratumd does not bring along, read once: new ones need a restart."""
    return {name: found.page for name, found in discover().items() if found.distribution != "stratumd"}
