"""The `pipelines` of a file: what feeds them, their detectors in order, their jobs, and where their signals go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stratumd.config.digests import SignalDigest
from stratumd.config.document import Entry, Items, Node, Scalar, Table
from stratumd.config.listed import Item, plugins_in, read_items
from stratumd.config.models import PricingMethods, QualityRules, When
from stratumd.config.options import Owner, read_options
from stratumd.config.reader import Reader, docs
from stratumd.config.spec import Absent, DetectorSpec, JobSpec, PipelineSpec, SinkSpec, SourceSpec, signal_types
from stratumd.config.timetable import Timetable
from stratumd.odds import Pricing
from stratumd.plugin import PluginConfig, Severity
from stratumd.plugin.known import suggest
from stratumd.registry import RESERVED, Registered

NOTICES = ("false", *Severity, "true")
"""`true` is the same as the least severity."""
_KEYS = ("sources", "detectors", "jobs", "sinks", "pricing", "operators", "quality")


def named_plugins(table: Table) -> Iterator[str]:
    """Yield the plugins that the pipelines name."""
    for entry in table.entries.values():
        if isinstance(entry.node, Table):
            yield from plugins_in(entry.node.get("detectors"))
            yield from plugins_in(entry.node.get("jobs"))
            yield from plugins_in(entry.node.get("sinks"))


def read_pipelines(table: Table, sources: Mapping[str, SourceSpec | None], reader: Reader) -> dict[str, PipelineSpec]:
    """Return the pipelines by name, in the order of the file. Mistakes are reported."""
    return {name: _Pipeline(name, entry, sources, reader).read() for name, entry in table.entries.items()}


@dataclass(frozen=True, slots=True)
class _Pipeline:
    name: str
    entry: Entry
    sources: Mapping[str, SourceSpec | None]
    """None stands for a source with mistakes: it counts as enabled."""
    reader: Reader

    def read(self) -> PipelineSpec:
        self.reader.named(self.name, "pipeline", self.entry.key)
        table = self.reader.table(self.entry.node, f"pipeline {self.name!r}", self.entry.key)
        if table is None:
            return PipelineSpec(self.name, ())
        self.reader.known_keys(table, _KEYS, f"pipeline {self.name!r}")
        listed = self._sources(table)
        running = any(self._enabled(name) for name in listed)
        detectors = self._items(table, "detector", "[consensus, move]")
        return PipelineSpec(
            self.name,
            tuple(name for name in listed if self._enabled(name)),
            tuple(self._detectors(detectors, running)),
            tuple(self._sinks(table, detectors, running)),
            self._pricing(table),
            dict(_operators(table, self.name, self.reader)),
            tuple(self._jobs(table, running)),
            self._quality(table),
            frozenset(self._isolated(listed)),
        )

    def _isolated(self, listed: list[str]) -> Iterator[str]:
        specs = [self.sources[name] for name in listed]
        return (spec.component.format for spec in specs if spec is not None and spec.enabled and spec.isolate)

    def _enabled(self, source: str) -> bool:
        spec = self.sources[source]
        if spec is None:
            return not any((each.kind, each.name) == ("source", source) for each in self.reader.absent)
        return spec.enabled

    def _sources(self, table: Table) -> list[str]:
        """Return the sources that are listed and exist."""
        entry = table.entries.get("sources")
        nodes = self._nodes(table, "sources", f"sources: [{next(iter(self.sources), 'name')}]")
        if entry is None or (not nodes and (isinstance(entry.node, Items) or _empty(entry.node))):
            self.reader.report.add(
                entry.key if entry else self.entry.key,
                f"pipeline {self.name!r} has no sources",
                hint=f"add 'sources: [{next(iter(self.sources), 'name')}]'",
            )
        names: list[str] = []
        for node in nodes:
            name = self._source(node, names)
            if name is not None:
                names.append(name)
        return names

    def _source(self, node: Node, before: list[str]) -> str | None:
        name = node.text if isinstance(node, Scalar) else None
        if name in before:
            self.reader.report.add(node.span, f"source {name!r} is listed twice", hint="remove one of the two")
        elif name in self.sources:
            return name
        else:
            message = "expected the name of a source" if name is None else f"no source {name!r} is configured"
            hint = suggest(name or "", self.sources, listed="the sources are")
            self.reader.report.add(node.span, message, hint=hint or "add it under 'sources'")
        return None

    def _nodes(self, table: Table, key: str, example: str) -> list[Node]:
        return self.reader.items(table.get(key), f"{key!r} of pipeline {self.name!r}", example)

    def _items(self, table: Table, kind: str, example: str) -> list[Item]:
        """Return the detectors, the jobs or the sinks of the file. One name must not occur twice."""
        items: list[Item] = []
        for item in read_items(self._nodes(table, f"{kind}s", f"{kind}s: {example}"), kind, self.reader):
            name = _name(item)
            given = item.options.entries.get("name") if kind == "sink" else None
            if given is not None:
                self.reader.named(name, "sink", given.node.span)
            if any(_name(other) == name for other in items):
                hint = "remove one of them" if kind != "sink" else "give one of them another 'name'"
                self.reader.report.add(item.at, f"pipeline {self.name!r} has two {kind}s named {name!r}", hint=hint)
            items.append(item)
        return items

    def _detectors(self, items: list[Item], running: bool) -> Iterator[DetectorSpec]:
        provided: set[str] = set()
        unknown = False
        for item in items:
            enabled = self.reader.enabled(item.options)
            found = self._found("detector", item, enabled)
            if found is None:
                unknown = True  # and so is what it would have provided
                continue
            if enabled and self._lacks(item, found, provided):
                continue
            if enabled and not unknown:
                self._ordered(item, found, provided, items)
            if enabled:
                provided |= set(found.component.provides)
            options = self._options("detector", item, found, enabled and running)
            if enabled and options is not None:
                yield DetectorSpec(item.name, found.component, options, self._apart(item, found))

    def _apart(self, item: Item, found: Registered) -> bool:
        """Say whether a detector is to run in a process of its own. What adds to signals of others, or hears news, does
        it here.
        """
        isolated = self.reader.isolated(item.options)
        here = None
        if found.component.annotates is not None:
            here = "adds to the signals of other detectors"
        elif found.component.hears:
            here = "hears news"
        if isolated and here is not None:
            message = f"{item.name} {here}, and cannot be isolated"
            hint = "remove it here"
            self.reader.report.add(item.options.entries["isolate"].key, message, hint=hint, docs=docs(item.name))
        return isolated

    def _found(self, kind: str, item: Item, enabled: bool) -> Registered | None:
        called = f"{self.name}.{_name(item)}"
        return self.reader.loaded(kind, item.name, item.at, item.options, called, enabled=enabled)

    def _lacks(self, item: Item, found: Registered, provided: set[str]) -> bool:
        """Leave a detector out, too, that needs what one records that is left out: it has nothing to conclude from."""
        before = [each for each in self.reader.absent if each.name.startswith(f"{self.name}.")]
        missing = set(found.component.needs) - provided
        if not missing or not any(each.kind == "detector" for each in before):
            return False
        again = any(each.again for each in before)
        reason = f"it needs {min(missing)}, which one that is left out may record"
        self.reader.leave_out(Absent("detector", f"{self.name}.{item.name}", reason, again), item.at)
        return True

    def _ordered(self, item: Item, found: Registered, provided: set[str], items: list[Item]) -> None:
        """See that what the detector needs is recorded by detectors before it."""
        for kind in sorted(set(found.component.needs) - provided):
            provider = self._provider(kind, items)
            missing = f"add '- {kind}' above it" if kind in self.reader.registry.available else None
            hint = f"move {provider!r} above it, and keep it enabled" if provider else missing
            self.reader.report.add(item.at, f"{item.name} needs {kind} before it", hint=hint, docs=docs(item.name))

    def _provider(self, kind: str, items: list[Item]) -> str | None:
        known = self.reader.registry.detectors
        names = [item.name for item in items if item.name in known]
        return next((name for name in names if kind in known[name].component.provides), None)

    def _sinks(self, table: Table, detectors: list[Item], running: bool) -> Iterator[SinkSpec]:
        for item in self._items(table, "sink", "[log]"):
            enabled = self.reader.enabled(item.options)
            found = self._found("sink", item, enabled)
            when = self._when(item, detectors)
            if found is not None:
                options = self._options("sink", item, found, enabled and running)
                name = f"{self.name}.{_name(item)}"
                isolate = self.reader.isolated(item.options)
                told = self._notices(item, found), self._digest(item, found)
                yield SinkSpec(name, item.name, found.component, options, when, enabled, isolate, *told)

    def _notices(self, item: Item, found: Registered) -> Severity | None:
        """Return which of the daemon's own messages go to a sink. Refuse it where the sink cannot take them."""
        chosen = self.reader.choice(item.options, "notices", NOTICES)
        if chosen == "false" or not self._able(item, found, "notices", "notices"):
            return None
        return Severity.INFO if chosen == "true" else Severity(chosen)

    def _digest(self, item: Item, found: Registered) -> SignalDigest | None:
        """Return the digest that a sink gets: a notice of its own. Refuse it where the sink cannot take notices."""
        if "digest" not in item.options.entries or not self._able(item, found, "digest", "a digest"):
            return None
        return self.reader.section(SignalDigest, item.options, "digest", f"'digest' of sink {item.name!r}")

    def _able(self, item: Item, found: Registered, key: str, called: str) -> bool:
        """Say whether a sink can take notices; where it cannot, that is a mistake of `key`."""
        if not found.component.notices:
            able = sorted(name for name, each in self.reader.registry.sinks.items() if each.component.notices)
            hint = f"remove it here, and set it for one that can: {', '.join(able) or 'log, email'}"
            message = f"sink {item.name!r} cannot take {called}"
            self.reader.report.add(item.options.entries[key].key, message, hint=hint, docs=docs(item.name))
        return bool(found.component.notices)

    def _jobs(self, table: Table, running: bool) -> Iterator[JobSpec]:
        for item in self._items(table, "job", "[clv]"):
            enabled = self.reader.enabled(item.options)
            found = self._found("job", item, enabled)
            schedule = self.reader.section(Timetable, item.options, "schedule", f"schedule of job {item.name!r}")
            if found is None or schedule is None:
                continue
            options = self._options("job", item, found, enabled and running)
            if enabled and options is not None:
                given = "schedule" in item.options.entries
                when = schedule if given else Timetable(every=found.component.every)
                yield JobSpec(f"{self.name}.{item.name}", item.name, found.component, options, when)

    def _when(self, item: Item, detectors: list[Item]) -> When:
        when = self.reader.section(When, item.options, "when", f"'when' of sink {item.name!r}")
        given = item.options.get("when")
        types = given.get("types") if isinstance(given, Table) else None
        known = self._signal_types(detectors)
        for node in types.items if known and isinstance(types, Items) else []:
            if isinstance(node, Scalar) and node.text not in known:
                message = f"no detector of pipeline {self.name!r} gives signals of type {node.text!r}"
                self.reader.report.add(node.span, message, hint=suggest(node.text, known, listed="they give"))
        return when or When()

    def _signal_types(self, detectors: list[Item]) -> Sequence[str]:
        """Return the types that the pipeline can give; none where a detector does not declare its own."""
        known = self.reader.registry.detectors
        if any(item.name not in known for item in detectors):
            return ()
        return signal_types([known[item.name].component for item in detectors]) or ()

    def _options(self, kind: str, item: Item, found: Registered, needed: bool) -> PluginConfig | None:
        model: type[PluginConfig] = found.component.config
        nested = {"when": When.model_fields} if kind == "sink" else {}
        owner = Owner(f"{kind} {item.name!r}", item.at, docs(item.name), nested=nested)
        report, surroundings = self.reader.report, self.reader.surroundings
        return read_options(model, item.options, owner, report, surroundings, skip=RESERVED[kind], needed=needed)

    def _pricing(self, table: Table) -> Pricing:
        label = f"'pricing' of pipeline {self.name!r}"
        return (self.reader.section(PricingMethods, table, "pricing", label) or PricingMethods()).pricing()

    def _quality(self, table: Table) -> QualityRules:
        label = f"'quality' of pipeline {self.name!r}"
        return self.reader.section(QualityRules, table, "quality", label) or QualityRules()


def _operators(table: Table, pipeline: str, reader: Reader) -> Iterator[tuple[str, str]]:
    """Yield each book with its operator; a book belongs to one."""
    entry = table.entries.get("operators")
    operators = reader.table(entry.node, f"'operators' of pipeline {pipeline!r}", entry.key) if entry else None
    seen: dict[str, str] = {}
    for operator, listed in operators.entries.items() if operators else ():
        for node in reader.items(listed.node, f"operator {operator!r}", f"{operator}: [book, another_book]"):
            book = node.text if isinstance(node, Scalar) else ""
            if not book or book in seen:
                message = f"book {book!r} already belongs to {seen[book]!r}" if book else "expected a book's key"
                reader.report.add(
                    node.span,
                    message,
                    hint="a book belongs to one operator" if book else "write it as a text, such as lowvig",
                )
            else:
                seen[book] = operator
                yield book, operator


def _name(item: Item) -> str:
    """Return what a sink is called in its pipeline: its `name`, or what it is."""
    given = item.options.get("name")
    if given is None:
        return item.name
    return given.text if isinstance(given, Scalar) else ""


def _empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
