"""The `http` of a file: where it listens, and what plugins answer there."""

from __future__ import annotations

from collections.abc import Iterator

from stratumd.config.document import Scalar, Table
from stratumd.config.listed import Item, plugins_in, read_items
from stratumd.config.models import HttpSpec
from stratumd.config.options import Owner, read_options
from stratumd.config.reader import Reader, docs
from stratumd.config.spec import RoutesSpec
from stratumd.registry import RESERVED, Registered

KEY = "routes"


def named_plugins(root: Table) -> Iterator[str]:
    """Yield the plugins whose routes the file names."""
    table = _table(root)
    if table is not None:
        yield from plugins_in(table.get(KEY))


def read_http(root: Table, reader: Reader) -> tuple[HttpSpec | None, tuple[RoutesSpec, ...]]:
    """Return where HTTP is served, None where the file has no `http`, or `http: off`; and the routes of plugins."""
    entry = root.entries.get("http")
    if entry is None or (isinstance(entry.node, Scalar) and entry.node.text in ("off", "false")):
        return None, ()
    values = reader.table(entry.node, "'http'", entry.key)
    if values is None:
        return None, ()
    owner = Owner("'http'", entry.key)
    http = read_options(HttpSpec, values, owner, reader.report, reader.surroundings, skip=(KEY,))
    return http, tuple(_routes(values, reader))


def _routes(values: Table, reader: Reader) -> Iterator[RoutesSpec]:
    listed = reader.items(values.get(KEY), "'routes' of 'http'", "routes: [partner-api]")
    read: list[tuple[Item, Registered]] = []
    for item in read_items(listed, KEY, reader):
        if any(item.name == other.name for other, _ in read):
            reader.report.add(item.at, f"'http' has two routes named {item.name!r}", hint="remove one of them")
            continue
        enabled = reader.enabled(item.options)
        found = reader.component(KEY, item.name, item.at, enabled=enabled)
        if found is not None and enabled:
            read.append((item, found))
    for item, found in read:
        _complete(item, found, read, reader)
        owner = Owner(f"routes {item.name!r}", item.at, docs(item.name))
        model, skip = found.component.config, RESERVED[KEY]
        options = read_options(model, item.options, owner, reader.report, reader.surroundings, skip=skip)
        if options is not None:
            yield RoutesSpec(item.name, found.component, options)


def _complete(item: Item, found: Registered, read: list[tuple[Item, Registered]], reader: Reader) -> None:
    """See that what the routes need of others is provided by some that are enabled."""
    provided = {kind for _, each in read for kind in each.component.provides}
    for kind in found.component.needs:
        if kind not in provided:
            able = [name for name, each in reader.registry.routes.items() if kind in each.component.provides]
            hint = f"add '- {able[0]}' to 'routes'" if able else f"add the routes that provide {kind.__name__}"
            message = f"{item.name} needs {kind.__name__}, which no routes here provide"
            reader.report.add(item.at, message, hint=hint, docs=docs(item.name))


def _table(root: Table) -> Table | None:
    entry = root.entries.get("http")
    return entry.node if entry is not None and isinstance(entry.node, Table) else None
