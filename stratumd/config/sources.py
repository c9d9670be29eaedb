"""The `sources` of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stratumd.config.document import Entry, Scalar, Table
from stratumd.config.options import Owner, read_options
from stratumd.config.reader import Reader, docs
from stratumd.config.report import Span
from stratumd.config.schedules import Budget, Schedule
from stratumd.config.spec import SourceSpec
from stratumd.plugin import PluginConfig
from stratumd.registry import RESERVED, Registered, plugin_of


def named_plugins(table: Table) -> Iterator[str]:
    """Yield the plugins that the sources name."""
    for entry in table.entries.values():
        use = entry.node.get("use") if isinstance(entry.node, Table) else None
        if isinstance(use, Scalar) and isinstance(use.value, str):
            yield plugin_of(use.value)


def read_sources(table: Table, reader: Reader) -> Mapping[str, SourceSpec | None]:
    """Return the sources by name, in the order of the file; None for one whose plugin is not there."""
    return {name: _source(name, entry, reader) for name, entry in table.entries.items()}


def _source(name: str, entry: Entry, reader: Reader) -> SourceSpec | None:
    reader.named(name, "source", entry.key)
    table = reader.table(entry.node, f"source {name!r}", entry.key)
    if table is None:
        return None
    enabled = reader.enabled(table)
    use = _use(name, entry, table, reader)
    found = reader.loaded("source", use, _at(table, entry), table, name, enabled=enabled) if use else None
    schedule = _schedule(name, entry, table, found, reader)
    budget = _budget(name, table, found, reader)
    if use is None or found is None:
        return None
    owner = Owner(f"source {name!r}", entry.key, docs(use))
    options = read_options(
        found.component.config,
        table,
        owner,
        reader.report,
        reader.surroundings,
        skip=RESERVED["source"],
        needed=enabled,
    )
    _capped(name, found, options, budget, table, entry, reader)
    _told_apart(name, found, options, schedule, table, entry, reader)
    _readable(found, table, entry, reader)
    return SourceSpec(name, use, found.component, options, schedule, enabled, budget, reader.isolated(table))


def _use(name: str, entry: Entry, table: Table, reader: Reader) -> str | None:
    node = table.get("use")
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
        return node.value
    if node is None:
        reader.report.add(entry.key, f"source {name!r} does not say which plugin it uses", hint="add 'use: odds-api'")
    else:
        reader.report.add(
            node.span, f"'use' of source {name!r}: expected the name of a plugin", hint="write use: odds-api"
        )
    return None


def _at(table: Table, entry: Entry) -> Span:
    node = table.get("use")
    return node.span if node is not None else entry.key


def _schedule(name: str, entry: Entry, table: Table, found: Registered | None, reader: Reader) -> Schedule | None:
    continuous = found is not None and found.component.continuous
    given = table.entries.get("schedule")
    if given is None:
        if found is not None and not continuous:
            reader.report.add(
                entry.key,
                f"source {name!r} has no schedule",
                hint="add 'schedule: {every: 60s}'",
                docs=docs(found.plugin),
            )
        return None
    if continuous:
        reader.report.add(
            given.key,
            f"source {name!r} takes no schedule: it runs until its input ends",
            hint="remove 'schedule'",
            docs=docs(found.plugin) if found else None,
        )
        return None
    schedule = reader.section(Schedule, table, "schedule", f"schedule of source {name!r}")
    if schedule is not None and schedule.bands and found is not None and not found.component.by_event:
        reader.report.add(
            given.key,
            f"source {name!r} takes no 'cadence': its provider cannot be asked about single events",
            hint="write {every: 60s}",
            docs=docs(found.plugin),
        )
    return schedule


def _budget(name: str, table: Table, found: Registered | None, reader: Reader) -> Budget:
    given = table.entries.get("budget")
    if given is not None and found is not None and found.component.continuous:
        reader.report.add(
            given.key,
            f"source {name!r} takes no budget: it asks no provider",
            hint="remove 'budget'",
            docs=docs(found.plugin),
        )
        return Budget()
    return reader.section(Budget, table, "budget", f"budget of source {name!r}") or Budget()


def _capped(
    name: str,
    found: Registered,
    options: PluginConfig | None,
    budget: Budget,
    table: Table,
    entry: Entry,
    reader: Reader,
) -> None:
    """What a source asks in a rhythm of its own costs credits beside its schedule: never without a limit."""
    for cycle in () if options is None else found.component.cycles(options):
        if cycle.name not in budget.features:
            reader.report.add(
                table.entries.get(cycle.name, entry).key,
                f"{cycle.name!r} of source {name!r} has no budget of its own",
                hint=f"add 'budget: {{features: {{{cycle.name}: 200}}}}', in credits a day",
                docs=docs(found.plugin),
            )


def _told_apart(
    name: str,
    found: Registered,
    options: PluginConfig | None,
    schedule: Schedule | None,
    table: Table,
    entry: Entry,
    reader: Reader,
) -> None:
    """In the poll log a band and a cycle stand by their names."""
    bands = {band.name for band in schedule.bands} if schedule is not None else set()
    for cycle in () if options is None else found.component.cycles(options):
        if cycle.name in bands:
            reader.report.add(
                table.entries.get("schedule", entry).key,
                f"a band of source {name!r} is called {cycle.name!r}, like what it asks in a rhythm of its own",
                hint="give the band another name",
                docs=docs(found.plugin),
            )


def _readable(found: Registered, table: Table, entry: Entry, reader: Reader) -> None:
    form = found.component.format
    if form not in reader.registry.normalizers:
        reader.report.add(
            _at(table, entry),
            f"nothing that is installed reads what this source fetches (format {form!r})",
            hint=f"install the plugin {plugin_of(form)!r}",
        )
